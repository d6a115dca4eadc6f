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

from batchservices.candidates import Candidates, read_candidates
from batchservices.cells import cells_of, from_cells
from batchservices.predictions import MAX_BOXES
from batchservices.profile import MAX_CLASSES, Profile
from batchservices.suppression import suppress
from config.refusals import Refused

TOLERANCE = 0.01


@dataclass(frozen=True)
class Seen:
    """How an image lies in the model's input: its own size in pixels, what it fills of the input (None: all), and where
    its upper left corner lies there."""

    width: int
    height: int
    inner_width: int | None = None
    inner_height: int | None = None
    left: int = 0
    top: int = 0


def read_probabilities(output: Any, profile: Profile) -> np.ndarray:
    """A classifier's output as probabilities, (classes,) float32.

    Args:
        output: (1, classes), (1, classes, 1, 1) or (classes,) of any float or integer type, or scikit-learn's list of
            one dict; for a binary kind one number. Bytes (quantized probabilities) count as shares of their sum.
        profile: says the classes and what the numbers are.

    Raises:
        Refused: bad_output (no numbers), length_mismatch, bad_scores.
    """
    if isinstance(output, list) and len(output) == 1 and isinstance(output[0], dict):
        output = _in_order(output[0], profile.class_names)
    values, kind = _numbers(output), profile.output.kind
    expected = 1 if kind.startswith("binary_") else len(profile.class_names)
    if values.size != expected:
        raise Refused(
            "length_mismatch", f"The model gives {values.size:,} scores for {expected:,} classes.", field="class_names"
        )
    if not np.isfinite(values).all():
        raise _bad_scores("The model gave scores that are not finite numbers.")
    if kind == "binary_logit":
        values, kind = np.array([0, values[0]]), "logits"
    if kind == "logits":
        exponents = np.exp(values - values.max())
        return (exponents / exponents.sum()).astype(np.float32)
    if output.dtype == np.uint8 and values.any():
        values = values / (255 if kind == "binary_probability" else values.sum())
    if values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE:
        raise _bad_scores("The model's scores are no probabilities: not from 0 to 1. They may be logits.")
    if kind == "binary_probability":
        values = np.array([1 - values[0], values[0]])
    if abs(values.sum() - 1) > TOLERANCE:
        raise _bad_scores(
            "The model's scores are no probabilities: their sum is not 1. A model that scores each class by itself "
            "(several labels per image) cannot be used."
        )
    return np.clip(values, 0, 1).astype(np.float32)


def _in_order(scores: dict[Any, Any], class_names: tuple[str, ...]) -> np.ndarray:
    """A score per class: by their names where these are the model's own, else in the model's order."""
    named = {str(label): score for label, score in scores.items()}
    in_order = [named[name] for name in class_names] if named.keys() == set(class_names) else list(scores.values())
    return np.array(in_order, np.float32)


def read_boxes(outputs: dict[str, Any], profile: Profile, seen: Seen) -> dict[str, Any]:
    """A detector's outputs as what it found, the surest first.

    Args:
        outputs: by name, those of `Output.ports`.
        profile: says what they are.
        seen: where the image lay in the input.

    Returns:
        boxes: (m, 4) float32, xmin, ymin, xmax, ymax in pixels of the upright image; labels: m names; classes: (m,)
        int64, indices into the class names; confidences: (m,) float32; clipped, dropped: numbers of boxes.

    Raises:
        Refused: bad_output, length_mismatch, bad_scores, bad_box, too_many_boxes.
    """
    output = profile.output
    found = read_candidates(outputs, output, len(profile.class_names))
    if output.suppression == "none" and len(found.scores) > MAX_BOXES:
        raise Refused("too_many_boxes", f"The model is sure of more than {MAX_BOXES:,} boxes on one image.")
    corners = _corners(found, profile, seen)
    scores, classes = found.scores, found.classes
    if output.suppression != "none":
        groups = classes if output.suppression == "per_class" else np.zeros_like(classes)
        kept = suppress(corners, groups, iou_threshold=output.iou_threshold, most=output.most_boxes)
        corners, scores, classes = corners[kept], scores[kept], classes[kept]
    inside, clipped, whole = _in_image(corners, seen)
    return {
        "boxes": inside[whole],
        "labels": [profile.class_names[number] for number in classes[whole]],
        "classes": classes[whole],
        "confidences": scores[whole].astype(np.float32),
        "clipped": int((clipped & whole).sum()),
        "dropped": int((~whole).sum()),
    }


def _corners(found: Candidates, profile: Profile, seen: Seen) -> np.ndarray:
    """(n, 4) float64 corners in pixels of the upright image, as far out of it as the model says."""
    boxes = _decoded(found, profile) if profile.output.box_format == "cells" else found.boxes
    first, second = boxes[:, :2], boxes[:, 2:]
    match profile.output.box_format:
        case "yxyx":
            first, second = first[:, ::-1], second[:, ::-1]
        case "xywh":
            second = first + second
        case "cxcywh" | "cells":
            first, second = first - second / 2, first + second / 2
    shape = profile.input
    whole = np.array([shape.width, shape.height], np.float64)
    inner = np.array([seen.inner_width or shape.width, seen.inner_height or shape.height], np.float64)
    unit = whole if profile.output.box_unit == "normalized" else np.ones(2)
    placed = np.hstack([first, second]) * np.tile(unit, 2) - np.tile([seen.left, seen.top], 2)
    corners = placed * np.tile(np.array([seen.width, seen.height]) / inner, 2)
    if not np.isfinite(corners).all() or (corners[:, 2:] < corners[:, :2]).any():
        raise Refused("bad_box", "The model gave a box that is inverted or not finite.")
    return corners


def _decoded(found: Candidates, profile: Profile) -> np.ndarray:
    size = {"width": profile.input.width, "height": profile.input.height}
    strides = cells_of(found.given, **size)
    if strides is None:
        words = f"The model gives {found.given:,} candidates; the grids of its input have another number of cells."
        raise Refused("length_mismatch", words, field="output.box_format")
    return from_cells(found.boxes, found.places, strides, **size)


def _in_image(corners: np.ndarray, seen: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes clipped to the image (float32), which of them had to be, and which have an area."""
    limits = np.tile([seen.width, seen.height], 2)
    inside = np.clip(corners, 0, limits).astype(np.float32)
    reaches_over = (np.abs(inside - corners) > 1e-3 * limits).any(axis=1)
    return inside, reaches_over, (inside[:, 2:] > inside[:, :2]).all(axis=1)


def _numbers(output: Any) -> np.ndarray:
    """A classifier's output as float64, if it is an array of numbers of a size that can be true."""
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":
        raise Refused("bad_output", "The model's scores are no array of numbers.", field="output.scores")
    if output.size > MAX_CLASSES:
        raise Refused("length_mismatch", f"The model gives more than {MAX_CLASSES:,} scores.", field="class_names")
    return output.astype(np.float64).reshape(-1)


def _bad_scores(message: str) -> Refused:
    return Refused("bad_scores", message, field="output.scores")
