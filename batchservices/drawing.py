"""A prediction as a page draws it: boxes over the picture, or bars for a classifier. Plain values for templates."""

import zlib
from dataclasses import dataclass
from typing import Any

from batchservices.predictions import Detection, from_modelarts

COLORS = 8
"""How many colors the style sheet has for boxes; a label always gets the same one."""
SURE = 0.5
LISTED = 8
LABEL_LENGTH = 24
LETTER_WIDTH = 0.62
"""Of a usual letter, as a share of its height: what stands at the right edge is moved in by as much as it needs."""


@dataclass(frozen=True)
class DrawnBox:
    """A box in pixels of the upright image; `short` and its confidence stand above it, at `text_x` and `text_y`."""

    x: float
    y: float
    width: float
    height: float
    label: str
    short: str
    confidence: float
    color: int
    doubtful: bool
    text_x: float
    text_y: float


@dataclass(frozen=True)
class Drawn:
    """What a model said about an image.

    Attributes:
        boxes: what it saw, the largest first so that none hides another; empty for a classifier.
        listed: the surest boxes, for those who cannot see the drawing; more: how many others there are.
        bars: of a classifier its surest labels with their confidences.
        letter: the height of a letter, in pixels of the image.
        nothing: whether a detector found nothing.
    """

    width: int
    height: int
    boxes: list[DrawnBox]
    listed: list[DrawnBox]
    more: int
    bars: list[tuple[str, float]]
    letter: float
    nothing: bool


def drawn(prediction: dict[str, Any], width: int, height: int) -> Drawn:
    """A prediction over its image.

    Args:
        prediction: ModelArts' JSON.
        width, height: of the upright image in pixels.

    Raises:
        Refused: as `batchservices.predictions.from_modelarts`.
    """
    said = from_modelarts(prediction)
    letter = max(width, height) / 26
    if not isinstance(said, Detection):
        return Drawn(width, height, [], [], 0, list(said.scores) or [(said.label, 0.0)], letter, nothing=False)
    boxes = [
        DrawnBox(
            x=xmin,
            y=ymin,
            width=xmax - xmin,
            height=ymax - ymin,
            label=label,
            short=_short(label),
            confidence=confidence,
            color=zlib.crc32(label.encode()) % COLORS,
            doubtful=confidence < SURE,
            text_x=max(0.0, min(xmin, width - letter * LETTER_WIDTH * len(f"{_short(label)} 0.00"))),
            text_y=ymin - letter * 0.3 if ymin > letter * 1.2 else ymin + letter,
        )
        for label, (xmin, ymin, xmax, ymax), confidence in zip(said.labels, said.boxes, said.confidences, strict=True)
    ]
    surest = sorted(boxes, key=lambda box: -box.confidence)
    largest = sorted(boxes, key=lambda box: -box.width * box.height)
    return Drawn(
        width, height, largest, surest[:LISTED], len(boxes) - len(surest[:LISTED]), [], letter, nothing=not boxes
    )


def _short(label: str) -> str:
    return label if len(label) <= LABEL_LENGTH else f"{label[:LABEL_LENGTH]}…"
