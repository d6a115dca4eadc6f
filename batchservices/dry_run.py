"""The dry run of a model on one image: what it says, shown to people. No Django; runs in a sandbox, after
`batchservices.inference.load`."""

import time
from typing import Any

from batchservices.inference import answer, opened
from config.refusals import Refused
from datasets.images import open_image, thumbnail

PICTURE_SIDE = 640
"""Pixels of the longer side of the picture that people see."""


def try_image(data: bytes) -> dict[str, Any]:
    """Shows an image to the loaded model, twice.

    Args:
        data: the image file.

    Returns:
        unreadable: None, or code and message where the image is at fault and not the model; then nothing else.
        picture: the upright image as a JPEG of at most `PICTURE_SIDE` pixels a side; width, height: of the upright
        image in pixels; prediction: ModelArts' JSON; seconds: of the first answer; deterministic: whether the second
        one said the same; activations: their length, or None.

    Raises:
        Refused: as `batchservices.inference.answer`: the model's answer cannot be believed, or it could not run.
    """
    try:
        upright = opened(data)
    except Refused as refused:
        return {"unreadable": {"code": refused.code, "message": refused.message}}
    started = time.monotonic()
    said = answer(upright)
    seconds = time.monotonic() - started
    activations = said["activations"]
    return {
        "unreadable": None,
        "picture": thumbnail(open_image(data, least_side=PICTURE_SIDE), side=PICTURE_SIDE),
        "width": upright.width,
        "height": upright.height,
        "prediction": said["prediction"],
        "seconds": seconds,
        "deterministic": answer(upright)["prediction"] == said["prediction"],
        "activations": None if activations is None else len(activations),
    }
