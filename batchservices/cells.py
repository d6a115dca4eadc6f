"""Boxes as YOLOX gives them where it does not decode them: measured in the cells of the grids they are of. No Django.

Every cell of every grid, from the finest to the coarsest and row by row, has one candidate (x, y, w, h): its center is
((column + x) * stride, (row + y) * stride), its size (exp(w) * stride, exp(h) * stride), in pixels of the model's input
(YOLOX's `demo_postprocess`).
"""

import numpy as np

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
"""Pixels from cell to cell, of the grids of usual models and of those for large images."""


def cells_of(candidates: int, *, width: int, height: int) -> tuple[int, ...] | None:
    """The strides of the grids that have as many cells in an input of this size, or None."""
    for strides in STRIDES:
        if sum((width // stride) * (height // stride) for stride in strides) == candidates:
            return strides
    return None


def from_cells(
    boxes: np.ndarray, places: np.ndarray, strides: tuple[int, ...], *, width: int, height: int
) -> np.ndarray:
    """Decoded boxes.

    Args:
        boxes: (n, 4), x, y, w, h as above.
        places: (n,) int64, which of all candidates each is.
        strides: as `cells_of` gave them.
        width, height: of the model's input, in pixels.

    Returns:
        (n, 4) float64, center x, center y, width, height in pixels of the model's input; not finite where the model's
        numbers are too large.
    """
    columns = np.array([width // stride for stride in strides])
    cells = columns * np.array([height // stride for stride in strides])
    begins = np.cumsum(cells) - cells
    grid = np.searchsorted(begins, places, side="right") - 1
    row, column = np.divmod(places - begins[grid], columns[grid])
    with np.errstate(over="ignore"):
        parts = np.hstack([boxes[:, :2] + np.stack([column, row], axis=1), np.exp(boxes[:, 2:])])
    return parts * np.array(strides, np.float64)[grid, None]
