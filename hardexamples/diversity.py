"""Twenty copies of one hard example are one: stacks of near duplicates, and a varied choice under a cap."""

import numpy as np

from hardexamples.features import perceptual_hash
from hardexamples.rules.contract import known

NEAR = 0.17  # distance of unit vectors; rescaled and slightly brightened copies of digits and of scenes are nearer
RATHER_NEAR, BITS = 0.28, 2  # or this, where the perceptual hashes differ in at most so many bits
BLOCK = 500  # images compared at once
TILE = 512  # with so many others: 1 MB of products
COMPONENTS = 16  # at least
FAR = 2.5  # times the distance of near duplicates
SLACK = 1e-5  # of what float32 rounds
POOL = 5  # a varied choice looks at this many times as many as it may take


def stacks(points: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Which images are near duplicates of each other.

    Each image in turn joins the first one before it, in `order`, that it nearly equals and that leads a stack; so that
    all in a stack are alike, and not only each like the next.

    Args:
        points: (m, d) float32 descriptors or activations; an image with a hole is like no other.
        order: (m,) int, a permutation: who leads comes first.

    Returns:
        (m,) int: the place of each image's leader, its own place for a leader, whether or not others follow.
    """
    leader = np.arange(len(points))
    if not points.shape[1]:
        return leader
    usable = order[known(points)[order]]
    if len(usable) < 2:
        return leader
    looks = _Looks(points[usable])
    leads = np.zeros(0, np.int64)
    for start in range(0, len(usable), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(usable)))
        followers, led = looks.alike(rows, leads)
        followers, earliest = np.unique(followers, return_index=True)  # pairs come in the order of the leaders
        leader[usable[rows[followers]]] = usable[leads[led[earliest]]]
        rest = np.delete(rows, followers)
        follows = np.zeros(len(rest), dtype=bool)
        for place, earlier in zip(*looks.alike(rest, rest), strict=True):
            if earlier < place and not follows[place] and not follows[earlier]:
                follows[place] = True
                leader[usable[rest[place]]] = usable[rest[earlier]]
        leads = np.concatenate([leads, rest[~follows]])
    return leader


class _Looks:
    """Which of (m, d) points without holes are near duplicates of each other.

    Most pairs are told apart by a few principal components, in which no two points are farther apart than they are: by
    as many as it takes to have two points that are not alike far apart on average.
    """

    def __init__(self, points: np.ndarray) -> None:
        self.unit = _unit(points)
        self.hashes = perceptual_hash(points)
        self.limit = NEAR if self.hashes is None else RATHER_NEAR
        center = self.unit.mean(axis=0)
        variance, axes = np.linalg.eigh(self.unit.T @ self.unit / len(points) - np.outer(center, center))
        apart = 2 * np.cumsum(variance[::-1])  # mean squared distance of two points in so many components
        count = max(COMPONENTS, int(np.searchsorted(apart, (FAR * self.limit) ** 2)) + 1)
        axes = np.ascontiguousarray(axes[:, ::-1][:, :count])
        sketch = self.unit @ axes - center @ axes
        half, one = (sketch**2).sum(axis=1, keepdims=True) / 2, np.ones((len(points), 1), np.float32)
        # the product of a row of the first and one of the second is (limit^2 - distance^2) / 2
        self.sketch = np.hstack([sketch, self.limit**2 / 2 + SLACK - half, one]).astype(np.float32)
        self.counterpart = np.hstack([sketch, one, -half]).astype(np.float32)

    def alike(self, some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (place in `some`, place in `others`) of near duplicates, in that order."""
        i, j = self._rather_near(some, others)
        apart = np.linalg.norm(self.unit[some[i]] - self.unit[others[j]], axis=1)
        near = apart < NEAR
        if self.hashes is not None:
            unsure = np.flatnonzero(~near & (apart < RATHER_NEAR))
            near[unsure] = (self.hashes[some[i[unsure]]] != self.hashes[others[j[unsure]]]).sum(axis=1) <= BITS
        return i[near], j[near]

    def _rather_near(self, some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs that the sketches do not tell apart; what they are compared by stays in the processor's cache."""
        sketch, counterpart = self.sketch[some], self.counterpart[others]
        products = np.empty((len(some), TILE), np.float32)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(others), TILE):
            tile = counterpart[start : start + TILE]
            product = np.matmul(sketch, tile.T, out=products[:, : len(tile)])
            if product.max(initial=0) > 0:
                place, other = np.nonzero(product > 0)
                found.append((place, other + start))
        i, j = np.hstack(found) if found else np.zeros((2, 0), np.int64)
        order = np.lexsort((j, i))
        return i[order], j[order]


def _unit(points: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", points, points))[:, None]
    return np.divide(points, np.maximum(length, 1e-12), dtype=np.float32)


def varied(points: np.ndarray, coefficient: np.ndarray, leader: np.ndarray, *, cap: int) -> np.ndarray:
    """(min(cap, m),) int: places of a choice that is hard and varied, in the order chosen.

    The hardest first; then again and again the one with the largest product of its coefficient and its distance to the
    nearest one chosen, until `cap`. Followers of a stack come only after all leaders.

    Args:
        points: (m, d) float32 as for `stacks`; a hole counts as far from all.
        coefficient: (m,) float in 0..1.
        leader: as `stacks` gave it.
    """
    hardest = np.argsort(-coefficient, kind="stable")
    leads = leader[hardest] == hardest
    order = np.concatenate([hardest[leads], hardest[~leads]])
    pool = hardest[leads][: POOL * max(cap, 0)] if points.shape[1] else hardest[:0]
    if cap <= 0 or len(pool) <= cap:
        return order[: max(cap, 0)]
    whole = known(points[pool])
    table = _unit(np.where(whole[:, None], points[pool], 0.0))
    apart = np.ones(len(pool))
    chosen: list[int] = []
    worth = coefficient[pool].astype(float)
    for _ in range(cap):
        best = int((worth * apart).argmax())
        chosen.append(best)
        worth[best] = -1.0
        if whole[best]:
            distance = np.linalg.norm(table - table[best], axis=1)
            apart = np.where(whole, np.minimum(apart, distance), apart)
    return pool[chosen]
