"""The boxes in a detector's outputs, whatever form they come in: the ones it is sure enough of, the surest first.

Boxes keep the numbers the model gave them; `batchservices.answers` turns them into pixels. Every score that is read
must be finite and, after the profile's activation, lie in [0, 1]. No Django; runs in a sandbox.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchservices.profile import RAW, Output
from config.refusals import Refused

ROUNDING = 1e-3
"""How far over 0 and 1 a score may be: half precision."""

MAX_CANDIDATES = 200_000
"""Boxes of any score that a model may return for one image; a YOLO grid of 1280 pixels has 102,000."""

MAX_NUMBERS = 50_000_000
MOST_COMPARED = 30_000
"""Of raw candidates above the threshold, the surest ones that are looked at; suppression compares each with many."""


@dataclass(frozen=True)
class Candidates:
    """Boxes at or above the score threshold, the surest first.

    Attributes:
        boxes: (n, 4) float64, as the model gave them.
        scores: (n,) float64 in [0, 1].
        classes: (n,) int64, indices into the class names.
        places: (n,) int64, which of all that the model gave each is.
        given: how many the model gave.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    places: np.ndarray
    given: int


def read_candidates(outputs: dict[str, Any], output: Output, classes: int) -> Candidates:
    """What the outputs of a detector say.

    Args:
        outputs: by name.
        output: the profile's output, of a kind for detection.
        classes: how many class names there are.

    Raises:
        Refused: bad_output, length_mismatch, bad_scores, too_many_boxes.
    """
    ports = {field: _numbers(outputs[name], field) for field, name in output.ports.items()}
    match output.kind:
        case "grid":
            boxes, scores, numbers = _of_grid(ports["boxes"], output, classes)
        case "boxes_scores":
            boxes, scores = _boxes(ports["boxes"]), ports["scores"]
            if (classes, output.background, scores.size) == (1, "none", len(boxes)):
                scores = scores.reshape(-1, 1)
            numbers, scores = _best(_table(scores, "scores"), output, classes)
        case "rows":
            boxes, scores, numbers = _of_rows(ports["boxes"], output)
        case "scored_boxes":
            rows, numbers = _boxes(ports["boxes"], width=5), ports["classes"].reshape(-1)
            boxes, scores = rows[:, :4], rows[:, 4]
        case "selected":
            boxes, scores, numbers = _of_selected(ports["boxes"], ports["scores"], ports["indices"])
        case _:
            boxes, scores, numbers = _boxes(ports["boxes"]), ports["scores"].reshape(-1), ports["classes"].reshape(-1)
            if "count" in ports:
                count = _count(ports["count"], len(boxes))
                boxes, scores, numbers = boxes[:count], scores[:count], numbers[:count]
    if not len(boxes) == scores.size == numbers.size:
        raise Refused("length_mismatch", "The model gives boxes, scores and classes that differ in number.")
    scores = _in_range(scores.astype(np.float64))
    kept = np.flatnonzero(scores >= output.score_threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    if output.suppression != "none":
        kept = kept[:MOST_COMPARED]
    numbers = numbers[kept] if output.kind in RAW else _known(numbers[kept], classes, first=output.class_offset)
    return Candidates(boxes[kept].astype(np.float64), scores[kept], numbers, kept, len(scores))


def _of_grid(grid: np.ndarray, output: Output, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    grid = _table(grid, "boxes")
    if output.transposed:
        grid = grid.T
    before = 5 if output.objectness else 4
    if len(grid) > MAX_CANDIDATES:
        raise _too_many()
    best, scores = _best(grid[:, before : grid.shape[1] - output.extra], output, classes)
    if output.objectness:
        there = grid[:, 4].astype(np.float64)
        scores = scores * _in_range(_sigmoid(there) if output.activation == "sigmoid" else there)
    return grid[:, :4], scores, best


def _of_rows(table: np.ndarray, output: Output) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places, width = {}, 0
    for word in output.columns.split():
        places[word] = width
        width += 4 if word == "box" else 1
    width += output.extra
    if table.size % width or (table.ndim > 1 and table.size and table.shape[-1] != width):
        raise Refused("length_mismatch", f"The model gives rows that have not {width} numbers.", field="output.columns")
    rows = table.reshape(-1, width)
    if "batch" in places:
        rows = _of_this_image(rows, places["batch"])
    box = places["box"]
    return rows[:, box : box + 4], rows[:, places["score"]], rows[:, places["class"]]


def _of_selected(
    boxes: np.ndarray, scores: np.ndarray, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes, table = _boxes(boxes), _table(scores, "scores")
    if indices.size % 3 or len(indices.reshape(-1, 3)) > MAX_CANDIDATES:
        raise Refused("length_mismatch", "The model's choices have not three numbers each.", field="output.indices")
    chosen = indices.reshape(-1, 3)
    _, number, place = _of_this_image(chosen, 0).T
    inside = (number >= 0) & (number < table.shape[0]) & (place >= 0) & (place < min(len(boxes), table.shape[1]))
    if not inside.all():
        raise Refused("length_mismatch", "The model chose a box that it does not give.", field="output.indices")
    number, place = number.astype(np.int64), place.astype(np.int64)
    return boxes[place], table[number, place], number


def _of_this_image(rows: np.ndarray, column: int) -> np.ndarray:
    """Without the rows that only fill up, whose image is -1."""
    images = rows[:, column]
    if not ((images == 0) | (images == -1)).all():
        raise Refused("bad_output", "The model gives boxes of an image that it was not shown.", field="output.boxes")
    return rows[images == 0]


def _best(table: np.ndarray, output: Output, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Per candidate the index of its surest class, and its score in [0, 1]; `table` is (n, classes and background)."""
    expected = classes + (output.background != "none")
    if table.shape[1] != expected:
        raise Refused(
            "length_mismatch",
            f"The model gives {max(table.shape[1], 0):,} scores per box; the profile expects {expected:,}.",
            field="class_names",
        )
    shown = table[:, 1:] if output.background == "first" else table[:, :classes]
    best = shown.argmax(axis=1) if len(table) else np.zeros(0, np.int64)
    surest = shown[np.arange(len(table)), best].astype(np.float64)
    if output.activation == "none":
        if table.size:
            _in_range(np.array([table.min(), table.max()]))
        return best, np.clip(surest, 0, 1)
    if not np.isfinite(table).all():
        raise _bad_scores()
    if output.activation == "sigmoid":
        return best, _sigmoid(surest)
    highest = table.max(axis=1).astype(np.float64) if len(table) else surest
    total = np.exp(np.subtract(table, highest[:, None], dtype=np.float32)).sum(axis=1, dtype=np.float64)
    return best, np.clip(np.exp(surest - highest) / total, 0, 1)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))


def _boxes(array: np.ndarray, *, width: int = 4) -> np.ndarray:
    if array.size % width or (array.ndim > 1 and array.size and array.shape[-1] != width):
        words = f"The model gives boxes that have not {width} numbers each."
        raise Refused("length_mismatch", words, field="output.boxes")
    if array.size > width * MAX_CANDIDATES:
        raise _too_many()
    return array.reshape(-1, width)


def _table(array: np.ndarray, field: str) -> np.ndarray:
    """The last two sides of an array whose other sides are 1."""
    if array.ndim < 2 or array.size != array.shape[-2] * array.shape[-1]:
        shape = " x ".join(map(str, array.shape)) or "one number"
        raise Refused("bad_output", f"The model's {field} are no table: {shape}.", field=f"output.{field}")
    return array.reshape(array.shape[-2:])


def _count(array: np.ndarray, boxes: int) -> int:
    count = array.reshape(-1)
    if count.size != 1 or not 0 <= count[0] <= boxes or count[0] != round(float(count[0])):
        raise Refused("length_mismatch", "The model gives a number of boxes that cannot be.", field="output.count")
    return int(count[0])


def _known(numbers: np.ndarray, classes: int, *, first: int) -> np.ndarray:
    values = numbers - first
    strange = ~((values >= 0) & (values < classes) & (values == np.round(values)))
    if strange.any():
        last = first + classes - 1
        words = f"The model gave class {numbers[strange][0]:g}; its names are for {first} to {last}."
        raise Refused("length_mismatch", words, field="class_names")
    return values.astype(np.int64)


def _in_range(scores: np.ndarray) -> np.ndarray:
    if not ((scores >= -ROUNDING) & (scores <= 1 + ROUNDING)).all():
        raise _bad_scores()
    return np.clip(scores, 0, 1)


def _numbers(output: Any, field: str) -> np.ndarray:
    """The output, if it is an array of numbers of a size that can be true."""
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":
        raise Refused("bad_output", f"The model's {field} are no array of numbers.", field=f"output.{field}")
    if output.size > MAX_NUMBERS:
        raise _too_many()
    return output.astype(np.float32) if output.dtype == np.float16 else output


def _too_many() -> Refused:
    return Refused("too_many_boxes", f"The model gives more than {MAX_CANDIDATES:,} boxes for one image.")


def _bad_scores() -> Refused:
    return Refused("bad_scores", "The model gave boxes whose scores are not between 0 and 1.", field="output.scores")
