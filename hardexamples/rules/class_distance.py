"""The image looks unlike the training images of the class that the model predicts: reason 3."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known, normal_range
from hardexamples.rules.neighbors import NearestByClass

SHARPNESS = {"descriptor": 16.0, "activations": 8.0}
"""Slope of the score per unit of log ratio in each space: about what a logistic regression of "the
prediction is wrong" gives on handwritten digits, so that the score is near a probability."""
KEPT = 3
FLOOR = 1e-6
NORMAL_SAMPLE = 500  # training images that say what is normal


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
    reasons: ClassVar = {3: "The prediction differs strongly from training data of the same class"}
    suggestions: ClassVar = {
        3: "Compare it with the nearest training images; correct the label or add data of this kind."
    }
    needs = frozenset({"probabilities", "features", "labels"})

    def __init__(self, activations_share: float = 0.15) -> None:
        self.activations_share = activations_share

    def _fit(self, reference: Reference) -> bool:
        self.labels_ = labels = given(reference.labels)
        self.spaces_: dict[str, NearestByClass] = {}
        self.normal_: dict[str, tuple[float | None, float | None]] = {}
        for space in SHARPNESS:
            table = reference.space(space)
            usable = known(table)
            search = NearestByClass(table, labels, usable)
            if table.shape[1] and search.rows:
                labeled = np.flatnonzero(usable & (labels >= 0))
                some = labeled[:: max(1, len(labeled) // NORMAL_SAMPLE)]
                among = search.among_themselves(some, labels[some])
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

    def _explain_all(self, batch: Batch) -> list[list[Evidence]]:
        found: list[list[Evidence]] = [[] for _ in range(len(batch))]
        rest = batch.predicted >= 0
        for space, search in self.spaces_.items():
            table = batch.space(space)
            if not table.shape[1]:
                continue
            here = np.flatnonzero(rest & known(table))
            rest[here] = False
            looked_up = search.search(table[here], batch.predicted[here], count=KEPT)
            for index, same, other, distances, rows in zip(here, *looked_up, strict=True):
                pairs = [(int(row), float(far)) for row, far in zip(rows, distances, strict=True) if row >= 0]
                found[index] = self._told(batch, int(index), space, (same, other), pairs)
        return found

    def _told(
        self, batch: Batch, index: int, space: str, apart: tuple[float, float], pairs: list[tuple[int, float]]
    ) -> list[Evidence]:
        same, other = apart
        names = ", ".join(batch.class_names[self.labels_[row]] for row, _ in pairs)
        said = batch.class_names[batch.predicted[index]]
        if np.isinf(same):
            sentence = f"no training image is labeled {said}; the nearest ones are labeled {names}"
        elif np.isinf(other):
            sentence = f"every training image is labeled {said}"
        else:
            times = same / max(other, FLOOR)
            sentence = (
                f"the nearest training image labeled {said} is {times:.2f} times as far away as the "
                f"nearest one with another label; the nearest ones are labeled {names}"
            )
        measured = float(np.exp(log_ratio(np.array([same]), np.array([other])))[0])
        return [self.evidence(3, measured, sentence, normal=self.normal_[space], neighbours=tuple(pairs))]
