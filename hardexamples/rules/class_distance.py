"""The image looks unlike the training images of the class that the model predicts: reason 3."""

from typing import ClassVar

import faiss
import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known, normal_range

SHARPNESS = {"descriptor": 16.0, "activations": 8.0}
"""Slope of the score per unit of log ratio in each space: about what a logistic regression of "the
prediction is wrong" gives on handwritten digits, so that the score is near a probability."""
KEPT = 3
FLOOR = 1e-6
NORMAL_SAMPLE = 500  # training images that say what is normal


class NearestByClass:
    """Exact nearest neighbours, class by class: together as many distances as one search over all points.

    Args:
        points: (p, d) float32.
        rows: (p,) int, what to call each point in answers.
        labels: (p,) int, classes.
    """

    def __init__(self, points: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> None:
        self.width = points.shape[1]
        self.rows = {int(c): rows[labels == c] for c in np.unique(labels)}
        self.indexes = {}
        for label in self.rows:
            self.indexes[label] = faiss.IndexFlatL2(self.width)
            self.indexes[label].add(np.ascontiguousarray(points[labels == label]))

    def same_and_other(
        self, queries: np.ndarray, classes: np.ndarray, *, itself: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """(q,) Euclidean distances to the nearest point of each query's class, and of any other class; inf
        for none.

        `itself` says that the queries are among the points: then each one's own place does not count.
        """
        same = np.full(len(queries), np.inf)
        other = np.full(len(queries), np.inf)
        for label, index in self.indexes.items():
            mine = classes == label
            distance = np.sqrt(np.maximum(index.search(queries, 1)[0][:, 0], 0.0))
            if not itself:
                same[mine] = distance[mine]
            elif mine.any() and index.ntotal > 1:
                same[mine] = np.sqrt(np.maximum(index.search(queries[mine], 2)[0][:, 1], 0.0))
            other[~mine] = np.minimum(other[~mine], distance[~mine])
        return same, other

    def nearest(self, query: np.ndarray) -> list[tuple[int, float, int]]:
        """(row, distance, class) of the nearest points of all classes, nearest first; query is (1, d)."""
        found = []
        for label, index in self.indexes.items():
            squared, places = index.search(query, min(KEPT, index.ntotal))
            for square, place in zip(squared[0], places[0], strict=True):
                found.append((int(self.rows[label][place]), float(np.sqrt(max(square, 0.0))), label))
        return sorted(found, key=lambda each: (each[1], each[0]))[:KEPT]


def log_ratio(same: np.ndarray, other: np.ndarray) -> np.ndarray:
    """log(same / other): negative near images of its own class, 0 in between, positive near another class.

    Bounded to -1..1 (a factor of e), which also holds where one of them is infinite (a class without
    training images, or the only class); NaN where both are.
    """
    with np.errstate(invalid="ignore"):
        ratio = np.log(np.maximum(same, FLOOR)) - np.log(np.maximum(other, FLOOR))
    return np.clip(ratio, -1.0, 1.0)


class ClassDistance(Rule):
    """Hard where the nearest training image of the predicted class is not nearer than that of some other
    class.

    Measured in the descriptor (independent of the model) and, with a smaller say, in the model's own
    activations; where an image has only one of them, in that one.

    Args:
        activations_share: weight of the activations where both spaces are there, 0..1.
    """

    algorithm = "image_similarity_mining"
    reasons: ClassVar = {3: "The prediction differs from training data of the same class"}
    suggestions: ClassVar = {
        3: "Compare it with the nearest training images; correct the label or add data of this kind."
    }
    needs = frozenset({"probabilities", "features", "labels"})

    def __init__(self, activations_share: float = 0.15) -> None:
        self.activations_share = activations_share

    def _fit(self, reference: Reference) -> bool:
        labels = given(reference.labels)
        self.spaces_: dict[str, NearestByClass] = {}
        self.normal_: dict[str, tuple[float | None, float | None]] = {}
        for space in SHARPNESS:
            table = reference.space(space)
            usable = np.flatnonzero(known(table) & (labels >= 0))
            if table.shape[1] and len(usable):
                search = NearestByClass(table[usable], usable, labels[usable])
                some = usable[:: max(1, len(usable) // NORMAL_SAMPLE)]
                among = search.same_and_other(table[some], labels[some], itself=True)
                self.spaces_[space], self.normal_[space] = search, normal_range(np.exp(log_ratio(*among)))
        return bool(self.spaces_)

    def _ratios(self, batch: Batch, space: str) -> np.ndarray:
        ratios = np.full(len(batch), np.nan)
        table = batch.space(space)
        if space in self.spaces_ and table.shape[1]:
            usable = np.flatnonzero(known(table) & (batch.predicted >= 0))
            ratios[usable] = log_ratio(*self.spaces_[space].same_and_other(table[usable], batch.predicted[usable]))
        return ratios

    def _score(self, batch: Batch) -> np.ndarray:
        descriptor = SHARPNESS["descriptor"] * self._ratios(batch, "descriptor")
        activations = SHARPNESS["activations"] * self._ratios(batch, "activations")
        both = (1 - self.activations_share) * descriptor + self.activations_share * activations
        evidence = np.where(np.isnan(both), np.where(np.isnan(descriptor), activations, descriptor), both)
        return 1 / (1 + np.exp(-evidence))

    def _explain(self, batch: Batch) -> list[Evidence]:
        space = "activations" if np.isnan(self._ratios(batch, "descriptor")[0]) else "descriptor"
        search = self.spaces_[space]
        predicted = int(batch.predicted[0])
        same, other = (d[0] for d in search.same_and_other(batch.space(space), batch.predicted))
        neighbours = search.nearest(batch.space(space))
        names = ", ".join(batch.class_names[label] for _, _, label in neighbours)
        said = batch.class_names[predicted]
        if np.isinf(same):
            sentence = f"no training image is labeled {said}; the nearest ones are {names}"
        elif np.isinf(other):
            sentence = f"every training image is labeled {said}"
        else:
            times = same / max(other, FLOOR)
            sentence = (
                f"the nearest training image labeled {said} is {times:.2f} times as far as the "
                f"nearest of any other class; the nearest ones are {names}"
            )
        measured = float(np.exp(log_ratio(np.array([same]), np.array([other])))[0])
        pairs = tuple((row, distance) for row, distance, _ in neighbours)
        return [self.evidence(3, measured, sentence, normal=self.normal_[space], neighbours=pairs)]
