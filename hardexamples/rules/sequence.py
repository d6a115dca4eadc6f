"""Whether inputs are pictures taken one after the other, and which of them belong together."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

FEWEST = 20  # images; below, what random pairs have cannot be told
PAIRS = 2000  # random pairs drawn
CLOSE = 10  # images no further apart than this in order are no random pair
RARE = 0.01  # nearer than this share of random pairs is similar
LEAST_SHARE = 0.15  # of neighbors that must be similar; without any order it would be RARE
_DIGITS = re.compile(r"(\d+)")


def similar_neighbors(names: Sequence[str], descriptor: np.ndarray) -> np.ndarray:
    """(n, 2) int: the similar image before and after each one, -1 where there is none.

    Two images are similar if they are nearer than 99 % of random pairs. The inputs are a sequence if in the order of
    their names (numbers read as numbers, folder by folder), or in the order given, many neighbors are similar; the
    order with more of them is taken, and if it has too few no image has a neighbor.

    Args:
        names: n names.
        descriptor: (n, d) float32; a row of NaN has no neighbor; (n, 0) is no sequence.
    """
    neighbors = np.full((len(names), 2), -1)
    usable = np.flatnonzero(np.isfinite(descriptor).all(axis=1)) if descriptor.shape[1] else np.zeros(0, int)
    if len(usable) < FEWEST:
        return neighbors
    folders = [name.rpartition("/")[0] for name in names]
    by_name = np.array(sorted(usable.tolist(), key=lambda i: (_natural(names[i]), i)))
    best: list[tuple[int, int]] = []
    for order in (by_name, usable):
        pairs = [(a, b) for a, b in pairwise(order) if folders[a] == folders[b]]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        near = _distances(descriptor, table[:, 0], table[:, 1]) < _usual_limit(descriptor, order)
        if len(pairs) and near.mean() >= LEAST_SHARE and near.sum() > len(best):
            best = [pair for pair, close in zip(pairs, near, strict=True) if close]
    for before, after in best:
        neighbors[after, 0], neighbors[before, 1] = before, after
    return neighbors


def _usual_limit(points: np.ndarray, order: np.ndarray) -> float:
    """The distance below which random pairs of images hardly ever are, those close together in order left out."""
    first, second = np.random.default_rng(0).integers(0, len(order), (2, PAIRS))
    apart = np.abs(first - second) > CLOSE
    return float(np.quantile(_distances(points, order[first[apart]], order[second[apart]]), RARE))


def _distances(points: np.ndarray, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[some] - points[others], axis=1)


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Frame 2 comes before frame 10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name))
