"""One filter: every rule's score of every image, fused into one coefficient, a verdict and its reasons.

`docs/mining.md` holds the formulas and what they were measured to do. numpy and scikit-learn only.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from hardexamples.calibration import fit_fusion
from hardexamples.diversity import stacks, varied
from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import FUSION_VERSION, Fusion, log_odds
from hardexamples.label_errors import SuspectLabel, suspect_labels
from hardexamples.rules import (
    Batch,
    Evidence,
    Reference,
    Rule,
    rules,
)
from hardexamples.rules.low_confidence import box_doubt

__all__ = ["FUSION_VERSION", "Batch", "Filter", "Reference", "Verdicts", "undecided"]

FITTING = ("weights", "fusion", "measure", "augmentations", "random_state")  # settings that a fit depends on
MANY_SUSPECTS = 0.02  # of the reference
BAND = 2.0  # log odds around the threshold within which an image is undecided


class Filter:
    """The rules of the enabled algorithms, fitted on one reference, and their fusion.

    Args:
        settings: what a person chose.
    """

    def __init__(self, settings: FilterSettings) -> None:
        self.settings = settings

    def fit(
        self,
        reference: Reference | None,
        *,
        fitted: Mapping[str, Any] | None = None,
        between: Callable[[], None] | None = None,
    ) -> Self:
        """Look for labels that are probably wrong, fit every rule without them, then the fusion.

        `suspect_labels_` holds what was found, the surest first.

        Args:
            reference: the labeled training set, or None.
            fitted: what `fitted_as_dict` gave for the same settings and reference, to save the time of
                fitting the fusion again. Figures of another fusion version or of
                other rules are fitted anew.
            between: called before each rule is fitted or rehearsed; may raise to end the work.
        """
        enabled = self._enabled()
        same = fitted and fitted["version"] == FUSION_VERSION and fitted["rules"].keys() == enabled.keys()
        # what reviews have taught knows no training set
        if fitted and same and "suspect_labels" in fitted:
            self.suspect_labels_ = [SuspectLabel(**each) for each in fitted["suspect_labels"]]
        else:
            self.suspect_labels_ = (
                suspect_labels(reference, random_state=self.settings.random_state) if reference else []
            )
        believed = _without(self.suspect_labels_, reference)
        self.rules_ = {}
        for name, rule in enabled.items():
            if between is not None:
                between()
            self.rules_[name] = rule.fit(believed)
        self.reference_ = reference
        self.fitted_on_ = fitted.get("fitted_on", "") if fitted and same else ""
        if fitted and same:
            self.fusion_ = Fusion.from_dict(fitted)
        else:
            self.fitted_on_ = self.fit_key(reference) if reference else ""
            self.fusion_ = fit_fusion(
                self._enabled(),
                believed if _many(self.suspect_labels_, reference) else reference,
                weights=self.settings.weights,
                learn=self.settings.fusion == "fitted",
                random_state=self.settings.random_state,
                between=between,
            )
        return self

    def fitted_as_dict(self) -> dict[str, Any]:
        """The fusion's figures and the suspect labels as plain JSON values; the rules themselves are fitted from
        the reference in seconds.
        """
        suspects = [asdict(each) for each in self.suspect_labels_]
        return {**self.fusion_.as_dict(), "suspect_labels": suspects, "fitted_on": self.fitted_on_}

    def fit_key(self, reference: Reference) -> str:
        """What the figures of a fit depend on, as a hash: the settings that fitting reads, and all of the reference."""
        settings = {name: getattr(self.settings, name) for name in FITTING}
        said = json.dumps([FUSION_VERSION, sorted(self._enabled()), settings, reference.content()], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def apply(self, batch: Batch, *, between: Callable[[], None] | None = None) -> "Verdicts":
        """Score, fuse and decide.

        Args:
            batch: what to decide on.
            between: called before each block of images that a rule scores; may raise to end the work.

        Raises:
            ValueError: the batch does not fit the reference: other task, classes or widths of its features.
        """
        self._check(batch)
        scores = {name: rule.score(batch, between=between) for name, rule in self.rules_.items()}
        return self.decide(batch, scores)

    def decide(self, batch: Batch, scores: Mapping[str, np.ndarray]) -> "Verdicts":
        """The verdicts from scores that were kept: changing weights or threshold needs no new scoring."""
        coefficient, flagged = self.hardness(scores, n=len(batch))
        stack = np.full(len(batch), -1)
        hard = np.flatnonzero(flagged)
        points = batch.space("activations" if batch.descriptor is None else "descriptor")[hard]
        leader = stacks(points, np.argsort(-coefficient[hard], kind="stable"))
        control = self._control(~flagged)
        if self.settings.cap is not None and len(hard) > self.settings.cap:
            kept = varied(points, coefficient[hard], leader, cap=self.settings.cap)
            flagged[np.delete(hard, kept)] = False
        several = np.bincount(leader, minlength=len(hard))[leader] > 1
        stack[hard[several]] = hard[leader[several]]
        return Verdicts(self, batch, dict(scores), coefficient, flagged, control, stack)

    def hardness(self, scores: Mapping[str, np.ndarray], *, n: int) -> tuple[np.ndarray, np.ndarray]:
        """(n,) coefficient and (n,) bool, hard by the threshold, before any cap."""
        coefficient = self.fusion_.coefficient(scores, n=n)
        lacking = self.fusion_.lacking(scores, n=n)
        flagged = np.maximum(coefficient, lacking) >= self.settings.threshold
        flagged &= np.any([np.nan_to_num(s) > 0 for s in scores.values()], axis=0) if scores else False
        return coefficient, flagged

    def _enabled(self) -> dict[str, Rule]:
        found = {}
        for name, kind in rules().items():
            if self.settings.weights.get(kind.algorithm, 0) > 0:
                rule = kind()
                chosen = {
                    "measure": self.settings.measure,
                    "operations": self.settings.augmentations,
                    "random_state": self.settings.random_state,
                }
                rule.set_params(**{k: v for k, v in chosen.items() if k in rule.get_params()})
                found[name] = rule
        return found

    def _check(self, batch: Batch) -> None:
        reference = self.reference_
        if reference is None or not len(reference):
            return
        if (batch.task, batch.class_names) != (reference.task, reference.class_names):
            raise ValueError("the inputs and the reference differ in task or classes")
        for name in ("descriptor", "activations", "statistics"):
            ours, theirs = getattr(batch, name), getattr(reference, name)
            if ours is not None and theirs is not None and len(batch) and ours.shape[1] != theirs.shape[1]:
                raise ValueError(f"{name} of {ours.shape[1]} numbers, the reference has {theirs.shape[1]}")

    def _control(self, unflagged: np.ndarray) -> np.ndarray:
        there = np.flatnonzero(unflagged)
        share = self.settings.control_share
        wanted = min(max(1, round(share * len(there))) if share else 0, self.settings.control_cap, len(there))
        control = np.zeros(len(unflagged), dtype=bool)
        rng = np.random.default_rng(self.settings.random_state)
        control[rng.choice(there, wanted, replace=False) if wanted else []] = True
        return control


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a filter says about a batch of n images.

    Args:
        coefficient: (n,) float in 0..1, never NaN: the estimated chance that the prediction is wrong.
        scores: (n,) float in 0..1 by rule, NaN = no opinion.
        flagged: (n,) bool, hard: the coefficient reaches the threshold, or the training set lacks such images.
        control: (n,) bool, the blind random share of what is below the threshold.
        stack: (n,) int, the same number for the hard ones that nearly equal each other (the index of the hardest), also
            where the cap left them out; -1 for an image without such copies.
    """

    filter: Filter
    batch: Batch
    scores: dict[str, np.ndarray]
    coefficient: np.ndarray
    flagged: np.ndarray
    control: np.ndarray
    stack: np.ndarray

    def reasons(self, index: int) -> list[Evidence]:
        """Why image `index` is hard, as `explain`."""
        return self.explain([index])[0]

    def explain(self, indices: Sequence[int] | np.ndarray) -> list[list[Evidence]]:
        """Why each of the images at `indices` is hard, the most telling reason first; never empty where it is flagged.

        A rule is quoted if its score alone would make the image hard; where none would, the most telling
        one is; and beside them one whose score is large enough for that (`Rule.beside`). A few hundred images
        at once cost much less than one by one.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        alone = self.filter.fusion_.alone({name: scores[chosen] for name, scores in self.scores.items()})
        telling = np.array([np.where(np.isnan(chance), -1.0, chance) for chance in alone.values()])
        beside = np.array([self.scores[name][chosen] >= self.filter.rules_[name].beside for name in alone])
        order = np.argsort(-telling, axis=0, kind="stable")
        found: list[list[Evidence]] = [[] for _ in chosen]
        for asked in order:
            rows = np.arange(len(chosen))
            worth = telling[asked, rows]
            silent = np.array([not each for each in found], dtype=bool)
            along = self.flagged[chosen] & (silent | beside[asked, rows])
            wanted = (worth >= self.filter.settings.threshold) | along
            for place, name in enumerate(alone):
                at = np.flatnonzero(wanted & (worth >= 0) & (asked == place))
                said = self.filter.rules_[name].explain_all(self.batch, chosen[at].tolist()) if len(at) else []
                for row, evidence in zip(at, said, strict=True):
                    found[row] += evidence
        return found

    def box_coefficients(self, index: int) -> np.ndarray:
        """(m,) float in 0..1: how hard each box of image `index` is; classification has none.

        The chance that its confidence alone speaks of, raised by every rule that names this box.
        """
        if self.batch.box_confidences is None:
            return np.zeros(0)
        sure = self.batch.box_confidences[index]
        hardness = np.zeros(len(sure))
        if "low_confidence" in self.scores:
            doubted = box_doubt(sure, measure=self.filter.settings.measure)
            hardness = self.filter.fusion_.alone({"low_confidence": doubted})["low_confidence"]
        others = {name: s[index : index + 1] for name, s in self.scores.items() if name != "low_confidence"}
        for name, chance in self.filter.fusion_.alone(others).items():
            if chance[0] > 0:
                for box in {each.box for each in self.filter.rules_[name].explain(self.batch, index)} - {None}:
                    hardness[box] = 1 - (1 - hardness[box]) * (1 - chance[0])
        return hardness


def _many(suspects: Sequence[SuspectLabel], reference: Reference | None) -> bool:
    """Whether the suspects are more than the hard but right labels that any training set has. The rehearsal needs
    those: they are where predictions go wrong."""
    return reference is not None and len(suspects) > MANY_SUSPECTS * len(reference)


def _without(suspects: Sequence[SuspectLabel], reference: Reference | None) -> Reference | None:
    """The reference with the suspect labels unknown."""
    if reference is None or reference.labels is None or not suspects:
        return reference
    labels = reference.labels.copy()
    labels[[each.index for each in suspects]] = -1
    return replace(reference, labels=labels)


def undecided(verdicts: Verdicts, *, budget: int) -> np.ndarray:
    """(m,) int: the images that are worth a second look with changed images, the most undecided first.

    Those whose coefficient is near the threshold: a factor of about 7 in their odds, either way.

    Args:
        verdicts: by the cheap rules.
        budget: at most so many images.
    """
    distance = np.abs(log_odds(verdicts.coefficient) - log_odds(np.array(verdicts.filter.settings.threshold)))
    order = np.argsort(distance, kind="stable")
    return order[distance[order] <= BAND][: max(budget, 0)]
