"""Looks of the loaded model at images that say more than a prediction: at labeled ones, and at changed ones.

No Django; runs in the sandbox that `batchservices.inference` loaded a model into. A question is a dict, since the
sandbox hands over one value per image.
"""

from typing import Any

import numpy as np

from batchservices import inference
from config.refusals import Refused
from datasets.images import Upright, sha256
from hardexamples.augmentations import Augmented, augment, seed_of
from hardexamples.extraction import boxes_of, describe_upright, parts_of


def predict_labeled(question: dict[str, Any]) -> dict[str, Any]:
    """Predicts an image of the training set, and measures its labeled boxes in the same decode.

    Args:
        question: data: the image file; boxes: (m, 4) float32, the labeled ones in pixels of the upright image; parts:
            whether parts of the image are measured too.

    Returns:
        As `batchservices.inference.predict_image`, and labeled_statistics: (m, 2) float32, as
        `hardexamples.extraction.boxes_of`; parts: as `hardexamples.extraction.parts_of`, or None.

    Raises:
        Refused: as `batchservices.inference.predict_image`.
    """
    data = question["data"]
    upright = inference.opened(data)
    said = inference.answer(upright)
    measured = None if said["boxes"] is None else boxes_of(upright, said["boxes"])
    return {
        **describe_upright(upright, data=data),
        **said,
        "box_statistics": measured,
        "labeled_statistics": boxes_of(upright, question["boxes"]),
        "parts": parts_of(upright) if question["parts"] else None,
    }


def predict_changed(question: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    """Changes an image in several ways, each from the one decode, and predicts it again.

    Args:
        question: data: the image file; operations: names of `hardexamples.augmentations.AUGMENTATIONS`; boxes: (m, 4)
            float32, what a detector found in the unchanged image, in pixels of the upright one, or None.

    Returns:
        By operation probabilities: (classes,) float32; or of a detector boxes (r, 4), classes (r,) int64, confidences
        (r,) float32 and in_view (m,) bool, in the frame of the unchanged image as `Augmented.retake` has them. None
        where the answer to the changed image could not be believed.

    Raises:
        Refused: as `batchservices.inference.opened`.
    """
    upright = inference.opened(question["data"])
    seed = seed_of(sha256(question["data"]))
    found: dict[str, dict[str, Any] | None] = {}
    for operation in question["operations"]:
        changed = augment(upright.rgb, operation, seed=seed)
        try:
            found[operation] = _said(upright, changed, question["boxes"])
        except Refused:
            found[operation] = None
    return found


def _said(upright: Upright, changed: Augmented, originals: np.ndarray | None) -> dict[str, Any]:
    said = inference.answer(Upright(changed.rgb, upright.width, upright.height, upright.format))
    if said["boxes"] is None:
        return {"probabilities": said["probabilities"]}
    if originals is None:
        originals = np.zeros((0, 4), np.float32)
    scale = changed.rgb.shape[1] / upright.width
    back = changed.retake(said["boxes"], said["classes"], said["confidences"], originals=originals, scale=scale)
    return {
        "boxes": back.boxes.astype(np.float32),
        "classes": back.labels,
        "confidences": back.confidences,
        "in_view": back.in_view,
    }
