"""The training images around this one carry other labels than the prediction: reason 2."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known, normal_range

MANY = 10_000  # above this many training images, clusters are found in small portions


def memberships(squared: np.ndarray, *, width: float) -> np.ndarray:
    """(n, c) share of each cluster in each image, rows sum to 1: a Gaussian of the squared distances (n,
    c).
    """
    nearer = np.exp(-(squared - squared.min(axis=1, keepdims=True)) / max(width, 1e-12))
    return nearer / nearer.sum(axis=1, keepdims=True)


class ClusterDisagreement(Rule):
    """Hard where the clusters of the training set that an image belongs to hold few images of the predicted
    class.

    The training images are clustered by their looks alone (k-means); each cluster then knows the shares of
    its labels. An image belongs to near clusters more than to far ones; its score is 1 minus the share of
    the predicted class.

    Args:
        images_per_cluster: about how many training images make a cluster.
        most_clusters: never more clusters than this.
        softness: width of the membership as a share of the mean squared distance of training images to
            their cluster.
        random_state: seed of k-means.
    """

    algorithm = "clustering_mining"
    reasons: ClassVar = {2: "Clusters of the training set disagree with the prediction"}
    suggestions: ClassVar = {
        2: "Check the label against similar training images; one of the two may be labeled wrongly."
    }
    needs = frozenset({"probabilities", "features", "labels"})

    def __init__(
        self,
        images_per_cluster: int = 8,
        most_clusters: int = 200,
        softness: float = 0.3,
        random_state: int = 0,
    ) -> None:
        self.images_per_cluster = images_per_cluster
        self.most_clusters = most_clusters
        self.softness = softness
        self.random_state = random_state

    def _fit(self, reference: Reference) -> bool:
        labels = given(reference.labels)
        self.space_ = "activations" if reference.descriptor is None else "descriptor"
        table = reference.space(self.space_)
        usable = known(table) & (labels >= 0)
        points, labels = table[usable], labels[usable]
        if not len(points) or not table.shape[1]:
            return False
        distinct = len(np.unique(points, axis=0))
        clusters = min(max(len(points) // self.images_per_cluster, 1), self.most_clusters, distinct)
        kind = KMeans if len(points) <= MANY else MiniBatchKMeans
        self.clusters_ = kind(clusters, n_init=1, max_iter=50, random_state=self.random_state).fit(points)
        counts = np.zeros((clusters, len(reference.class_names)))
        np.add.at(counts, (self.clusters_.labels_, labels), 1)
        self.shares_ = (counts + counts.sum(axis=0) / len(points)) / (counts.sum(axis=1, keepdims=True) + 1)
        squared = self.clusters_.transform(points) ** 2
        self.width_ = self.softness * float(squared.min(axis=1).mean())
        own = (memberships(squared, width=self.width_) @ self.shares_)[np.arange(len(points)), labels]
        self.normal_ = normal_range(own)
        return True

    def _class_shares(self, table: np.ndarray) -> np.ndarray:
        return memberships(self.clusters_.transform(table) ** 2, width=self.width_) @ self.shares_

    def _score(self, batch: Batch) -> np.ndarray:
        scores = np.full(len(batch), np.nan)
        table = batch.space(self.space_)
        if table.shape[1]:
            usable = np.flatnonzero(known(table) & (batch.predicted >= 0))
            if len(usable):
                shares = self._class_shares(table[usable])
                scores[usable] = 1 - shares[np.arange(len(usable)), batch.predicted[usable]]
        return scores

    def _explain_all(self, batch: Batch) -> list[list[Evidence]]:
        found: list[list[Evidence]] = [[] for _ in range(len(batch))]
        table = batch.space(self.space_)
        usable = np.flatnonzero(known(table) & (batch.predicted >= 0))
        if table.shape[1] and len(usable):
            for index, shares in zip(usable, self._class_shares(table[usable]), strict=True):
                found[index] = [self._told(batch.class_names, shares, int(batch.predicted[index]))]
        return found

    def _told(self, names: Sequence[str], shares: np.ndarray, said: int) -> Evidence:
        most = int(shares.argmax())
        sentence = f"of the training images that look like this one {shares[said]:.0%} are labeled {names[said]}"
        if most != said:
            sentence += f", {shares[most]:.0%} are labeled {names[most]}"
        return self.evidence(2, shares[said], sentence, normal=self.normal_)
