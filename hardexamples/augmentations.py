"""The eleven operations of aug_consistent_mining: an image changed a little, and the way back for its boxes.

Mild on purpose: a person would give the changed image the same answer. The operations are those that ModelArts names,
the strengths are ours. OpenCV and numpy only, no state; the seed decides all that is random.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

VERSION = 1
"""Raise it whenever an operation below changes: answers to images changed in another way are never compared."""

AUGMENTATIONS = (
    "gaussianblur",
    "fliplr",
    "crop",
    "flipud",
    "scale",
    "translate",
    "shear",
    "superpixels",
    "sharpen",
    "add",
    "invert",
)
"""The eleven operations of aug_consistent_mining in the order of their reasons 19 to 29."""

CUT, MOVED, SHEARED, ZOOMED = 0.1, 0.1, 10.0, 0.15  # shares of a side, degrees, share of the size
ADDED = 30  # gray levels
REGIONS, REGION_SIDE, COLOR_SAY = 100, 96, 0.3  # superpixels: how many, at which longest side, color against place
IN_VIEW = 0.6  # share of a box that must be left for it to be looked for
SAME = np.array([[1.0, 0, 0], [0, 1, 0]])


@dataclass(frozen=True, eq=False)
class Retake:
    """What a detector said about a changed image, in the frame of the original.

    Args:
        boxes: (r, 4) float, `xmin, ymin, xmax, ymax` in pixels of the upright original.
        labels: (r,) int, index into the class names.
        confidences: (r,) float in 0..1.
        in_view: (m,) bool: which boxes of the original are still in the changed image.
    """

    boxes: np.ndarray
    labels: np.ndarray
    confidences: np.ndarray
    in_view: np.ndarray


@dataclass(frozen=True, eq=False)
class Augmented:
    """A changed image of the same size.

    Args:
        rgb: (h, w, 3) uint8.
        back: (2, 3) float, the affine map of its pixels to those of the original.
    """

    rgb: np.ndarray
    back: np.ndarray

    def retake(
        self,
        boxes: np.ndarray,
        labels: np.ndarray,
        confidences: np.ndarray,
        *,
        originals: np.ndarray,
        scale: float = 1.0,
    ) -> Retake:
        """What the model said about the changed image, in the frame of the original.

        Args:
            boxes, labels, confidences: (m, 4) in pixels of the original's full size, (m,), (m,): the answer.
            originals: (k, 4) what it said about the unchanged image, in the same pixels.
            scale: width of `rgb` over the full width, for a reduced decode.
        """
        height, width = self.rgb.shape[:2]
        there = _moved(originals * scale, cv2.invertAffineTransform(self.back))
        inside = np.clip(there, 0, [width, height, width, height])
        whole, left = _area(there), _area(inside)
        in_view = np.divide(left, whole, out=np.zeros(len(there)), where=whole > 0) >= IN_VIEW
        home = _moved(boxes * scale, self.back) / scale
        limit = np.array([width, height, width, height]) / scale
        return Retake(np.clip(home, 0, limit), labels, confidences, in_view)


def seed_of(sha256: str) -> int:
    """The seed of all changes to an image: from its content address, so that whoever changes it again sees the same."""
    return int(sha256[:16], 16)


def augment(rgb: np.ndarray, operation: str, *, seed: int) -> Augmented:
    """The image after one operation.

    Args:
        rgb: (h, w, 3) uint8, upright.
        operation: one of `AUGMENTATIONS`.
        seed: of the directions and strengths of crop, scale, translate, shear and add.

    Raises:
        KeyError: an unknown operation.
    """
    return _OPERATIONS[operation](rgb, np.random.default_rng(seed))


def _warped(rgb: np.ndarray, forth: np.ndarray) -> Augmented:
    height, width = rgb.shape[:2]
    changed = cv2.warpAffine(rgb, forth, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Augmented(changed, cv2.invertAffineTransform(forth))


def _blur(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    return Augmented(cv2.GaussianBlur(rgb, (0, 0), max(0.7, 0.007 * max(rgb.shape[:2]))), SAME)


def _flip_sideways(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    return Augmented(np.ascontiguousarray(rgb[:, ::-1]), np.array([[-1.0, 0, rgb.shape[1]], [0, 1, 0]]))


def _flip_over(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    return Augmented(np.ascontiguousarray(rgb[::-1]), np.array([[1.0, 0, 0], [0, -1, rgb.shape[0]]]))


def _crop(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    height, width = rgb.shape[:2]
    left, top, right, bottom = rng.uniform(CUT / 3, CUT, 4)
    across, down = 1 / (1 - left - right), 1 / (1 - top - bottom)
    return _warped(rgb, np.array([[across, 0, -left * width * across], [0, down, -top * height * down]]))


def _scale(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    height, width = rgb.shape[:2]
    size = 1 + rng.choice([-1, 1]) * rng.uniform(ZOOMED / 2, ZOOMED)
    return _warped(rgb, np.array([[size, 0, (1 - size) * width / 2], [0, size, (1 - size) * height / 2]]))


def _translate(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    height, width = rgb.shape[:2]
    across, down = rng.choice([-1, 1], 2) * rng.uniform(MOVED / 2, MOVED, 2)
    return _warped(rgb, np.array([[1, 0, across * width], [0, 1, down * height]]))


def _shear(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    slope = np.tan(np.radians(rng.choice([-1, 1]) * rng.uniform(SHEARED / 2, SHEARED)))
    return _warped(rgb, np.array([[1, slope, -slope * rgb.shape[0] / 2], [0, 1, 0]]))


def _superpixels(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    """Regions alike in place and color, each in its mean color (in the manner of Achanta et al. 2012)."""
    height, width = rgb.shape[:2]
    reduce = min(1.0, REGION_SIDE / max(height, width))
    rows, columns = (max(1, round(side * reduce)) for side in (height, width))
    small = cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA)
    y, x = np.indices((rows, columns))
    if rows * columns <= REGIONS:
        return Augmented(rgb.copy(), SAME)
    cell = np.sqrt(rows * columns / REGIONS)
    grid_rows, grid_columns = max(1, round(rows / cell)), max(1, round(columns / cell))
    first = (y * grid_rows // rows) * grid_columns + x * grid_columns // columns
    colors = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    points = np.column_stack([y.ravel() / cell, x.ravel() / cell, COLOR_SAY * colors / 10]).astype(np.float32)
    regions = grid_rows * grid_columns
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 4, 0)
    labels = first.reshape(-1, 1).astype(np.int32)
    found = cv2.kmeans(points, regions, labels, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[1]
    labels = np.asarray(found, dtype=np.int64).ravel()
    count = np.maximum(np.bincount(labels, minlength=regions), 1)
    means = np.column_stack([np.bincount(labels, small[..., c].ravel(), regions) / count for c in range(3)])
    painted = means[labels].reshape(rows, columns, 3).round().astype(np.uint8)
    return Augmented(cv2.resize(painted, (width, height), interpolation=cv2.INTER_NEAREST), SAME)


def _sharpen(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    return Augmented(cv2.addWeighted(rgb, 1.7, cv2.GaussianBlur(rgb, (0, 0), 1.5), -0.7, 0), SAME)


def _add(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    shift = int(rng.choice([-1, 1])) * ADDED
    return Augmented(np.clip(rgb.astype(np.int16) + shift, 0, 255).astype(np.uint8), SAME)


def _invert(rgb: np.ndarray, rng: np.random.Generator) -> Augmented:
    return Augmented(255 - rgb, SAME)


_OPERATIONS: dict[str, Callable[[np.ndarray, np.random.Generator], Augmented]] = {
    "gaussianblur": _blur,
    "fliplr": _flip_sideways,
    "crop": _crop,
    "flipud": _flip_over,
    "scale": _scale,
    "translate": _translate,
    "shear": _shear,
    "superpixels": _superpixels,
    "sharpen": _sharpen,
    "add": _add,
    "invert": _invert,
}


def _moved(boxes: np.ndarray, by: np.ndarray) -> np.ndarray:
    """(m, 4) the upright boxes around (m, 4) boxes after an affine map."""
    boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) @ by[:, :2].T + by[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
