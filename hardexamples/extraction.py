"""What is kept of every image, from one decode: its address, its size, its statistics and its descriptor.

No Django; runs in a sandbox.
"""

from typing import Any

import numpy as np

from datasets.images import Upright, open_image, sha256, thumbnail
from hardexamples import crops
from hardexamples.augmentations import augment, seed_of
from hardexamples.features import box_statistics, descriptor, reduced, statistics

LEAST_SIDE = 256
"""The reduced decode that features are taken from, the same whether a model looks on or not."""

SHOWN_SIDE = 1024


def describe(data: bytes) -> dict[str, Any]:
    """Decodes an image file and describes it.

    Args:
        data: the file.

    Returns:
        sha256 (of the file), width, height (pixels, upright), format ("JPEG"), extension (".jpg"), statistics and
        descriptor as `features_of` gives them.

    Raises:
        Refused: as `datasets.images.open_image`.
    """
    return describe_upright(open_image(data, least_side=LEAST_SIDE), data=data)


def describe_upright(upright: Upright, *, data: bytes) -> dict[str, Any]:
    """As `describe`, of an image that is already decoded from `data`."""
    return {
        "sha256": sha256(data),
        "width": upright.width,
        "height": upright.height,
        "format": upright.format,
        "extension": upright.extension,
        **features_of(upright),
    }


def features_of(upright: Upright) -> dict[str, Any]:
    """The numbers of `hardexamples.features` about a decoded image: statistics and descriptor, float32 vectors."""
    small = reduced(upright.rgb)
    return {
        "statistics": statistics(small, size=(upright.width, upright.height)),
        "descriptor": descriptor(small),
    }


def boxes_of(upright: Upright, boxes: np.ndarray) -> np.ndarray:
    """(m, 2) float32, the numbers of `hardexamples.features.BOX_STATISTICS` of (m, 4) boxes in pixels of the upright
    image."""
    return box_statistics(upright.rgb, boxes, size=(upright.width, upright.height))


def parts_of(upright: Upright) -> dict[str, np.ndarray]:
    """The parts of a labeled image that tell empty ground from objects.

    Returns:
        places: (k, 4) float32 as `hardexamples.crops.places`, in pixels of the upright image; descriptors: (k, 412)
        float32.
    """
    places = crops.places((upright.width, upright.height))
    height, width = upright.rgb.shape[:2]
    seen = places * np.array([width / upright.width, height / upright.height] * 2)
    looks = []
    for left, top, right, bottom in seen:
        across = slice(int(left), max(int(left) + 1, round(right)))
        down = slice(int(top), max(int(top) + 1, round(bottom)))
        looks.append(descriptor(np.ascontiguousarray(upright.rgb[down, across])))
    return {"places": places.astype(np.float32), "descriptors": np.stack(looks)}


def changed_image(question: dict[str, Any]) -> bytes:
    """An image file after one operation, as the model was shown it, for people to see.

    Args:
        question: data: the file; operation: one of `hardexamples.augmentations.AUGMENTATIONS`.

    Returns:
        A JPEG of at most 1,024 pixels a side.

    Raises:
        Refused: as `datasets.images.open_image`.
    """
    data = question["data"]
    upright = open_image(data, least_side=SHOWN_SIDE)
    changed = augment(upright.rgb, question["operation"], seed=seed_of(sha256(data)))
    return thumbnail(Upright(changed.rgb, upright.width, upright.height, upright.format), side=SHOWN_SIDE)
