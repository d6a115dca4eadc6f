"""Nothing was recognized: reason 0."""

from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hardexamples.features import summary
from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known

FEWEST = 20  # images or parts of each kind, empty or not, before looks can tell them apart
STRENGTH = 0.01  # of the regression's trust in its numbers: looks change from place to place


def emptiness(boxes: tuple[np.ndarray, ...]) -> float:
    """How often an image has no box, 0..1, with one image of each kind added so that it is never certain."""
    empty = sum(not len(b) for b in boxes)
    return (empty + 1) / (len(boxes) + 2)


class NoTarget(Rule):
    """Hard where the model found no box (detection) or gave every class the probability 0 (classification).

    The score of an image without boxes is the chance that it holds an object after all. How often that is so whatever
    it looks like: among the training images of which the model says the same, where its answers are known; else among
    all of them; with one image of each kind added. Looks change these odds: a logistic regression, both kinds weighed
    alike, on what the descriptors of training images and of parts of them say about color and texture, wherever in
    the image it is. Without labeled boxes the score is 1; an image with boxes is another rule's business.
    """

    algorithm = "predict_score_mining"
    reasons: ClassVar = {0: "No target object is recognized"}
    suggestions: ClassVar = {
        0: "Look for objects that the model missed; if there are none, confirm the image as empty."
    }
    needs = frozenset({"predictions"})
    rehearsed = False
    sole = True

    def _fit(self, reference: Reference | None) -> bool:
        self.empty_share_: float | None = None
        self.looks_: Pipeline | None = None
        if reference is None or not reference.boxes:
            return True
        self.empty_share_ = emptiness(reference.boxes)
        self.odds_ = (1 - self.empty_share_) / self.empty_share_
        if reference.answers is not None and reference.answers.boxes is not None:
            pairs = zip(reference.boxes, reference.answers.boxes, strict=True)
            silent = [len(labeled) for labeled, found in pairs if not len(found)]
            self.odds_ = (np.count_nonzero(silent) + 1) / (silent.count(0) + 1)
        table = reference.space("descriptor")
        full = np.array([float(len(boxes) > 0) for boxes in reference.boxes])
        if reference.part_descriptors and table.shape[1]:
            table = np.vstack([table, *reference.part_descriptors])
            full = np.concatenate([full, *given(reference.part_held)])
        usable = known(table) & ~np.isnan(full) if table.shape[1] else np.zeros(len(table), bool)
        full = full[usable] > 0
        if min(full.sum(), (~full).sum()) >= FEWEST:
            line = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced")
            self.looks_ = make_pipeline(StandardScaler(), line).fit(summary(table[usable]), full)
        return True

    def _surprise(self, batch: Batch) -> np.ndarray:
        """(n,) how likely there is something though the model found nothing, 0..1."""
        if self.empty_share_ is None:
            return np.ones(len(batch))
        odds = np.full(len(batch), np.log(self.odds_))
        table = batch.space("descriptor")
        if self.looks_ is not None and table.shape[1]:
            usable = known(table)
            if usable.any():
                odds[usable] += self.looks_.decision_function(summary(table[usable]))
        return 1 / (1 + np.exp(-odds))

    def _score(self, batch: Batch) -> np.ndarray:
        if batch.boxes is not None:
            empty = np.array([not len(boxes) for boxes in batch.boxes])
            return np.where(empty, self._surprise(batch), np.nan)
        answered = ~np.isnan(given(batch.probabilities)).any(axis=1)
        return np.where(answered & (batch.predicted < 0), 1.0, np.nan)

    def _explain(self, batch: Batch) -> list[Evidence]:
        score = self._score(batch)[0]
        sentence = "the model recognized nothing in this image"
        if batch.boxes is not None and self.empty_share_ is not None:
            sentence += f"; {self.empty_share_:.0%} of the training images have no box"
            if self.looks_ is not None and batch.descriptor is not None:
                sentence += f"; by its looks this one holds something with a chance of {score:.0%}"
        return [self.evidence(0, 0.0, sentence)]
