"""Whether inputs are pictures taken one after the other, and which of them belong together."""

import re
from collections.abc import Sequence

import numpy as np

FEWEST = 20  # images; below, what random pairs have cannot be told
PAIRS = 2000  # random pairs drawn
CLOSE = 10  # images no further apart than this in order are no random pair
RARE = 0.01  # nearer than this share of random pairs is similar
BLOCK = 4096  # distances measured at once
WIDTH = 20  # digits that a number in a name is filled up to
LEAST_SHARE = 0.15  # of neighbors that must be similar; without any order it would be RARE
_DIGITS = re.compile(r"\d+")


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
    numbers: dict[str, int] = {}
    folders = np.array([numbers.setdefault(name.rpartition("/")[0], len(numbers)) for name in names])
    by_name = np.array(sorted(usable.tolist(), key=[_natural(name) for name in names].__getitem__))
    best = np.zeros((2, 0), np.int64)
    for order in (by_name, usable):
        pairs = np.stack([order[:-1], order[1:]])
        pairs = pairs[:, folders[pairs[0]] == folders[pairs[1]]]
        near = _distances(descriptor, *pairs) < _usual_limit(descriptor, order)
        if len(near) and near.mean() >= LEAST_SHARE and near.sum() > best.shape[1]:
            best = pairs[:, near]
    before, after = best
    neighbors[after, 0], neighbors[before, 1] = before, after
    return neighbors


def _usual_limit(points: np.ndarray, order: np.ndarray) -> float:
    """The distance below which random pairs of images hardly ever are, those close together in order left out."""
    first, second = np.random.default_rng(0).integers(0, len(order), (2, PAIRS))
    apart = np.abs(first - second) > CLOSE
    return float(np.quantile(_distances(points, order[first[apart]], order[second[apart]]), RARE))


def _distances(points: np.ndarray, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    parts = [slice(start, start + BLOCK) for start in range(0, len(some), BLOCK)]
    found = [np.linalg.norm(points[some[part]] - points[others[part]], axis=1) for part in parts]
    return np.concatenate([np.zeros(0, points.dtype), *found])


def _natural(name: str) -> str:
    """Frame 2 comes before frame 10."""
    return _DIGITS.sub(lambda found: found[0].zfill(WIDTH), name)
