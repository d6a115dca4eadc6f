"""What a rule gives, and the base class of all rules. What it gets is in `batch`.

Arrays in, arrays out: nothing here knows images, files or the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator

from hardexamples.augmentations import AUGMENTATIONS
from hardexamples.rules.batch import Batch, Reference

__all__ = [
    "AUGMENTATIONS",
    "MODELARTS_AUGMENTATIONS",
    "MODELARTS_WEIGHTS",
    "NEEDS",
    "Batch",
    "Evidence",
    "Reference",
    "Rule",
    "given",
    "known",
    "normal_range",
]

MODELARTS_WEIGHTS: Mapping[str, float] = {
    "clustering_mining": 0.2020,
    "aug_consistent_mining": 0.4265,
    "feature_distribution_mining": 0.0451,
    "sequential_mining": 0.425,
    "image_similarity_mining": 0.0949,
    "predict_score_mining": 0.3900,
    "anomaly_detection_mining": 0.2020,
}
"""The seven algorithms and ModelArts' default weights, in its own order."""

MODELARTS_AUGMENTATIONS: Mapping[str, float] = {"crop": 0.1, "fliplr": 0.1, "gaussianblur": 0.1}

NEEDS = {
    "predictions": "the model's probabilities (classification) or boxes (detection)",
    "probabilities": "the model's probabilities per class (classification only)",
    "boxes": "the model's boxes (detection only)",
    "features": "a descriptor or activations per image, of the training set too",
    "input features": "a descriptor or activations per input",
    "statistics": "image statistics",
    "augmented": "the model's answers to changed images",
    "other model": "another model's answers about the same inputs",
    "reference": "a labeled training set",
    "labels": "classification labels in the training set",
}
"""What a rule may need, in words."""


@dataclass(frozen=True)
class Evidence:
    """Why one image was flagged, as numbers and as a sentence.

    Args:
        code: the reason; 0..30 are ModelArts'.
        rule: the rule's name.
        measured: the number that the rule looked at, in the unit that the sentence names.
        normal_low, normal_high: 5th and 95th percentile of that number in the reference, or None.
        sentence: for a labeler.
        suggestion: what to do about it.
        neighbours: (index into the reference, distance), nearest first.
        box: index of the box that it is about, or None.
    """

    code: int
    rule: str
    measured: float
    sentence: str
    suggestion: str
    normal_low: float | None = None
    normal_high: float | None = None
    neighbours: tuple[tuple[int, float], ...] = ()
    box: int | None = None


