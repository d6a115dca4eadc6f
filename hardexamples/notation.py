"""ModelArts' own notation of a filter: `clustering_mining:0.2020+predict_score_mining:0.3900`.

Source: operator "Data Selection (Hard Examples)", parameters `comprehensive_algo_config`, `aug_op_config` and
`algo_hard_threshold`. Reading is strict; writing gives the shortest number that reads back exactly, with at
least four decimals for weights as ModelArts prints them.
"""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal

from config.refusals import Refused
from hardexamples.rules import AUGMENTATIONS, MODELARTS_AUGMENTATIONS, MODELARTS_WEIGHTS

__all__ = [
    "AUGMENTATIONS",
    "MODELARTS_AUGMENTATIONS",
    "MODELARTS_THRESHOLD",
    "MODELARTS_WEIGHTS",
    "format_augmentations",
    "format_threshold",
    "format_weights",
    "parse_augmentations",
    "parse_threshold",
    "parse_weights",
]

MODELARTS_THRESHOLD = 0.1


def parse_weights(text: str) -> dict[str, float]:
    """Weights by algorithm, in the order given.

    Raises:
        Refused: unknown or repeated algorithm, a weight that is no finite number >= 0, nothing at all, or
            only zeros.
    """
    field = "comprehensive_algo_config"
    weights = _parse(text, names=MODELARTS_WEIGHTS, field=field)
    if not any(weights.values()):
        raise Refused("invalid_notation", "At least one algorithm needs a weight above 0.", field=field)
    return weights


def parse_augmentations(text: str) -> dict[str, float]:
    """Weights by operation, in the order given; an empty text is no operation.

    Raises:
        Refused: unknown or repeated operation, or a number that is not finite and >= 0.
    """
    return _parse(text, names=AUGMENTATIONS, field="aug_op_config") if text.strip() else {}


def parse_threshold(text: str) -> float:
    """`algo_hard_threshold`: a number in 0..1.

    Raises:
        Refused: anything else.
    """
    threshold = _number(text, field="algo_hard_threshold")
    if threshold > 1:
        raise Refused("invalid_notation", "The threshold must be between 0 and 1.", field="algo_hard_threshold")
    return threshold


def format_weights(weights: Mapping[str, float]) -> str:
    """The text that `parse_weights` reads back to the same numbers."""
    return "+".join(f"{name}:{_decimals(weight, least=4)}" for name, weight in weights.items())


def format_augmentations(weights: Mapping[str, float]) -> str:
    """The text that `parse_augmentations` reads back to the same numbers."""
    return "+".join(f"{name}:{_decimals(weight, least=1)}" for name, weight in weights.items())


def format_threshold(threshold: float) -> str:
    """The text that `parse_threshold` reads back to the same number."""
    return _decimals(threshold, least=1)


def _parse(text: str, *, names: Collection[str], field: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.strip().split("+"):
        name, colon, number = (piece.strip() for piece in part.partition(":"))
        if not colon:
            raise Refused("invalid_notation", "Write name:number, joined by +.", field=field, item=part[:80])
        if name not in names:
            known = ", ".join(names)
            raise Refused("invalid_notation", f"Unknown name; known are {known}.", field=field, item=name[:80])
        if name in weights:
            raise Refused("invalid_notation", "The same name stands there twice.", field=field, item=name)
        weights[name] = _number(number, field=field, item=name)
    return weights


def _number(text: str, *, field: str, item: str | None = None) -> float:
    plain = text.strip()
    try:
        number = float(plain) if plain.isascii() and "_" not in plain else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or math.copysign(1.0, number) < 0:
        raise Refused(
            "invalid_notation", "The number must be finite and not negative.", field=field, item=item or plain[:80]
        )
    return number


def _decimals(number: float, *, least: int) -> str:
    """Without an exponent: the plus sign of one would be read as the next name."""
    rounded = f"{number:.{least}f}"
    if float(rounded) == number:
        return rounded
    return format(Decimal(repr(float(number))), "f")
