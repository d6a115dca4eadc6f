"""The image is unlike anything in the training set: reason 30."""

from typing import ClassVar

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import LocalOutlierFactor

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, known, normal_range


def unusualness(factors: np.ndarray, *, middle: float, edge: float) -> np.ndarray:
    """0..1 for local outlier factors: 1/2 at `edge`, 0.02 at `middle`, a logistic curve between and
    beyond.
    """
    return 1 / (1 + np.exp(-np.clip(4 * (factors - edge) / max(edge - middle, 1e-6), -50, 50)))


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
    reasons: ClassVar = {30: "The image is an outlier"}
    suggestions: ClassVar = {
        30: "Decide whether such images belong here; if so, collect more of them, otherwise discard it."
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
        points = table[known(table)]
        if len(points) > self.most_images:
            chosen = np.random.default_rng(self.random_state).choice(len(points), self.most_images, replace=False)
            points = points[np.sort(chosen)]
        if not table.shape[1] or len(points) <= self.neighbours:
            return False
        components = min(self.components, *points.shape)
        self.projection_ = PCA(components, svd_solver="full", random_state=self.random_state).fit(points)
        self.model_ = LocalOutlierFactor(self.neighbours, novelty=True).fit(self.projection_.transform(points))
        among = -self.model_.negative_outlier_factor_
        self.middle_, self.edge_ = (float(v) for v in np.percentile(among, (50, 99)))
        self.normal_ = normal_range(among)
        return True

    def _factors(self, table: np.ndarray) -> np.ndarray:
        return -self.model_.score_samples(self.projection_.transform(table))

    def _score(self, batch: Batch) -> np.ndarray:
        scores = np.full(len(batch), np.nan)
        table = batch.space(self.space_)
        usable = known(table)
        if table.shape[1] and usable.any():
            scores[usable] = unusualness(self._factors(table[usable]), middle=self.middle_, edge=self.edge_)
        return scores

    def _explain(self, batch: Batch) -> list[Evidence]:
        factor = self._factors(batch.space(self.space_))[0]
        low, high = self.normal_
        sentence = (
            f"it stands {factor:.2f} times as far from the training images most like it as those stand from theirs; "
            f"for training images that is {low:.2f} to {high:.2f}"
        )
        return [self.evidence(30, factor, sentence, normal=self.normal_)]