class Rule(BaseEstimator):
    """One rule, one file: parameters in `__init__` untouched, what is fitted ends with an underscore.

    A rule defines `_fit(reference)`, `_score(batch)` and `_explain(batch)`; this class asks them
    only where the rule's needs are met, so that a rule never meets an array that it needs and that is not
    there.

    Class attributes:
        algorithm: one of the seven of ModelArts.
        reasons: code of each reason that it may give, with the reason in a few words.
        suggestions: code of each reason, with what to do about it.
        needs: keys of `NEEDS`.
        alone: each image is judged by itself. A rule that compares the inputs with each other says False and defines
            `explain_all` itself; it cannot be rehearsed.
        rehearsed: its scores are calibrated on the training set, where it has anything to say there.
        voice: where the rule is not calibrated, the chance of an error that a score of `full` or more stands for; a
            smaller score stands for its share of it.
        full: that score.
        beside: from this score on it is quoted with any hard image, whatever made that hard; infinite for a rule that
            is quoted only where its own chance is enough.
        about_data: it says that the training set lacks such images, not that the prediction is wrong. Where its chance
            reaches the threshold it makes an image hard, but it leaves the coefficient and so the order alone.
        sole: wherever it has an opinion, it alone makes the coefficient: the others judge answers, and here is none.
    """

    algorithm: ClassVar[str]
    reasons: ClassVar[Mapping[int, str]]
    suggestions: ClassVar[Mapping[int, str]]
    needs: ClassVar[frozenset[str]] = frozenset()
    alone: ClassVar[bool] = True
    rehearsed: ClassVar[bool] = True
    voice: ClassVar[float] = 1.0
    full: ClassVar[float] = 1.0
    beside: ClassVar[float] = np.inf
    about_data: ClassVar[bool] = False
    sole: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def fit(self, reference: Reference | None) -> Self:
        """Learn what is normal. None, or one that lacks what the rule needs: the rule will have no
        opinion.
        """
        self.ready_ = False
        if reference is None or not len(reference):
            reference = None
        if self._met(self.needs & {"features", "statistics", "labels", "reference"}, reference):
            self.ready_ = self._fit(reference)
        return self

    def score(self, batch: Batch, *, between: Callable[[], None] | None = None) -> np.ndarray:
        """(n,) float in 0..1, 1 = hardest, NaN = no opinion.

        Args:
            batch: what to score.
            between: called before each block of it; may raise to end the work.
        """
        if not self._speaks(batch):
            return np.full(len(batch), np.nan)
        scores = []
        for part in batch.blocks if self.alone else (batch,):
            if between is not None:
                between()
            scores.append(self._score(part))
        return np.clip(np.concatenate(scores), 0.0, 1.0)

    def explain(self, batch: Batch, index: int) -> list[Evidence]:
        """The evidence about image `index`; empty where the rule has no opinion."""
        return self.explain_all(batch, [index])[0]

    def explain_all(self, batch: Batch, indices: Sequence[int]) -> list[list[Evidence]]:
        """The evidence about each of the images at `indices`, a few hundred at once."""
        if not (self._speaks(batch) and len(indices)):
            return [[] for _ in indices]
        return self._explain_all(batch.take(indices))

    def evidence(
        self,
        code: int,
        measured: float,
        sentence: str,
        *,
        normal: tuple[float | None, float | None] = (None, None),
        neighbours: tuple[tuple[int, float], ...] = (),
        box: int | None = None,
    ) -> Evidence:
        """An `Evidence` of this rule with the suggestion of its reason."""
        suggestion = self.suggestions[code]
        return Evidence(code, self.name, float(measured), sentence, suggestion, *normal, neighbours, box)

    def _speaks(self, batch: Batch) -> bool:
        return bool(self.ready_ and len(batch) and self._met(self.needs - {"reference", "labels"}, batch))

    def _met(self, needs: frozenset[str], batch: Batch | None) -> bool:
        if batch is None:
            return not needs
        featured = batch.descriptor is not None or batch.activations is not None
        there = {
            "reference": True,
            "labels": getattr(batch, "labels", None) is not None,
            "probabilities": batch.probabilities is not None,
            "boxes": batch.boxes is not None,
            "predictions": batch.probabilities is not None or batch.boxes is not None,
            "features": featured,
            "input features": featured,
            "statistics": batch.statistics is not None,
            "other model": batch.other is not None,
            "augmented": bool(batch.augmented or batch.augmented_boxes),
        }
        return all(there[need] for need in needs)

    def _fit(self, reference: Any) -> bool:
        """Learn from a `Reference`, or from None where nothing of it is needed; False if it is too small."""
        raise NotImplementedError

    def _score(self, batch: Batch) -> np.ndarray:
        """(n,) for n > 0 images with what the rule needs; NaN where it has no opinion."""
        raise NotImplementedError

    def _explain_all(self, batch: Batch) -> list[list[Evidence]]:
        """The evidence of each image of a batch with what the rule needs, one by one; a rule that looks much up for an
        image does it here for all at once."""
        silent = np.isnan(self._score(batch))
        return [[] if quiet else self._explain(batch.take([i])) for i, quiet in enumerate(silent)]

    def _explain(self, batch: Batch) -> list[Evidence]:
        """The evidence of a batch of one image that the rule scored."""
        raise NotImplementedError


def given[T](value: T | None) -> T:
    """What the rule's needs promise to be there.

    Raises:
        ValueError: it is not: the rule's `needs` do not name it.
    """
    if value is None:
        raise ValueError("the rule uses an array that its needs do not name")
    return value


def known(table: np.ndarray) -> np.ndarray:
    """(n,) bool: the rows of (n, d) `table` without a hole."""
    # by the extremes of a row, which keep its NaN: no mask as large as the table
    return np.isfinite(table.min(axis=1, initial=0.0)) & np.isfinite(table.max(axis=1, initial=0.0))


def normal_range(values: np.ndarray) -> tuple[float | None, float | None]:
    """5th and 95th percentile of what is known in `values`, or (None, None)."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None, None
    low, high = np.percentile(numbers, (5, 95))
    return float(low), float(high)
