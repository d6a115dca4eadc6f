"""ModelArts' words for a prediction, and the files a run leaves at its output location. Plain values, no
Django.

Classification: {"predicted_label": "dog", "scores": [["dog", "0.93"], ["cat", "0.05"]]}, at most five pairs,
the confidence as text. Detection: {"detection_classes": [...], "detection_boxes": [[ymin, xmin, ymax, xmax],
...], "detection_scores": [...]}, parallel, in pixels of the upright image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from config.refusals import Refused

TOP = 5
MAX_BOXES = 1000
RESULT_FOLDER = "infer-result"


@dataclass(frozen=True)
class Classification:
    """What a model said about a whole image: labels with confidences in [0, 1], the surest first."""

    label: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Detection:
    """What a model saw where: parallel; boxes are xmin, ymin, xmax, ymax in pixels, confidences 0..1."""

    labels: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    confidences: tuple[float, ...]


def classification_json(probabilities: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """The prediction of a classifier in ModelArts' form.

    Args:
        probabilities: (classes,) float32 in [0, 1]; kept to the last digit.
        class_names: one per probability.
    """
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return {
        "predicted_label": class_names[best[0]],
        "scores": [[class_names[index], _digits(probabilities[index])] for index in best],
    }


def detection_json(boxes: np.ndarray, labels: Sequence[str], confidences: np.ndarray) -> dict[str, Any]:
    """The prediction of a detector in ModelArts' form.

    Args:
        boxes: (n, 4) float32, xmin, ymin, xmax, ymax in pixels of the upright image.
        labels: n class names.
        confidences: (n,) float32 in [0, 1].
    """
    return {
        "detection_classes": list(labels),
        "detection_boxes": [[_number(box[side]) for side in (1, 0, 3, 2)] for box in boxes],
        "detection_scores": [_number(confidence) for confidence in confidences],
    }


def from_modelarts(prediction: Any) -> Classification | Detection:
    """Reads a prediction, also one that another system wrote: numbers or texts, `predict_label` or
    `predicted_label`.

    Raises:
        Refused: bad_prediction (another shape), bad_scores (not in [0, 1]), bad_box (not finite or inverted),
            length_mismatch (arrays that are not parallel), too_many_boxes.
    """
    if not isinstance(prediction, dict):
        raise _bad("A prediction is a JSON object.", "prediction")
    if "detection_classes" in prediction:
        return _detection(prediction)
    label = prediction.get("predicted_label", prediction.get("predict_label"))
    if not isinstance(label, str) or not label:
        raise _bad("The predicted label is missing.", "predicted_label")
    pairs = prediction.get("scores", [])
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise _bad("Scores are pairs of a label and a confidence.", "scores")
    return Classification(label, tuple((name, _confidence(value, "scores")) for name, value in pairs))


def to_modelarts(prediction: Classification | Detection) -> dict[str, Any]:
    """The JSON of a prediction, in ModelArts' form: what `from_modelarts` reads back unchanged."""
    if isinstance(prediction, Classification):
        return {
            "predicted_label": prediction.label,
            "scores": [[label, np.format_float_positional(value, trim="0")] for label, value in prediction.scores],
        }
    return {
        "detection_classes": list(prediction.labels),
        "detection_boxes": [[ymin, xmin, ymax, xmax] for xmin, ymin, xmax, ymax in prediction.boxes],
        "detection_scores": list(prediction.confidences),
    }


def result_name(file_name: str) -> str:
    """Where a file's prediction is written, below the output location: `infer-result/<file>_result.txt`."""
    return f"{RESULT_FOLDER}/{file_name}_result.txt"


def manifest_name(run: str | int) -> str:
    """The name of a run's result manifest, below the output location."""
    return f"infer-result-{run}.manifest"


def manifest_line(*, source: str, location: str = "", error: str = "") -> dict[str, str]:
    """One line of a run's result manifest, with the keys in ModelArts' order.

    Args:
        source: the input file as the run's input list names it.
        location: where its prediction is, if it has one.
        error: why it has none.
    """
    if error:
        return {"source": source, "result": "FAILED", "error_message": error}
    return {"source": source, "result": "SUCCESSFUL", "inference-loc": location}


def _detection(prediction: dict[str, Any]) -> Detection:
    keys = ("detection_classes", "detection_boxes", "detection_scores")
    classes, boxes, scores = (prediction.get(key) for key in keys)
    if not (isinstance(classes, list) and isinstance(boxes, list) and isinstance(scores, list)):
        raise _bad("Classes, boxes and scores of a detection are lists.", "detection_classes")
    if not len(classes) == len(boxes) == len(scores):
        raise Refused("length_mismatch", "Classes, boxes and scores differ in number.", field="detection_boxes")
    if len(boxes) > MAX_BOXES:
        raise Refused("too_many_boxes", f"More than {MAX_BOXES:,} boxes.", field="detection_boxes")
    if not all(isinstance(name, str) and name for name in classes):
        raise _bad("Every box has the name of its class.", "detection_classes")
    return Detection(
        labels=tuple(classes),
        boxes=tuple(_box(box) for box in boxes),
        confidences=tuple(_confidence(score, "detection_scores") for score in scores),
    )


def _box(box: Any) -> tuple[float, float, float, float]:
    if not isinstance(box, list) or len(box) != 4:
        raise Refused("bad_box", "A box has four numbers.", field="detection_boxes")
    ymin, xmin, ymax, xmax = (_float(side) for side in box)
    if not (math.isfinite(xmin + ymin + xmax + ymax) and xmin < xmax and ymin < ymax):
        raise Refused("bad_box", "A box is inverted, empty or not finite.", field="detection_boxes")
    return xmin, ymin, xmax, ymax


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _confidence(value: Any, field: str) -> float:
    number = _float(value)
    if not 0 <= number <= 1:
        raise Refused("bad_scores", "A confidence is not between 0 and 1.", field=field)
    return number


def _float(value: Any) -> float:
    """A number, or a text with one; NaN for all else, which no check lets pass."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _digits(value: np.floating) -> str:
    """The shortest decimal that reads back as the same float32, without an exponent."""
    return np.format_float_positional(np.float32(value), trim="0")


def _number(value: np.floating) -> float:
    return float(_digits(value))


def _bad(message: str, field: str) -> Refused:
    return Refused("bad_prediction", message, field=field)
