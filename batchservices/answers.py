"""What of a model's answer is believed. The one rule for classifiers and the one for detectors.

Classifiers: one finite number per class. Probabilities lie in [0, 1] and sum to 1 within 1 %; else the item fails.
All classes equally likely is a valid answer. Logits become probabilities by softmax, only where the profile says so.

Detectors: every score is finite and in [0, 1]; every box at or above the threshold is finite, not inverted, and of a
known class; else the item fails. Boxes that reach over the border are clipped to the image and counted; those with
nothing left are dropped and counted. No box at all is valid: nothing found. No Django; runs in a sandbox.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchservices.predictions import MAX_BOXES
from batchservices.profile import Profile
from config.refusals import Refused

TOLERANCE = 0.01
MAX_CANDIDATES = 100_000
"""Boxes of any score that a model may return for one image."""


@dataclass(frozen=True)
class Seen:
    """How an image lies in the model's input: its own size in pixels, and what it fills of the input (None: all)."""

    width: int
    height: int
    inner_width: int | None = None
    inner_height: int | None = None


def read_probabilities(output: Any, profile: Profile) -> np.ndarray:
    """A classifier's output as probabilities, (classes,) float32.

    Args:
        output: (1, classes) or (classes,) of any float or integer type, or scikit-learn's list of one dict.
        profile: says the classes and whether these are logits.

    Raises:
        Refused: bad_output (no numbers), length_mismatch, bad_scores.
    """
    if isinstance(output, list) and len(output) == 1 and isinstance(output[0], dict):
        output = np.array(list(output[0].values()), np.float32)
    values = _numbers(output, "scores").reshape(-1)
    expected = len(profile.class_names)
    if values.size != expected:
        raise Refused(
            "length_mismatch", f"The model gives {values.size:,} scores for {expected:,} classes.", field="class_names"
        )
    if not np.isfinite(values).all():
        raise _bad_scores("The model gave scores that are not finite numbers.")
    if profile.output.kind == "logits":
        exponents = np.exp(values - values.max())
        return (exponents / exponents.sum()).astype(np.float32)
    if values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE or abs(values.sum() - 1) > TOLERANCE:
        raise _bad_scores("The model's scores are no probabilities: not from 0 to 1, or their sum is not 1.")
    return np.clip(values, 0, 1).astype(np.float32)


def read_boxes(outputs: dict[str, Any], profile: Profile, seen: Seen) -> dict[str, Any]:
    """A detector's three outputs as what it found, the surest first.

    Args:
        outputs: by name: boxes (1, n, 4) or (n, 4), scores and classes (1, n) or (n,).
        profile: names them, and says format, unit, threshold and class offset.
        seen: how the image lies in the model's input.

    Returns:
        boxes: (m, 4) float32, xmin, ymin, xmax, ymax in pixels of the upright image; labels: m names; classes: (m,)
        int64, indices into the class names; confidences: (m,) float32; clipped, dropped: numbers of boxes.

    Raises:
        Refused: bad_output, length_mismatch, bad_scores, bad_box, too_many_boxes.
    """
    output = profile.output
    boxes = _numbers(outputs[output.boxes], "boxes")
    scores = _numbers(outputs[output.scores], "scores").reshape(-1)
    classes = _numbers(outputs[output.classes], "classes").reshape(-1)
    if boxes.size % 4 or not boxes.size // 4 == scores.size == classes.size:
        raise Refused("length_mismatch", "The model gives boxes, scores and classes that differ in number.")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise _bad_scores("The model gave boxes whose scores are not between 0 and 1.")
    kept = np.flatnonzero(scores >= output.score_threshold)
    if kept.size > MAX_BOXES:
        raise Refused("too_many_boxes", f"The model is sure of more than {MAX_BOXES:,} boxes on one image.")
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    numbers = _class_numbers(classes[kept] - output.class_offset, len(profile.class_names))
    inside, clipped, whole = _in_image(_corners(boxes.reshape(-1, 4)[kept], profile, seen), seen)
    return {
        "boxes": inside[whole],
        "labels": [profile.class_names[number] for number in numbers[whole]],
        "classes": numbers[whole],
        "confidences": scores[kept][whole].astype(np.float32),
        "clipped": int((clipped & whole).sum()),
        "dropped": int((~whole).sum()),
    }


def _corners(boxes: np.ndarray, profile: Profile, seen: Seen) -> np.ndarray:
    """(n, 4) float64 corners in pixels of the upright image, as far out of it as the model says."""
    first, second = boxes[:, :2], boxes[:, 2:]
    match profile.output.box_format:
        case "yxyx":
            first, second = first[:, ::-1], second[:, ::-1]
        case "xywh":
            second = first + second
        case "cxcywh":
            first, second = first - second / 2, first + second / 2
    shape = profile.input
    whole = np.array([shape.width, shape.height], np.float64)
    inner = np.array([seen.inner_width or shape.width, seen.inner_height or shape.height], np.float64)
    unit = whole if profile.output.box_unit == "normalized" else np.ones(2)
    corners = np.hstack([first, second]) * np.tile(unit / inner * [seen.width, seen.height], 2)
    if not np.isfinite(corners).all() or (corners[:, 2:] < corners[:, :2]).any():
        raise Refused("bad_box", "The model gave a box that is inverted or not finite.")
    return corners


def _in_image(corners: np.ndarray, seen: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes clipped to the image (float32), which of them had to be, and which have an area."""
    limits = np.tile([seen.width, seen.height], 2)
    inside = np.clip(corners, 0, limits).astype(np.float32)
    reaches_over = (np.abs(inside - corners) > 1e-3 * limits).any(axis=1)
    return inside, reaches_over, (inside[:, 2:] > inside[:, :2]).all(axis=1)


def _class_numbers(values: np.ndarray, classes: int) -> np.ndarray:
    if not ((values >= 0) & (values < classes) & (values == np.round(values))).all():
        raise Refused("length_mismatch", f"The model gave a class beyond its {classes} names.", field="class_names")
    return values.astype(np.int64)


def _numbers(output: Any, what: str) -> np.ndarray:
    """The output as float64, if it is an array of numbers of a size that can be true."""
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":
        raise Refused("bad_output", f"The model's {what} are no array of numbers.", field=f"output.{what}")
    if output.size > 4 * MAX_CANDIDATES:
        raise Refused("too_many_boxes", f"The model gives more than {MAX_CANDIDATES:,} {what} for one image.")
    return output.astype(np.float64)


def _bad_scores(message: str) -> Refused:
    return Refused("bad_scores", message, field="output.scores")
