"""Which image next: the hardest, the one that teaches most, or any.

Hard images alone are often alike, and before a model knows anything its doubt says little. So *most useful* begins
with typical images while a label has fewer than five (Hacohen, Dekel, Weinshall 2022), and then takes hard images that
differ from each other: of the hardest, one per cluster (Zhdanov 2019).
"""

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.preprocessing import normalize

HARDEST, MOST_USEFUL, RANDOM = "hardest", "most_useful", "random"
ORDERS = (MOST_USEFUL, HARDEST, RANDOM)
FEW_PER_LABEL = 5
FIRST_BLOCK, LARGEST_BLOCK = 20, 320
POOL = 5  # a block is chosen among this many times as many
MOST_RANKED = 2_000  # by then the model will have learned again
MOST_CLUSTERED = 5_000  # images that typical ones are found among
MOST_EXACT = 2_000  # images; above, in small batches
ROUNDS = 20


def most_useful(
    points: np.ndarray, hardness: np.ndarray, *, least_per_label: int, most: int = MOST_RANKED, seed: int = 0
) -> np.ndarray:
    """The order that teaches most.

    Args:
        points: (n, d) float features; only their direction counts.
        hardness: (n,) float in 0..1, 1 = hardest.
        least_per_label: labeled images of the label that has fewest.
        most: how many are ranked so; the others follow by hardness.
        seed: of the clusters.

    Returns:
        (n,) int, a permutation: who comes first.
    """
    if not len(points):
        return np.zeros(0, np.int64)
    unit = normalize(points)
    chosen: list[np.ndarray] = []
    left = np.argsort(-hardness, kind="stable")
    size = FIRST_BLOCK
    if least_per_label < FEW_PER_LABEL and len(left):
        chosen.append(typical(unit, min(size, len(left), most), seed=seed))
        left = left[~np.isin(left, chosen[0])]
    while len(left) and (lacking := most - sum(map(len, chosen))) > 0:
        size = min(size, lacking)
        block = left[_varied(unit[left[: size * POOL]], hardness[left[: size * POOL]], size, seed)]
        chosen.append(block)
        left = left[~np.isin(left, block)]
        size = min(size * 2, LARGEST_BLOCK)
    return np.concatenate([*chosen, left]).astype(np.int64)


def typical(points: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """(count,) int: images that stand for the whole, one next to the center of each of `count` clusters; the largest
    cluster first.

    Args:
        points: (n, d) float features, n >= count.
        count: how many.
        seed: of the clusters, and of the images looked at where there are many.
    """
    seen = np.random.default_rng(seed).permutation(len(points))[: max(MOST_CLUSTERED, count)]
    distance, cluster = _clusters(points[seen], np.ones(len(seen)), count, seed)
    sizes = np.bincount(cluster, minlength=count)
    nearest = _nearest(distance, cluster)
    first = nearest[np.argsort(-sizes[cluster[nearest]], kind="stable")]
    return _filled(seen[first], seen, count)


def _varied(points: np.ndarray, hardness: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Places of `count` of the points, the hardest first, that differ from each other; all where there are no more."""
    if len(points) <= count:
        return np.arange(len(points))
    distance, cluster = _clusters(points, hardness + 1e-6, count, seed)
    nearest = _nearest(distance, cluster)
    hardest_first = nearest[np.argsort(-hardness[nearest], kind="stable")]
    return _filled(hardest_first, np.arange(len(points)), count)


def _clusters(points: np.ndarray, weight: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float distance to the center of the own cluster, and (n,) int which that is."""
    make = KMeans if len(points) <= MOST_EXACT else MiniBatchKMeans
    found = make(count, n_init=1, max_iter=ROUNDS, random_state=seed).fit(points, sample_weight=weight)
    return np.linalg.norm(points - found.cluster_centers_[found.labels_], axis=1), found.labels_


def _nearest(distance: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """The place of the image next to the center of each cluster that has any."""
    order = np.lexsort((distance, cluster))
    return order[np.unique(cluster[order], return_index=True)[1]]


def _filled(chosen: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """As many as were asked for: where images coincide, some clusters are empty."""
    rest = others[~np.isin(others, chosen)]
    return np.concatenate([chosen, rest])[:count]
