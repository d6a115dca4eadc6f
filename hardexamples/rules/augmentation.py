"""A slightly changed image gets another answer: reasons 19 to 29."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from hardexamples.rules.boxes import disagreement
from hardexamples.rules.contract import AUGMENTATIONS, MODELARTS_AUGMENTATIONS, Batch, Evidence, Reference, Rule, given

WORDS = {
    "gaussianblur": "blurred",
    "fliplr": "mirrored",
    "crop": "cropped",
    "flipud": "turned upside down",
    "scale": "made larger or smaller",
    "translate": "moved",
    "shear": "slanted",
    "superpixels": "reduced to patches of color",
    "sharpen": "sharpened",
    "add": "made brighter or darker",
    "invert": "inverted in color",
}
CODES = dict(zip(AUGMENTATIONS, range(19, 30), strict=True))
FEWEST = 10  # training images that must have been changed before an operation is distrusted
TELLING = 0.25  # a smaller change is no reason


class Augmentation(Rule):
    """Hard where the model changes its mind when the image is changed in a way that a person would not mind.

    Only images that were shown to the model again have a score: the mean change over the operations, each weighed as
    set. An operation that changes the answers to training images too (mirroring letters, for instance) weighs less, and
    nothing where it changes half of them. The score says little about the chance of an error, but much to who looks for
    one: from 0.2 on it is quoted beside what made an image hard.

    Args:
        operations: weight >= 0 by operation.
    """

    algorithm = "aug_consistent_mining"
    reasons: ClassVar = {code: f"The prediction changes when the image is {WORDS[op]}" for op, code in CODES.items()}
    suggestions: ClassVar = {
        code: f"Check the label; augment the training set in this way ({op}), or supplement similar data."
        for op, code in CODES.items()
    }
    needs = frozenset({"predictions", "augmented"})
    rehearsed = False
    voice = 0.15
    beside = 0.2

    def __init__(self, operations: Mapping[str, float] = MODELARTS_AUGMENTATIONS) -> None:
        self.operations = operations

    def _fit(self, reference: Reference | None) -> bool:
        self.weights_ = {op: float(weight) for op, weight in self.operations.items() if weight > 0}
        self.usual_ = dict.fromkeys(self.weights_, 0.0)
        # the boxes of a reference are the labeled ones; what its detector said stands beside them
        seen: Batch | None = reference if reference is None or reference.answers is None else reference.answers
        if seen is not None and self._met(self.needs, seen):
            for op, change in self._changes(seen).items():
                known = change[~np.isnan(change)]
                if len(known) >= FEWEST:
                    self.usual_[op] = float(known.mean())
                    self.weights_[op] *= max(0.0, 1 - 2 * self.usual_[op])
        return True

    def _changes(self, batch: Batch) -> dict[str, np.ndarray]:
        """By operation: (n,) change 0..1, NaN where it was not tried."""
        found = {}
        for op in self.weights_:
            if op in (batch.augmented or {}):
                found[op] = answer_change(given(batch.probabilities), given(batch.augmented)[op])
            elif op in (batch.augmented_boxes or {}):
                found[op] = np.array([_box_change(batch, op, i)[0] for i in range(len(batch))])
        return found

    def _score(self, batch: Batch) -> np.ndarray:
        total, weight = np.zeros(len(batch)), np.zeros(len(batch))
        for op, change in self._changes(batch).items():
            known = ~np.isnan(change)
            total += self.weights_[op] * np.nan_to_num(change)
            weight += self.weights_[op] * known
        return np.divide(total, weight, out=np.full(len(batch), np.nan), where=weight > 0)

    def _explain(self, batch: Batch) -> list[Evidence]:
        said = {op: float(c[0]) for op, c in self._changes(batch).items() if self.weights_[op] > 0 and c[0] > 0}
        order = sorted(said, key=lambda op: (-said[op], op))
        telling = [op for op in order if said[op] >= TELLING] or order[:1]
        return [self._told(batch, op, said[op]) for op in telling]

    def _told(self, batch: Batch, op: str, change: float) -> Evidence:
        names = batch.class_names
        if batch.boxes is not None:
            box = _box_change(batch, op, 0)[1]
            sentence = f"{WORDS[op]}, the model finds a box that is missing here"
            if box is not None:
                label = names[given(batch.box_labels)[0][box]]
                sentence = f"{WORDS[op]}, the model no longer finds box {box + 1}, {label}, or calls it something else"
            return self.evidence(CODES[op], change, sentence, box=box)
        before, after = given(batch.probabilities)[0], given(batch.augmented)[op][0]
        was, now = int(batch.predicted[0]), int(after.argmax())
        if was == now:
            sentence = f"{WORDS[op]}, the model says {names[was]} only {after[was]:.2f} instead of {before[was]:.2f}"
        else:
            sentence = (
                f"{WORDS[op]}, the model says {names[now]} {after[now]:.2f} instead of {names[was]} {before[was]:.2f}"
            )
        return self.evidence(CODES[op], change, sentence)


def answer_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(n,) 0..1: how much probability the first answer lost, or, where the answer is another, how far the two
    distributions are apart (total variation). NaN where either is missing or says nothing.

    Args:
        before, after: (n, k) in 0..1, NaN rows = missing.
    """
    if not before.shape[1]:
        return np.full(len(before), np.nan)
    one, other = np.nan_to_num(before), np.nan_to_num(after)
    rows, was = np.arange(len(one)), one.argmax(axis=1)
    lost = one[rows, was] - other[rows, was]
    apart = np.abs(one - other).sum(axis=1) / 2
    change = np.clip(np.where(other.argmax(axis=1) == was, lost, np.maximum(lost, apart)), 0.0, 1.0)
    missing = np.isnan(before).any(axis=1) | np.isnan(after).any(axis=1) | (one.max(axis=1) <= 0)
    return np.where(missing, np.nan, change)


def _box_change(batch: Batch, op: str, index: int) -> tuple[float, int | None]:
    """As `rules.boxes.disagreement`, among the boxes that the change left in view; NaN where it was not tried."""
    retake = given(batch.augmented_boxes)[op][index]
    if retake is None:
        return np.nan, None
    seen = np.flatnonzero(retake.in_view)
    boxes, labels, sure = given(batch.boxes), given(batch.box_labels), given(batch.box_confidences)
    here = (boxes[index][seen], labels[index][seen], sure[index][seen])
    change, box = disagreement(here, (retake.boxes, retake.labels, retake.confidences))
    return change, None if box is None else int(seen[box])
