"""An image as a model takes it, by its profile: size, colors, numbers, layout. No Django; runs in a sandbox."""

import cv2
import numpy as np

from batchservices.profile import Input

PADDING = 114
"""The gray around a letterboxed image: the detectors of the YOLO family are trained with it."""


def preprocess(rgb: np.ndarray, shape: Input) -> np.ndarray:
    """The tensor a model takes for an image.

    Args:
        rgb: (h, w, 3) uint8.
        shape: the profile's input.

    Returns:
        (1, channels, height, width), (1, height, width, channels), (channels, height, width) or (1, height * width *
        channels), in its dtype.
    """
    pixels = _resized(rgb, shape)
    if shape.color == "GRAY":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None]
    elif shape.color == "BGR":
        pixels = pixels[:, :, ::-1]
    if shape.dtype != "uint8":
        pixels = _typed(_numbers(pixels, shape), shape.dtype)
    if shape.layout in ("NCHW", "CHW"):
        pixels = pixels.transpose(2, 0, 1)
    elif shape.layout == "flat":
        pixels = pixels.reshape(-1)
    return np.ascontiguousarray(pixels if shape.layout == "CHW" else pixels[None])


def _typed(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers of a type; whole ones are rounded, and cut to its range."""
    if dtype.startswith("int"):
        limits = np.iinfo(dtype)
        numbers = np.clip(np.rint(numbers), limits.min, limits.max)
    return numbers.astype(dtype, copy=False)


def _numbers(pixels: np.ndarray, shape: Input) -> np.ndarray:
    """(height, width, channels) float32: each of the 256 levels is computed once, and looked up for every pixel. What
    NCHW needs lies in memory as it needs it."""
    channels = pixels.shape[2]
    levels = np.arange(256, dtype=np.float32)[:, None] - np.array(shape.mean, np.float32)
    levels = np.broadcast_to(levels * np.array(shape.scale, np.float32), (256, channels))
    planes = np.empty((channels, *pixels.shape[:2]), np.float32)
    for channel in range(channels):
        cv2.LUT(
            np.ascontiguousarray(pixels[:, :, channel]), np.ascontiguousarray(levels[:, channel]), dst=planes[channel]
        )
    return planes.transpose(1, 2, 0)


def letterbox_size(width: int, height: int, shape: Input) -> tuple[int, int]:
    """Width and height of an image inside the model's input, which it fills in one direction."""
    scale = min(shape.width / width, shape.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def letterbox_corner(inner_width: int, inner_height: int, shape: Input) -> tuple[int, int]:
    """Left and top of an image of this size inside the model's input."""
    if shape.resize == "letterbox":
        return 0, 0
    return (shape.width - inner_width) // 2, (shape.height - inner_height) // 2


def _resized(rgb: np.ndarray, shape: Input) -> np.ndarray:
    height, width = rgb.shape[:2]
    if shape.resize == "stretch":
        return _scaled(rgb, shape.width, shape.height)
    inner = _scaled(rgb, *letterbox_size(width, height, shape))
    canvas = np.full((shape.height, shape.width, 3), PADDING, np.uint8)
    left, top = letterbox_corner(inner.shape[1], inner.shape[0], shape)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def _scaled(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = rgb.shape[0] >= height and rgb.shape[1] >= width
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
