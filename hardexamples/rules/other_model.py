"""Another model, such as the version before, says something else about the same image: reason 101."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.boxes import matched, overlaps
from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given

BELONGS = 0.5  # boxes of two models belong together from this IoU on


class OtherModel(Rule):
    """Hard where the answers that another model gave about the same inputs disagree with this model's.

    Classification: where both name another label, 1 minus the probability that both mean the same one,
    `1 - sum_c p_c q_c`; 0 where they name the same. Detection: 1 minus the mean overlap (IoU) of boxes that belong
    together and have the same label, each box of either model weighted by its confidence; one without a partner counts
    as 0.

    A training set has no answers of the other model, so it cannot be rehearsed. Where two models contradict each other
    one of them is wrong, but the rules that know the training set tell better which: so it speaks softly.
    """

    algorithm = "aug_consistent_mining"
    reasons: ClassVar = {101: "Another model says something else"}
    suggestions: ClassVar = {101: "Compare both answers; at most one of them is right."}
    needs = frozenset({"predictions", "other model"})
    rehearsed = False
    voice = 0.05
    beside = 0.5

    def _fit(self, reference: Reference | None) -> bool:
        return True

    def _score(self, batch: Batch) -> np.ndarray:
        other = given(batch.other)
        if batch.boxes is None:
            if batch.probabilities is None or other.probabilities is None:
                return np.full(len(batch), np.nan)
            return labels_disagree(batch, other)
        if other.boxes is None:
            return np.full(len(batch), np.nan)
        there = np.ones(len(batch), bool) if other.answered is None else other.answered
        return np.array([_boxes(batch, other, i)[0] if there[i] else np.nan for i in range(len(batch))])

    def _explain(self, batch: Batch) -> list[Evidence]:
        score, other = float(self._score(batch)[0]), given(batch.other)
        if not score > 0:
            return []
        names = batch.class_names
        if batch.boxes is None:
            here, there = int(batch.predicted[0]), int(other.predicted[0])
            sure = float(given(batch.probabilities)[0, here])
            said = f"{names[there]} with {float(given(other.probabilities)[0, there]):.2f}"
            words = f"another model said {said}; this one says {names[here]} with {sure:.2f}"
            return [self.evidence(101, score, words)]
        box = _boxes(batch, other, 0)[1]
        found, before = len(given(batch.boxes)[0]), len(given(other.boxes)[0])
        words = f"another model found {_counted(before)}, this one {_counted(found)}; they agree by {1 - score:.2f}"
        if box is not None:
            words += f"; least so box {box + 1}, {names[given(batch.box_labels)[0][box]]}"
        return [self.evidence(101, score, words, box=box)]


def labels_disagree(batch: Batch, other: Batch) -> np.ndarray:
    """(n,) 0..1 of two classifiers with the same classes; NaN where one of them names none."""
    here, there = given(batch.probabilities), given(other.probabilities)
    # a row of floats may sum to a little more than 1
    apart = np.clip(1 - np.einsum("nk,nk->n", here, there, dtype=float), 0.0, 1.0)
    apart = np.where(batch.predicted == other.predicted, 0.0, apart)
    return np.where((batch.predicted >= 0) & (other.predicted >= 0), apart, np.nan)


def _boxes(batch: Batch, other: Batch, index: int) -> tuple[float, int | None]:
    """How much two detectors disagree about an image, 0..1, and this one's box with the least agreement."""
    here, there = given(batch.boxes)[index], given(other.boxes)[index]
    labels, labels_there = given(batch.box_labels)[index], given(other.box_labels)[index]
    sure, sure_there = given(batch.box_confidences)[index], given(other.box_confidences)[index]
    weight = float(sure.sum() + sure_there.sum())
    if not weight:
        return float(len(here) != len(there)), None
    table = overlaps(here, there)
    agreement = np.zeros(len(here))
    common = 0.0
    for i, j in matched(here, there, least=BELONGS):
        if labels[i] == labels_there[j]:
            agreement[i] = table[i, j]
            common += table[i, j] * float(sure[i] + sure_there[j])
    return float(np.clip(1 - common / weight, 0.0, 1.0)), int(agreement.argmin()) if len(here) else None


def _counted(boxes: int) -> str:
    return f"{boxes} box{'' if boxes == 1 else 'es'}" if boxes else "nothing"
