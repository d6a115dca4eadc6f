"""The model is unsure of its prediction: reason 1."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, normal_range

MEASURES = ("margin", "entropy", "least_confidence", "max_probability")


def doubt(probabilities: np.ndarray, *, measure: str = "margin") -> np.ndarray:
    """How unsure each row is, 0 (certain) to 1 (undecided).

    Args:
        probabilities: (n, k) in 0..1; rows need not sum to 1. NaN rows give NaN.
        measure: "margin", 1 - (p1 - p2) (Scheffer et al. 2001); "entropy", divided by log k (Shannon);
            "max_probability", 1 - p1; "least_confidence", 1 - p1 stretched by k / (k - 1) to reach 1
            (Settles 2009).

    Returns:
        (n,) float. One class: 1 - p1 for every measure, since there is no second class to compare with.
    """
    n, k = probabilities.shape
    if not k:
        return np.full(n, np.nan)
    table = probabilities.astype(float)
    top = table.max(axis=1)
    if k == 1 or measure == "max_probability":
        return 1.0 - top
    if measure == "least_confidence":
        return np.minimum((1.0 - top) * k / (k - 1), 1.0)
    if measure == "margin":
        second = np.partition(table, k - 2, axis=1)[:, k - 2]
        return 1.0 - (top - second)
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.full_like(table, 1.0 / k), where=total != 0)
    logs = np.log(share, out=np.zeros_like(share), where=share != 0)
    return -(share * logs).sum(axis=1) / np.log(k)


def box_doubt(confidences: np.ndarray, *, measure: str = "margin") -> np.ndarray:
    """(m,) square of the doubt of each box, its confidence c read as the two classes c and 1 - c, or 1 - c for
    "max_probability". Detectors are seldom sure of every box; squared, only a box near a coin's throw counts much.
    """
    sure = np.clip(confidences.astype(float), 0.0, 1.0)
    return doubt(np.column_stack([sure, 1.0 - sure]), measure=measure) ** 2 if len(sure) else np.zeros(0)


class LowConfidence(Rule):
    """Hard where the model's own probabilities leave it undecided.

    Detection: the doubt of the image is that of its most doubtful box, squared, so that one among ten sure ones is
    seen. An image without any answer is another rule's business: no opinion.

    Args:
        measure: "margin", "entropy", "least_confidence" or "max_probability".
    """

    algorithm = "predict_score_mining"
    reasons: ClassVar = {1: "The confidence is low"}
    suggestions: ClassVar = {1: "Check the label; supplement similar data, so that the next model is surer of it."}
    needs = frozenset({"predictions"})

    def __init__(self, measure: str = "margin") -> None:
        self.measure = measure

    def _fit(self, reference: Reference | None) -> bool:
        if self.measure not in MEASURES:
            raise ValueError(f"measure is {self.measure!r}, not one of {', '.join(MEASURES)}")
        self.normal_: tuple[float | None, float | None] = (None, None)
        if reference is not None and reference.probabilities is not None:
            self.normal_ = normal_range(reference.probabilities.max(axis=1, initial=0.0))
        return True

    def _score(self, batch: Batch) -> np.ndarray:
        if batch.box_confidences is not None:
            per_image = (box_doubt(c, measure=self.measure) for c in batch.box_confidences)
            return np.array([d.max() if len(d) else np.nan for d in per_image])
        answered = batch.predicted >= 0
        if self.measure == "margin" and len(batch.class_names) > 1:
            _, top, second = batch.leading  # as `doubt`, from what is known already
            return np.where(answered, 1.0 - (top.astype(float) - second), np.nan)
        return np.where(answered, doubt(given(batch.probabilities), measure=self.measure), np.nan)

    def _explain(self, batch: Batch) -> list[Evidence]:
        if batch.box_confidences is not None:
            sure, labels = batch.box_confidences[0], given(batch.box_labels)[0]
            box = int(box_doubt(sure, measure=self.measure).argmax())
            name = batch.class_names[labels[box]]
            sentence = f"the model gives box {box + 1} of {len(sure)}, {name}, a confidence of {sure[box]:.2f}"
            return [self.evidence(1, sure[box], sentence, box=box)]
        row = given(batch.probabilities)[0]
        order = np.argsort(-row, kind="stable")
        sentence = f"the model says {batch.class_names[order[0]]} with a confidence of {row[order[0]]:.2f}"
        if len(row) > 1:
            sentence += f", but also {batch.class_names[order[1]]} with {row[order[1]]:.2f}"
        low, high = self.normal_
        if low is not None:
            sentence += f"; on the training images its first answer has {low:.2f} to {high:.2f}"
        return [self.evidence(1, row[order[0]], sentence, normal=self.normal_)]
