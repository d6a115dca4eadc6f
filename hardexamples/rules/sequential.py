"""Pictures taken one after the other look the same, but their predictions disagree: reason 4."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hardexamples.rules.boxes import disagreement
from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given

MOVED = 0.3  # boxes of two pictures in a row belong together from this IoU on
BEFORE, AFTER = 0, 1


class Sequential(Rule):
    """Hard where the model contradicts itself between consecutive images that look the same.

    Compared with the similar image before and the one after; an image that contradicts both is harder than the one
    next to it that contradicts only one of them. Silent where the inputs are no sequence: neighbors, by name or as
    given, then are no more similar than random pairs.

    Args:
        both: weight of the smaller of two contradictions; the larger one has the rest.
    """

    algorithm = "sequential_mining"
    reasons: ClassVar = {4: "Predictions of consecutive similar images disagree"}
    suggestions: ClassVar = {4: "Compare it with the image before and after; one of the predictions is wrong."}
    needs = frozenset({"predictions", "input features"})
    alone = False
    voice = 0.5

    def __init__(self, both: float = 0.75) -> None:
        self.both = both

    def _fit(self, reference: Reference | None) -> bool:
        return True

    def _score(self, batch: Batch) -> np.ndarray:
        said = self._contradictions(batch, np.arange(len(batch)))
        known = ~np.isnan(said)
        smaller = np.where(known.all(axis=1), np.nan_to_num(said).min(axis=1), 0.0)
        scores = self.both * smaller + (1 - self.both) * np.nan_to_num(said).max(axis=1)
        return np.where(known.any(axis=1), scores, np.nan)

    def _contradictions(self, batch: Batch, rows: np.ndarray) -> np.ndarray:
        """(m, 2) 0..1 against the image before and the one after; NaN where there is none or one says nothing."""
        said = np.full((len(rows), 2), np.nan)
        for side in (BEFORE, AFTER):
            others = batch.neighbors[rows, side]
            there = np.flatnonzero(others >= 0)
            if batch.boxes is not None:
                said[there, side] = [_boxes_disagree(batch, rows[i], others[i])[0] for i in there]
                continue
            here, other = rows[there], others[there]
            table, predicted = given(batch.probabilities), batch.predicted
            moved = np.clip(np.abs(table[here] - table[other]).sum(axis=1) / 2, 0.0, 1.0)
            moved = np.where(predicted[here] == predicted[other], 0.0, moved)
            said[there, side] = np.where((predicted[here] >= 0) & (predicted[other] >= 0), moved, np.nan)
        return said

    def explain_all(self, batch: Batch, indices: Sequence[int]) -> list[list[Evidence]]:
        """The evidence about images, which their neighbors are part of."""
        if not self._speaks(batch):
            return [[] for _ in indices]
        found = np.nan_to_num(self._contradictions(batch, np.asarray(indices, dtype=np.int64)))
        return [self._told(batch, index, said) for index, said in zip(indices, found, strict=True)]

    def _told(self, batch: Batch, index: int, said: np.ndarray) -> list[Evidence]:
        side = int(said.argmax())
        if not said[side] > 0:
            return []
        other = int(batch.neighbors[index, side])
        box = _boxes_disagree(batch, index, other)[1] if batch.boxes is not None else None
        place, name = ("before", "after")[side], batch.names[other].rpartition("/")[2]
        sentence = f"the image {place} it, {name}, looks the same, but {_words(batch, index, other, box)}"
        return [self.evidence(4, said[side], sentence, box=box)]


def _boxes_disagree(batch: Batch, index: int, other: int) -> tuple[float, int | None]:
    labels, sure = given(batch.box_labels), given(batch.box_confidences)
    here, there = ((given(batch.boxes)[i], labels[i], sure[i]) for i in (index, other))
    return disagreement(here, there, least=MOVED)


def _words(batch: Batch, index: int, other: int, box: int | None) -> str:
    names = batch.class_names
    if batch.boxes is not None:
        if box is None:
            return "there the model found a box that is missing here"
        return f"there the model does not find box {box + 1}, {names[given(batch.box_labels)[index][box]]}"
    here, there = batch.predicted[[index, other]]
    table = given(batch.probabilities)
    said = f"there the model says {names[there]} {table[other, there]:.2f}"
    return f"{said}, here {names[here]} {table[index, here]:.2f}"
