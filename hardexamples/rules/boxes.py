"""Boxes of one image against boxes of another: how far they overlap, which belong together, whether they agree.

Boxes are (m, 4) arrays `xmin, ymin, xmax, ymax` in pixels. Two sets are compared only in one frame of reference.
"""

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """(m,) float, in square pixels; 0 for a box turned inside out."""
    sides = np.maximum(boxes[:, 2:].astype(float) - boxes[:, :2], 0.0)
    return sides[:, 0] * sides[:, 1]


def overlaps(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(m, k) float in 0..1: intersection over union of each of `some` (m, 4) with each of `others` (k, 4)."""
    low = np.maximum(some[:, None, :2].astype(float), others[None, :, :2])
    high = np.minimum(some[:, None, 2:].astype(float), others[None, :, 2:])
    common = np.maximum(high - low, 0.0).prod(axis=2)
    union = areas(some)[:, None] + areas(others)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def matched(some: np.ndarray, others: np.ndarray, *, least: float = 0.5) -> list[tuple[int, int]]:
    """Pairs (index in some, index in others), each box in at most one, the largest overlap first.

    Args:
        least: boxes that overlap less than this (IoU, 0..1) do not belong together.
    """
    table = overlaps(some, others)
    pairs = []
    while table.size and table.max() >= max(least, 1e-9):
        i, j = np.unravel_index(table.argmax(), table.shape)
        pairs.append((int(i), int(j)))
        table[i, :] = table[:, j] = -1.0
    return pairs


type Said = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes (m, 4), labels (m,) and confidences (m,) of one image."""


def disagreement(some: Said, others: Said, *, least: float = 0.5) -> tuple[float, int | None]:
    """How sure a model contradicts itself in two pictures of one scene, and the box of `some` that it is about.

    A box without a match counts with its confidence, a pair with two labels with the smaller of its two
    confidences, and the largest of all is the answer, so that one contradiction among ten agreements is seen.

    Returns:
        0..1, 0 where everything agrees or both are empty; index of the box, None where `some` lacks it.
    """
    some_boxes, some_labels, some_confidences = some
    other_boxes, other_labels, other_confidences = others
    pairs = matched(some_boxes, other_boxes, least=least)
    found: list[tuple[float, int | None]] = [(0.0, None)]
    for i, j in pairs:
        if some_labels[i] != other_labels[j]:
            found.append((float(min(some_confidences[i], other_confidences[j])), i))
    alone = set(range(len(some_boxes))) - {i for i, _ in pairs}
    found += [(float(some_confidences[i]), i) for i in sorted(alone)]
    missed = set(range(len(other_boxes))) - {j for _, j in pairs}
    found += [(float(other_confidences[j]), None) for j in sorted(missed)]
    return max(found, key=lambda each: each[0])


def mistaken(said: Said, truth: np.ndarray, truth_labels: np.ndarray) -> bool:
    """Whether a box was missed, invented, misplaced (IoU below 0.5) or given another label.

    Args:
        said: the model's answer.
        truth: (t, 4) labeled boxes.
        truth_labels: (t,) int.
    """
    boxes, labels, _ = said
    if len(boxes) != len(truth):
        return True
    pairs = matched(boxes, truth)
    return len(pairs) < len(truth) or any(labels[i] != truth_labels[j] for i, j in pairs)
