"""Images that belong together: 2 to 200 groups of unlabeled images, for labeling group by group."""

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import normalize, scale

FEWEST, MOST = 2, 200
MOST_EXACT = 5_000  # images; above, in small batches
MOST_COMPARED = 1_500  # images that the number of groups is proposed from
PROPOSED = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
ROUNDS = 50


def group(points: np.ndarray, *, count: int, seed: int = 0) -> np.ndarray:
    """(n,) int: the group of each image, 0 the largest.

    Args:
        points: (n, d) float, as `space` makes them; n >= count.
        count: 2 to 200.
        seed: of the clusters.

    Raises:
        ValueError: the count is outside, or there are fewer images.
    """
    if not FEWEST <= count <= MOST or count > len(points):
        raise ValueError(f"{len(points)} images make no {count} groups: 2 to 200, and no more than there are images")
    make = KMeans if len(points) <= MOST_EXACT else MiniBatchKMeans
    found = make(count, n_init=3, max_iter=ROUNDS, random_state=seed).fit_predict(points)
    largest_first = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    place = np.empty(count, np.int64)
    place[largest_first] = np.arange(count)
    return place[found]


def space(points: np.ndarray, measures: np.ndarray | None = None) -> np.ndarray:
    """What images are compared by: (n, d + m) float.

    Args:
        points: (n, d) float features; only their direction counts. (n, 0) where only measures count.
        measures: (n, m) float such as clarity and brightness, each of about as much weight as all features together:
            half their spread, since groups explain nearly all of one number, but a quarter or so of many features.
            None: features alone.
    """
    unit = normalize(points) if points.shape[1] else points
    if measures is None or not measures.shape[1]:
        return unit
    spread = float(np.sqrt(unit.var(axis=0).sum())) / 2 if points.shape[1] else 1.0
    return np.hstack([unit, scale(measures.astype(np.float64)) * (spread or 1.0)])


def propose_count(points: np.ndarray, *, seed: int = 0) -> int:
    """How many groups there seem to be: the number whose groups are best told apart (silhouette, Rousseeuw 1987).

    Args:
        points: (n, d) float, as `space` makes them; n >= 3.
        seed: of the images looked at, where there are many, and of the clusters.
    """
    seen = points[np.random.default_rng(seed).permutation(len(points))[:MOST_COMPARED]]
    best, told_apart = FEWEST, -1.0
    for count in (count for count in PROPOSED if count < len(seen)):
        groups = KMeans(count, n_init=1, max_iter=ROUNDS, random_state=seed).fit_predict(seen)
        if len(np.unique(groups)) < 2:
            continue
        score = float(silhouette_score(seen, groups))
        if score > told_apart:
            best, told_apart = count, score
    return best


def typical(points: np.ndarray, groups: np.ndarray, *, most: int) -> list[np.ndarray]:
    """Of each group, from 0 on, the places of the images nearest to its middle, the nearest first; at most so many.

    Args:
        points: (n, d) float, as `space` makes them.
        groups: (n,) int, as `group` gives them.
        most: images of a group.
    """
    found = []
    for number in range(int(groups.max()) + 1):
        places = np.flatnonzero(groups == number)
        away = np.linalg.norm(points[places] - points[places].mean(axis=0), axis=1)
        found.append(places[np.argsort(away, kind="stable")[:most]])
    return found
