"""How well the filter, each rule and other people's scores tell wrong predictions from right ones.

No Django. `docs/mining.md` holds what came out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import Fusion
from hardexamples.rules import Reference
from hardexamples.rules.low_confidence import doubt
from hardexamples.scoring import Filter
from hardexamples.trials import KEPT, Trial

MEASURES = ("margin", "max_probability", "entropy")
SHARES = (5, 10, 20)  # per cent of the images that somebody looks at
FUSED, FIXED = "fused", "fixed_weights"
LOWEST = "lowest_confidence"  # of an image's boxes
PEER = "cleanlab"


@dataclass(frozen=True)
class Figures:
    """One score on one trial: AUROC and average precision for "the prediction is wrong", and the share of the errors
    among the hardest 5, 10 and 20 % of the images; all 0..1."""

    auroc: float
    average_precision: float
    caught: tuple[float, ...]


def scores_of(trial: Trial, *, peers: bool = True) -> dict[str, np.ndarray]:
    """Every score of the inputs by name, (n,) float, higher is harder, NaN = no opinion: the fused coefficient, the
    one of ModelArts' weights, three measures of doubt (or 1 - the lowest confidence of a detector's boxes), each rule
    that spoke, each peer that is installed."""
    fitted = _fitted(trial.reference)
    verdicts = fitted.apply(trial.batch)
    fixed = Fusion(fitted.fusion_.rules).coefficient(verdicts.scores, n=len(trial.batch))
    found = {FUSED: verdicts.coefficient, FIXED: fixed}
    if trial.batch.probabilities is not None:
        found |= {measure: doubt(trial.batch.probabilities, measure=measure) for measure in MEASURES}
    if trial.batch.box_confidences is not None:
        found[LOWEST] = np.array([1 - min(sure) if len(sure) else np.nan for sure in trial.batch.box_confidences])
    found |= {rule: score for rule, score in verdicts.scores.items() if not np.isnan(score).all()}
    return found | (peer_scores(trial) if peers else {})


@lru_cache(maxsize=KEPT)
def _fitted(reference: Reference) -> Filter:
    return Filter(FilterSettings()).fit(reference)


def has_peer() -> bool:
    """Whether cleanlab is installed (it is in the group dev)."""
    return find_spec(PEER) is not None


def peer_scores(trial: Trial) -> dict[str, np.ndarray]:
    """What cleanlab says about the same arrays, higher is harder; nothing where it is not installed or has no answer.

    Its label quality takes the model's prediction for the given label and needs somebody's probabilities: the model's
    own, or, as a stronger peer, those of a logistic regression on the descriptor of the labeled images. Its
    out-of-distribution score is fitted on the descriptor of the labeled images.
    """
    reference, batch = trial.reference, trial.batch
    if not has_peer() or batch.probabilities is None or reference.labels is None:
        return {}
    quality = import_module("cleanlab.rank").get_label_quality_scores
    second, outside, scale = _peers(reference)
    looks = batch.space("descriptor")
    opinion = np.zeros_like(batch.probabilities)
    opinion[:, second.classes_] = second.predict_proba(looks / scale)
    return {
        "cleanlab_label_quality": 1 - quality(batch.predicted, batch.probabilities),
        "cleanlab_label_quality_on_descriptor": 1 - quality(batch.predicted, opinion),
        "cleanlab_out_of_distribution": 1 - outside.score(features=looks),
    }


@lru_cache(maxsize=KEPT)
def _peers(reference: Reference) -> tuple[LogisticRegression, Any, float]:
    """The logistic regression, the out-of-distribution score and the deviation of the descriptor."""
    seen = reference.space("descriptor")
    scale = float(seen.std())
    outside = import_module("cleanlab.outlier").OutOfDistribution()
    outside.fit(features=seen, verbose=False)
    return LogisticRegression(C=10.0, max_iter=200).fit(seen / scale, reference.labels), outside, scale


def figures(score: np.ndarray, wrong: np.ndarray, *, seed: int) -> Figures:
    """How well `score` (n,) finds `wrong` (n,) bool. No opinion counts as 0; ties are broken by chance.

    Raises:
        ValueError: all predictions are wrong, or none is.
    """
    if wrong.all() or not wrong.any():
        raise ValueError("all predictions are wrong, or none is: there is nothing to tell apart")
    known = np.nan_to_num(score, nan=0.0)
    order = np.lexsort((np.random.default_rng(seed).random(len(known)), -known))
    caught = np.cumsum(wrong[order]) / wrong.sum()
    looked = [max(1, round(len(known) * share / 100)) for share in SHARES]
    return Figures(
        float(roc_auc_score(wrong, known)),
        float(average_precision_score(wrong, known)),
        tuple(float(caught[most - 1]) for most in looked),
    )


def evaluate(
    name: str,
    *,
    seeds: Sequence[int],
    trial: Callable[[int], Trial],
    done: Callable[[], None] = lambda: None,
) -> list[dict[str, float | str]]:
    """The rows of one set.

    Args:
        name: of the set.
        seeds: one trial each.
        trial: seed -> trial.
        done: called after each trial.

    Returns:
        By falling AUROC, rows `set, score, auroc, auroc_low, auroc_high, average_precision, caught_5, caught_10,
        caught_20` (means over the seeds), and `ahead, ahead_low, ahead_high`: the AUROC of the fused coefficient minus
        that of the score, paired over the seeds. Intervals: 95 %, Student's t; with one seed they are the mean.
    """
    found: dict[str, list[Figures]] = {}
    for seed in seeds:
        one = trial(seed)
        for score, values in scores_of(one).items():
            found.setdefault(score, []).append(figures(values, one.wrong, seed=seed))
        done()
    complete = {score: each for score, each in found.items() if len(each) == len(seeds)}
    return sorted(_rows(name, complete), key=lambda row: -float(row["auroc"]))


def _rows(name: str, found: Mapping[str, Sequence[Figures]]) -> Iterator[dict[str, float | str]]:
    fused = np.array([each.auroc for each in found[FUSED]])
    for score, rounds in found.items():
        auroc = np.array([each.auroc for each in rounds])
        row: dict[str, float | str] = {"set": name, "score": score}
        row |= dict(zip(("auroc", "auroc_low", "auroc_high"), interval(auroc), strict=True))
        row["average_precision"] = float(np.mean([each.average_precision for each in rounds]))
        for share, caught in zip(SHARES, np.mean([each.caught for each in rounds], axis=0), strict=True):
            row[f"caught_{share}"] = float(caught)
        row |= dict(zip(("ahead", "ahead_low", "ahead_high"), interval(fused - auroc), strict=True))
        yield row


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of (n,) in -1..1 and its 95 % interval by Student's t, kept within 1; the mean alone for n = 1."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean, mean
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, max(mean - half, -1.0), min(mean + half, 1.0)
