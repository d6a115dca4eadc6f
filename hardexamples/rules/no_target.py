"""Nothing was recognized: reason 0."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given


def emptiness(boxes: tuple[np.ndarray, ...]) -> float:
    """How often an image has no box, 0..1, with one image of each kind added so that it is never certain."""
    empty = sum(not len(b) for b in boxes)
    return (empty + 1) / (len(boxes) + 2)


class NoTarget(Rule):
    """Hard where the model found no box (detection) or gave every class the probability 0 (classification).

    The score of an image without boxes is the share of training images that do have boxes: where half of
        the training
    images are empty, an empty prediction is no surprise. Without labeled boxes it is 1.
    """

    algorithm = "predict_score_mining"
    reasons: ClassVar = {0: "No target object is recognized"}
    suggestions: ClassVar = {
        0: "Look for objects that the model missed; if there are none, confirm the image as empty."
    }
    needs = frozenset({"predictions"})

    def _fit(self, reference: Reference | None) -> bool:
        self.empty_share_ = None
        if reference is not None and reference.boxes:
            self.empty_share_ = emptiness(reference.boxes)
        return True

    def _score(self, batch: Batch) -> np.ndarray:
        if batch.boxes is not None:
            surprise = 1.0 if self.empty_share_ is None else 1.0 - self.empty_share_
            return np.array([0.0 if len(b) else surprise for b in batch.boxes])
        known = ~np.isnan(given(batch.probabilities)).any(axis=1)
        return np.where(known, (batch.predicted < 0).astype(float), np.nan)

    def _explain(self, batch: Batch) -> list[Evidence]:
        if self._score(batch)[0] == 0:
            return []
        sentence = "the model recognized nothing in this image"
        if self.empty_share_ is not None:
            sentence += f"; {self.empty_share_:.0%} of the training images have no box"
        return [self.evidence(0, 0.0, sentence)]
