"""What a person chooses about a filter, as the rules read it. No Django."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from hardexamples.rules import AUGMENTATIONS, MODELARTS_AUGMENTATIONS, MODELARTS_WEIGHTS
from hardexamples.rules.low_confidence import MEASURES

FUSIONS = ("fitted", "weights")


@dataclass(frozen=True)
class FilterSettings:
    """What a person chooses about a filter.

    Args:
        weights: weight >= 0 by algorithm; an algorithm that is missing or 0 is switched off.
        fusion: "fitted" learns the weights of the rules from the reference and falls back to `weights`
            where it cannot; "weights" always uses `weights`.
        threshold: a coefficient of at least this is hard, 0..1.
        measure: how doubt is measured: "margin", "entropy", "least_confidence" or "max_probability".
        augmentations: weight >= 0 by operation of `AUGMENTATIONS`; none switches aug_consistent_mining off.
        control_share: share of the unflagged that is added blindly, 0..1; at least one image where it is
            above 0.
        control_cap: never more control images than this.
        cap: never more hard examples than this, hard and unlike each other; None for all.
        second_look_images: at most so many undecided images are changed and shown to the model again.
        second_look_seconds: none is begun after so many seconds.
        random_state: seed of everything random.

    Raises:
        ValueError: a number out of its range, or an unknown name.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(MODELARTS_WEIGHTS))
    fusion: str = "fitted"
    threshold: float = 0.1
    measure: str = "margin"
    augmentations: Mapping[str, float] = field(default_factory=lambda: dict(MODELARTS_AUGMENTATIONS))
    control_share: float = 0.02
    control_cap: int = 50
    cap: int | None = None
    second_look_images: int = 300
    second_look_seconds: float = 120
    random_state: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.weights) - set(MODELARTS_WEIGHTS)
        if unknown:
            raise ValueError(f"unknown algorithm {sorted(unknown)[0]!r}")
        if not all(math.isfinite(w) and w >= 0 for w in self.weights.values()) or not any(self.weights.values()):
            raise ValueError("weights must be finite, not negative, and not all 0")
        if not set(self.augmentations) <= set(AUGMENTATIONS):
            raise ValueError("unknown augmentation")
        if not all(math.isfinite(w) and w >= 0 for w in self.augmentations.values()):
            raise ValueError("weights of augmentations must be finite and not negative")
        if self.fusion not in FUSIONS or self.measure not in MEASURES:
            raise ValueError(f"unknown fusion {self.fusion!r} or measure {self.measure!r}")
        if not (0 <= self.threshold <= 1 and 0 <= self.control_share <= 1):
            raise ValueError("threshold and control_share are between 0 and 1")
        if self.control_cap < 0 or (self.cap is not None and self.cap < 0):
            raise ValueError("control_cap and cap are not negative")
        if not (self.second_look_images >= 0 and self.second_look_seconds >= 0):
            raise ValueError("the budget of the second look is not negative")

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The settings that `as_dict` wrote. Missing keys take their default.

        Raises:
            ValueError: an unknown key or a value out of range.
        """
        unknown = set(values) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"unknown setting {sorted(unknown)[0]!r}")
        return cls(**values)
