"""The image is unlike anything in the training set: reason 30."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, known, normal_range
from hardexamples.rules.neighbors import nearest


def unusualness(factors: np.ndarray, *, middle: float, edge: float) -> np.ndarray:
    """0..1 for local outlier factors: 1/2 at `edge`, 0.02 at `middle`, a logistic curve between and
    beyond.
    """
    return 1 / (1 + np.exp(-np.clip(4 * (factors - edge) / max(edge - middle, 1e-6), -50, 50)))


SMALLEST = 1e-10  # so that copies of one image are dense, not infinitely so


class LocalOutlierFactors:
    """Local outlier factors (Breunig et al. 2000) of new points against given ones: how many times thinner the place of
    a point is than the places of its nearest neighbors.

    Args:
        points: (p, d) float32.
        neighbors: size of a neighborhood, below p.
    """

    def __init__(self, points: np.ndarray, neighbors: int) -> None:
        self.points = points
        self.neighbors = neighbors
        distances, places = nearest(points, points, count=neighbors + 1)
        distances, places = _without_itself(distances, places)
        self.reach = distances[:, -1]
        self.density = self._density(distances, places)
        self.among = self._factors(distances, places)
        """(p,) the factors of the given points, each without itself."""

    def __call__(self, queries: np.ndarray) -> np.ndarray:
        """(q,) factors, about 1 for a point that is as dense as its neighbors, larger for an outlier."""
        return self._factors(*nearest(queries, self.points, count=self.neighbors))

    def _density(self, distances: np.ndarray, places: np.ndarray) -> np.ndarray:
        return 1 / (np.maximum(distances, self.reach[places]).mean(axis=1) + SMALLEST)

    def _factors(self, distances: np.ndarray, places: np.ndarray) -> np.ndarray:
        return self.density[places].mean(axis=1) / self._density(distances, places)


def _without_itself(distances: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The neighbors of each point among all points but itself; among copies it need not be the first, nor be found."""
    own = places == np.arange(len(places))[:, None]
    own[:, -1] |= ~own.any(axis=1)
    shape = (len(places), places.shape[1] - 1)
    return distances[~own].reshape(shape), places[~own].reshape(shape)


class Outlier(Rule):
    """Hard where the image lies in a thinner place than training images do: local outlier factor (Breunig
    et al. 2000) in the principal components of the descriptor, or of the activations where there is no
    descriptor.

    Score 1/2 is the 99th percentile of the training images among themselves, each without itself.

    Args:
        components: principal components kept.
        neighbours: size of a neighbourhood.
        most_images: fit on a random sample of at most this many training images.
        random_state: seed of that sample.
    """

    algorithm = "anomaly_detection_mining"
    reasons: ClassVar = {30: "The image is an outlier: unlike the training set as a whole"}
    suggestions: ClassVar = {
        30: "Decide whether such images belong here; if so, supplement similar data, otherwise discard it."
    }
    needs = frozenset({"features", "reference"})

    def __init__(
        self, components: int = 64, neighbours: int = 20, most_images: int = 5000, random_state: int = 0
    ) -> None:
        self.components = components
        self.neighbours = neighbours
        self.most_images = most_images
        self.random_state = random_state

    def _fit(self, reference: Reference) -> bool:
        self.space_ = "activations" if reference.descriptor is None else "descriptor"
        table = reference.space(self.space_)
        rows = np.flatnonzero(known(table))
        if len(rows) > self.most_images:
            chosen = np.random.default_rng(self.random_state).choice(len(rows), self.most_images, replace=False)
            rows = rows[np.sort(chosen)]
        if not table.shape[1] or len(rows) <= self.neighbours:
            return False
        points = table[rows]
        self.center_ = points.mean(axis=0)
        _, axes = np.linalg.eigh(np.cov(points, rowvar=False).reshape(table.shape[1], -1))
        self.axes_ = np.ascontiguousarray(axes[:, ::-1][:, : self.components], np.float32)
        self.factors_ = LocalOutlierFactors(self._projected(points), self.neighbours)
        among = self.factors_.among
        self.middle_, self.edge_ = (float(v) for v in np.percentile(among, (50, 99)))
        self.normal_ = normal_range(among)
        return True

    def _projected(self, table: np.ndarray) -> np.ndarray:
        return (table - self.center_) @ self.axes_

    def _factors(self, batch: Batch) -> np.ndarray:
        """(n,) local outlier factors, NaN where the image has no features."""
        factors = np.full(len(batch), np.nan)
        table = batch.space(self.space_)
        usable = known(table)
        if table.shape[1] and usable.any():
            factors[usable] = self.factors_(self._projected(table[usable]))
        return factors

    def _score(self, batch: Batch) -> np.ndarray:
        return unusualness(self._factors(batch), middle=self.middle_, edge=self.edge_)

    def _explain_all(self, batch: Batch) -> list[list[Evidence]]:
        return [[] if np.isnan(factor) else [self._told(factor)] for factor in self._factors(batch)]

    def _told(self, factor: float) -> Evidence:
        low, high = self.normal_
        sentence = (
            f"its distance from the training images most like it is {factor:.2f} times what is usual among those; "
            f"for training images that is {low:.2f} to {high:.2f}"
        )
        return self.evidence(30, factor, sentence, normal=self.normal_)
