"""Numbers about one image that need no model: statistics for people, a descriptor for distances.

Pixels in, numbers out; OpenCV and numpy only, one thread, no state.
"""

import cv2
import numpy as np

EXTRACTOR = "hardmine"
VERSION = 2
"""Raise it whenever a number below changes: kept features of another version are never compared."""

STATISTICS = ("resolution", "aspect_ratio", "brightness", "saturation", "colorfulness", "clarity", "entropy")
"""The order of `statistics`; the first six are ModelArts' image metrics."""

BOX_STATISTICS = ("brightness", "clarity")
"""The order of `box_statistics`, ModelArts' two box metrics that need pixels."""

SIDE = 192  # the longest side at which all is measured: blur at another scale is another number
BOX_SIDE = 96  # the same for a box
GRADIENT_SIDE, CELLS, ORIENTATIONS = 48, 6, 8
THUMBNAIL = 10
COLOR_BINS = 8


def reduced(rgb: np.ndarray, *, side: int = SIDE) -> np.ndarray:
    """An image at the size at which all is measured; the same array where it is no larger. Whoever wants several
    numbers of an image reduces it once.

    Args:
        rgb: (h, w, 3) uint8.
        side: the longest one of the result, in pixels.
    """
    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    height, width = (max(1, round(each * scale)) for each in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def size_of(numbers: np.ndarray) -> tuple[int, int]:
    """Width and height in pixels of the image that `statistics` gave these (7,) numbers: its area and its shape say
    both, exactly up to 20,000 pixels a side."""
    area, shape = float(numbers[0]), float(numbers[1])
    return round((area / shape) ** 0.5), round((area * shape) ** 0.5)


def _histogram(levels: np.ndarray, bins: int) -> np.ndarray:
    """(bins,) float32: how many of (h, w) uint8 lie in each of as many equal parts of 0..255."""
    return cv2.calcHist([levels], [0], None, [bins], [0, 256]).ravel()


def statistics(rgb: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The numbers of `STATISTICS`.

    Args:
        rgb: (h, w, 3) uint8, upright; may be a reduced decode of the original.
        size: width and height of the original in pixels.

    Returns:
        (7,) float32: area in pixels; height / width; mean of the HSV value and saturation, 0..1;
        colorfulness of Hasler and Suesstrunk (2003), about 0..150; variance of the Laplacian of the gray
        image (0..255), reduced to a longest side of 192; Shannon entropy of its gray levels, 0..8 bit.
    """
    small = reduced(rgb)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    hsv = cv2.mean(cv2.cvtColor(small, cv2.COLOR_RGB2HSV))
    share = _histogram(gray, 256) / gray.size
    share = share[share > 0]
    numbers = (
        size[0] * size[1],
        size[1] / size[0],
        hsv[2] / 255,
        hsv[1] / 255,
        _colorfulness(small),
        _clarity(gray),
        max(0.0, -(share * np.log2(share)).sum()),
    )
    return np.array(numbers, dtype=np.float32)


def _colorfulness(rgb: np.ndarray) -> float:
    red, green, blue = cv2.split(rgb)
    across = cv2.subtract(red, green, dtype=cv2.CV_16S)
    # yellow against blue, twice
    down = cv2.subtract(cv2.add(red, green, dtype=cv2.CV_16S), cv2.add(blue, blue, dtype=cv2.CV_16S))
    (mean, spread), (mean_2, spread_2) = cv2.meanStdDev(across), cv2.meanStdDev(down)
    return float(np.hypot(spread, spread_2 / 2)[0, 0] + 0.3 * np.hypot(mean, mean_2 / 2)[0, 0])


def _clarity(gray: np.ndarray) -> float:
    _, spread = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))
    return float(spread[0, 0]) ** 2


def box_statistics(rgb: np.ndarray, boxes: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The numbers of `BOX_STATISTICS` of each box.

    Args:
        rgb: (h, w, 3) uint8, upright; may be a reduced decode of the original.
        boxes: (m, 4) `xmin, ymin, xmax, ymax` in pixels of the original; what lies outside of it does not count.
        size: width and height of the original in pixels.

    Returns:
        (m, 2) float32: mean of the HSV value, 0..1; variance of the Laplacian of the gray crop, reduced to a longest
        side of 96; NaN for a box without a pixel inside the image.
    """
    height, width = rgb.shape[:2]
    scale = np.array([width / size[0], height / size[1]] * 2)
    numbers = np.full((len(boxes), 2), np.nan, np.float32)
    for index, box in enumerate(np.asarray(boxes, dtype=float).reshape(-1, 4) * scale):
        left, top = np.maximum(np.floor(box[:2]), 0).astype(int)
        right, bottom = np.minimum(np.ceil(box[2:]), (width, height)).astype(int)
        if right > left and bottom > top:
            crop = reduced(np.ascontiguousarray(rgb[top:bottom, left:right]), side=BOX_SIDE)
            gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
            numbers[index] = crop.max(axis=2).mean() / 255, _clarity(gray)
    return numbers


def _pool() -> np.ndarray:
    """(CELLS, GRADIENT_SIDE) float32: what each pixel of a line adds to each of its cells, a Gaussian and then a mean.
    A product with it takes a third of what both take on images."""
    cell = GRADIENT_SIDE // CELLS
    line = cv2.getGaussianKernel(8 * (cell // 2) + 1, cell / 2, cv2.CV_32F)
    spread = cv2.sepFilter2D(np.eye(GRADIENT_SIDE, dtype=np.float32), -1, np.ones(1, np.float32), line)
    return spread.reshape(CELLS, cell, GRADIENT_SIDE).mean(axis=1)


_POOL = _pool()


def _gradients(gray: np.ndarray) -> np.ndarray:
    """(CELLS * CELLS * ORIENTATIONS,) histogram of oriented gradients (Dalal and Triggs 2005): orientations
    without sign, shared between neighbouring bins and cells; each cell normalized by its neighbourhood,
    clipped at 0.2.
    """
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=1)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=1)
    magnitude, angle = cv2.cartToPolar(across, down)
    place = angle * (ORIENTATIONS / np.pi)
    left = np.floor(place)
    right_share = place - left
    left = left.astype(np.int64) % ORIENTATIONS
    planes = np.zeros((*gray.shape, ORIENTATIONS), np.float32)
    rows, columns = np.indices(gray.shape)
    planes[rows, columns, left] = magnitude * (1 - right_share)
    planes[rows, columns, (left + 1) % ORIENTATIONS] += magnitude * right_share
    cells = np.matmul(_POOL, (_POOL @ planes.reshape(GRADIENT_SIDE, -1)).reshape(CELLS, GRADIENT_SIDE, ORIENTATIONS))
    energy = cv2.blur((cells**2).sum(axis=2), (3, 3), borderType=cv2.BORDER_REFLECT)
    normal = np.minimum(cells / np.sqrt(energy + 1.0)[..., None], 0.4)
    return normal.ravel()


def _unit(part: np.ndarray) -> np.ndarray:
    return part / max(float(np.linalg.norm(part)), 1e-6)


def descriptor(rgb: np.ndarray) -> np.ndarray:
    """What the image looks like, independent of any model: shape (gradients), layout (thumbnail), color.

    Args:
        rgb: (h, w, 3) uint8, upright; any size, a reduced decode is enough.

    Returns:
        (412,) float32 of length 1, so that inner products are cosines: 288 gradients, 100 pixels, 24 colors.
    """
    square = cv2.resize(reduced(rgb), (GRADIENT_SIDE, GRADIENT_SIDE), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel() / 255.0
    hue, saturation, value = cv2.split(cv2.cvtColor(square, cv2.COLOR_RGB2HSV))
    hues = np.asarray(hue, dtype=np.int64).ravel() * COLOR_BINS // 180
    colors = [
        np.bincount(hues, weights=saturation.ravel(), minlength=COLOR_BINS) / 255,
        _histogram(saturation, COLOR_BINS),
        _histogram(value, COLOR_BINS),
    ]
    parts = (
        _unit(_gradients(gray.astype(np.float32))),
        0.7 * _unit(thumbnail),
        0.3 * np.concatenate(colors) / hue.size,
    )
    return _unit(np.concatenate(parts)).astype(np.float32)


def summary(descriptors: np.ndarray) -> np.ndarray:
    """(n, 160) float32: what each `descriptor` says wherever in the image it is: the strength of its cells' gradients
    and the pixels of its thumbnail, sorted, and its colors; vectors that are not of `descriptor` as they are.

    Args:
        descriptors: (n, d) float32.
    """
    start, cells = CELLS * CELLS * ORIENTATIONS, CELLS * CELLS
    if descriptors.shape[1] != start + THUMBNAIL**2 + 3 * COLOR_BINS:
        return descriptors
    strength = np.sort(descriptors[:, :start].reshape(-1, cells, ORIENTATIONS).mean(axis=2), axis=1)
    pixels = np.sort(descriptors[:, start : start + THUMBNAIL**2], axis=1)
    return np.hstack([strength, pixels, descriptors[:, start + THUMBNAIL**2 :]])


def perceptual_hash(descriptors: np.ndarray) -> np.ndarray | None:
    """(n, 90) bool: in the thumbnail within each descriptor, is a pixel brighter than the one to its left (difference
    hash, Krawetz 2013); None for vectors that are not of `descriptor`.

    Args:
        descriptors: (n, d) float32.
    """
    start = CELLS * CELLS * ORIENTATIONS
    if descriptors.shape[1] != start + THUMBNAIL**2 + 3 * COLOR_BINS:
        return None
    thumbnails = descriptors[:, start : start + THUMBNAIL**2].reshape(-1, THUMBNAIL, THUMBNAIL)
    return (thumbnails[:, :, 1:] > thumbnails[:, :, :-1]).reshape(len(descriptors), THUMBNAIL * (THUMBNAIL - 1))
