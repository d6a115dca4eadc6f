"""Parts of labeled images, with and without an object: what tells an empty image from one whose objects were missed.

A training set for detection seldom holds many images without any object, but nearly every image holds empty ground.
numpy only; the caller measures the descriptors of the parts.
"""

import numpy as np

SHARES = (0.25, 0.375, 0.5, 0.75)
PER_SHARE = 3
SEED = 20
SEEN = 0.4
"""The share of an object that must be inside a part for the part to hold it; a smaller rest leaves it undecided."""


def places(size: tuple[int, int]) -> np.ndarray:
    """(12, 4) int: the parts of an image, the same for all images of a size, `xmin, ymin, xmax, ymax` in pixels.

    Args:
        size: width and height of the image in pixels.
    """
    shares = np.repeat(SHARES, PER_SHARE)[:, None]
    sides = np.maximum(np.rint(shares * np.array(size)), 1)
    starts = np.floor(np.random.default_rng(SEED).random((len(shares), 2)) * (np.array(size) - sides + 1))
    return np.hstack([starts, starts + sides]).astype(int)


def held(parts: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(k,) float: 1 where a part holds an object, 0 where it holds none, NaN where only a rest of one is inside.

    Args:
        parts: (k, 4) as `places` gives them.
        boxes: (m, 4) labeled boxes in pixels.
    """
    if not len(boxes):
        return np.zeros(len(parts))
    low = np.maximum(parts[:, None, :2], boxes[None, :, :2])
    high = np.minimum(parts[:, None, 2:], boxes[None, :, 2:])
    whole = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)
    most = (np.clip(high - low, 0, None).prod(axis=2) / whole).max(axis=1)
    return np.where(most >= SEEN, 1.0, np.where(most > 0, np.nan, 0.0))
