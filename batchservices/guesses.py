"""Fields of a profile with the reasons for their values, and what ports tell by name and shape. No Django."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from config.refusals import Refused

KNOWN, LIKELY, GUESS = "known", "likely", "guess"
SURE = frozenset({"Softmax", "Sigmoid", "Normalizer", "ZipMap"})  # what ends in these gives probabilities

type Port = dict[str, Any]


@dataclass
class Guesses:
    """Fields of a profile with the reasons for their values.

    Attributes:
        values: by field, without the prefix "output." or "input.".
        why: by field {"sure": known (the file says so), likely or guess, "because": one sentence}.
        classes: how many classes the outputs have, None where they do not tell.
        family: who trains such models: ultralytics, yolox, detr, rtdetr, ssd, torchvision, tensorflow, or "".
    """

    values: dict[str, Any] = field(default_factory=dict)
    why: dict[str, dict[str, str]] = field(default_factory=dict)
    classes: int | None = None
    family: str = ""

    def say(self, sure: str, because: str, **values: Any) -> None:
        """Sets fields, all for one reason."""
        self.values |= values
        self.why |= {name: {"sure": sure, "because": because} for name in values}


def called(ports: Iterable[Port], words: tuple[str, ...]) -> Port | None:
    """The first port whose name holds one of these words."""
    return next((port for port in ports if any(word in port["name"].lower() for word in words)), None)


def last_sides(port: Port) -> tuple[int | None, int | None]:
    """The last two sides of a port, None for free or missing ones."""
    sides = [None, None, *(port["shape"] or [])]
    return sides[-2], sides[-1]


def shown(side: int | None) -> str:
    return "any" if side is None else str(side)


def signature(ports: Iterable[Port]) -> str:
    """Ports as people read them: "images (float32, 1 x 3 x any x any)"."""
    words = []
    for port in ports:
        sides = " x ".join(map(shown, port["shape"])) if port["shape"] else "one number or any shape"
        words.append(f"{readable(port['name'])} ({port['dtype'] or 'no numbers'}, {sides})")
    return ", ".join(words)[:300]


def readable(name: str) -> str:
    """A stranger's name, fit for a sentence."""
    return "".join(letter for letter in name if letter.isprintable())[:64]


def unknown(words: str) -> Refused:
    return Refused("unknown_output", words, field="output.kind")
