"""What the page of a sample says about it, read from JSON that may hold anything."""

import math
from typing import Any

from config.refusals import Refused
from datasets.inputs import MAX_BOXES
from datasets.intake import Claim
from datasets.models import Annotation

KEYS = {"label", "box"}


def read(said: Any) -> list[Claim] | None:
    """The claims of `[{"label": name, "box": [xmin, ymin, xmax, ymax] or null}, ...]`; None for null: what stands.

    The numbers are kept to the last bit. What they mean for the image is the verb's to judge.

    Raises:
        Refused: bad_claims, too_many_boxes.
    """
    if said is None:
        return None
    if not isinstance(said, list):
        raise _refused("a list of labels is expected")
    if len(said) > MAX_BOXES:
        raise Refused("too_many_boxes", f"An image has at most {MAX_BOXES:,} boxes.", field="claims")
    return [_claim(entry, place) for place, entry in enumerate(said)]


def _claim(entry: Any, place: int) -> Claim:
    if not isinstance(entry, dict) or not set(entry) <= KEYS or not isinstance(entry.get("label"), str):
        raise _refused(f"entry {place + 1} is not a label with its box")
    box = entry.get("box")
    if box is None:
        return Claim(label=entry["label"], by=Annotation.By.HUMAN)
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(number) for number in box):
        raise _refused(f"the box of entry {place + 1} is not four numbers")
    xmin, ymin, xmax, ymax = (float(number) for number in box)
    return Claim(label=entry["label"], box=(xmin, ymin, xmax, ymax), by=Annotation.By.HUMAN)


def _is_number(value: Any) -> bool:
    """A number that a pixel can have; True is none, although Python counts with it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e9 and math.isfinite(value)


def _refused(words: str) -> Refused:
    return Refused("bad_claims", f"The page sent something that is not understood: {words}. Reload it.", field="claims")
