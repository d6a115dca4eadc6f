"""Nothing was recognized: reason 0."""

from typing import ClassVar

import faiss
import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known

NEIGHBORS = 10
FEWEST = 5  # training images of each kind, empty or not, before looks can tell them apart


def emptiness(boxes: tuple[np.ndarray, ...]) -> float:
    """How often an image has no box, 0..1, with one image of each kind added so that it is never certain."""
    empty = sum(not len(b) for b in boxes)
    return (empty + 1) / (len(boxes) + 2)


class NoTarget(Rule):
    """Hard where the model found no box (detection) or gave every class the probability 0 (classification).

    The score of an image without boxes is the share of training images that do have boxes: where half of the training
    images are empty, an empty prediction is no surprise. Where the training set has at least five of each kind, it is
    the share among the ten that look most like this one, with one image of the general share added. Without labeled
    boxes it is 1.
    """

    algorithm = "predict_score_mining"
    reasons: ClassVar = {0: "No target object is recognized"}
    suggestions: ClassVar = {
        0: "Look for objects that the model missed; if there are none, confirm the image as empty."
    }
    needs = frozenset({"predictions"})

    def _fit(self, reference: Reference | None) -> bool:
        self.empty_share_ = None
        self.index_ = None
        if reference is None or not reference.boxes:
            return True
        self.empty_share_ = emptiness(reference.boxes)
        table = reference.space("descriptor")
        usable = known(table) if table.shape[1] else np.zeros(len(reference), bool)
        full = np.array([len(boxes) > 0 for boxes in reference.boxes])[usable]
        if min(full.sum(), (~full).sum()) >= FEWEST:
            self.full_ = full
            self.index_ = faiss.IndexFlatL2(table.shape[1])
            self.index_.add(np.ascontiguousarray(table[usable]))
        return True

    def _surprise(self, batch: Batch) -> np.ndarray:
        """(n,) how likely there is something, 0..1, whatever the model said."""
        general = 1.0 if self.empty_share_ is None else 1.0 - self.empty_share_
        surprise = np.full(len(batch), general)
        table = batch.space("descriptor")
        if self.index_ is not None and table.shape[1]:
            usable = known(table)
            places = self.index_.search(np.ascontiguousarray(table[usable]), NEIGHBORS)[1]
            surprise[usable] = (self.full_[places].sum(axis=1) + general) / (NEIGHBORS + 1)
        return surprise

    def _score(self, batch: Batch) -> np.ndarray:
        if batch.boxes is not None:
            empty = np.array([not len(boxes) for boxes in batch.boxes])
            return np.where(empty, self._surprise(batch), 0.0)
        answered = ~np.isnan(given(batch.probabilities)).any(axis=1)
        return np.where(answered, (batch.predicted < 0).astype(float), np.nan)

    def _explain(self, batch: Batch) -> list[Evidence]:
        score = self._score(batch)[0]
        if score == 0:
            return []
        sentence = "the model recognized nothing in this image"
        if batch.boxes is not None and self.empty_share_ is not None:
            sentence += f"; {self.empty_share_:.0%} of the training images have no box"
            if self.index_ is not None and batch.descriptor is not None:
                sentence += f", of those most like this one {1 - score:.0%}"
        return [self.evidence(0, 0.0, sentence)]
