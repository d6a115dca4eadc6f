"""Many rule scores, one coefficient: the estimated chance that the prediction is wrong.

The formulas and why they are so stand in `docs/mining.md`. numpy and scikit-learn only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from hardexamples.estimates import curve
from hardexamples.rehearsal import rehearse
from hardexamples.rules.contract import Reference, Rule

FUSION_VERSION = 3
FOLDS = 5
FEWEST_ERRORS = 10  # below, weights cannot be told from chance
EDGE = 1e-4
SELF, VANITY = "predict_score_mining", 0.5
NEAR_ONE = 1e-3  # AUROCs nearer to 1 than this are not told apart


def log_odds(scores: np.ndarray) -> np.ndarray:
    """log(s / (1 - s)) with s kept within 1e-4 of 0 and 1; NaN stays."""
    inside = np.clip(scores, EDGE, 1 - EDGE)
    return np.log(inside / (1 - inside))


def _chance(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))


@dataclass(frozen=True)
class RuleFigures:
    """One rule within the fusion.

    Args:
        algorithm, weight: its algorithm and that one's weight, for the fixed sum.
        rehearsed: False for a rule that cannot be calibrated on a training set.
        about_data: True for a rule that says that data lack, not that the prediction is wrong.
        slope, offset: chance of an error by this rule's score alone, `1 / (1 + exp(-(slope * log_odds +
            offset)))`, or None where it was not calibrated.
        voice, full: then `voice * min(score / full, 1)` is taken for the chance.
        center, scale, share: mean and deviation of its log odds, and its weight in the fitted sum.
        auroc: how well it alone told errors from hits in the rehearsal, or None.
    """

    algorithm: str
    weight: float
    voice: float = 1.0
    full: float = 1.0
    rehearsed: bool = True
    about_data: bool = False
    slope: float | None = None
    offset: float | None = None
    center: float = 0.0
    scale: float = 1.0
    share: float = 0.0
    auroc: float | None = None

    def spoken(self, score: np.ndarray) -> np.ndarray:
        """(n,) the chance that a rule which was not calibrated speaks of; NaN stays."""
        return self.voice * np.minimum(score / self.full, 1.0)


@dataclass(frozen=True)
class Fusion:
    """The fitted numbers, all plain.

    Args:
        rules: figures by rule.
        intercept: log odds of an error where no rule has anything to add; None: the fixed sum is used.
        images, errors: how many images were rehearsed and how many of them were predicted wrongly.
        curve: `estimates.Curve` of "fused", as the filter will fuse (cross-validated), and of "margin" in the
            rehearsal, or None.
        voices: beside the fixed sum, the rules that are never rehearsed speak for themselves, as beside the fitted one.
        auroc, auroc_weights: cross-validated AUROC of the fitted and of the fixed sum in the rehearsal, or
            None.
    """

    rules: Mapping[str, RuleFigures]
    intercept: float | None = None
    images: int = 0
    errors: int = 0
    curve: Mapping[str, Any] | None = None
    auroc: float | None = None
    auroc_weights: float | None = None
    voices: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values with the fusion's version."""
        return {"version": FUSION_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `as_dict` wrote, whatever else stands beside it."""
        own = {each.name for each in fields(cls)} - {"rules"}
        plain = {key: value for key, value in values.items() if key in own}
        return cls({name: RuleFigures(**each) for name, each in values["rules"].items()}, **plain)

    def alone(self, scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """(n,) chance of an error by each rule alone, NaN = no opinion."""
        found = {}
        for name, score in scores.items():
            figures = self.rules[name]
            if figures.slope is None or figures.offset is None:
                found[name] = figures.spoken(score)
            else:
                found[name] = _chance(figures.slope * log_odds(score) + figures.offset)
        return found

    def coefficient(self, scores: Mapping[str, np.ndarray], *, n: int) -> np.ndarray:
        """(n,) in 0..1, never NaN; 0 where no rule has an opinion."""
        if not scores or not n:
            return np.zeros(n)
        fused = self._fitted(scores, n) if self.intercept is not None else self._fixed(scores, n)
        silent = np.all([np.isnan(s) for s in scores.values()], axis=0)
        return np.where(silent, 0.0, np.clip(fused, 0.0, 1.0))

    def lacking(self, scores: Mapping[str, np.ndarray], *, n: int) -> np.ndarray:
        """(n,) in 0..1: how loudly rules say that the training set lacks such images; 0 in the bare fixed sum, which
        has them among its terms."""
        said = [self.rules[name].spoken(score) for name, score in scores.items() if self.rules[name].about_data]
        if not said or (self.intercept is None and not self.voices):
            return np.zeros(n)
        return np.nan_to_num(said).max(axis=0)

    def _fitted(self, scores: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        odds = np.full(n, self.intercept)
        spared = np.ones(n)
        for name, score in scores.items():
            figures = self.rules[name]
            if figures.about_data:
                continue
            if figures.slope is None:
                spared *= 1 - np.nan_to_num(figures.spoken(score))
            else:
                odds += figures.share * np.nan_to_num((log_odds(score) - figures.center) / figures.scale)
        return 1 - (1 - _chance(odds)) * spared

    def _fixed(self, scores: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        aloud = {name for name in scores if self.voices and not self.rules[name].rehearsed}
        spared = np.ones(n)
        for name in aloud - {name for name, figures in self.rules.items() if figures.about_data}:
            spared *= 1 - np.nan_to_num(self.rules[name].spoken(scores[name]))
        return 1 - (1 - self._weighted({name: s for name, s in scores.items() if name not in aloud}, n)) * spared

    def _weighted(self, scores: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        calibrated = {name for name, figures in self.rules.items() if figures.slope is not None}
        alone = {**scores, **self.alone({name: s for name, s in scores.items() if name in calibrated})}
        total, weight = np.zeros(n), np.zeros(n)
        for algorithm in {figures.algorithm: None for figures in self.rules.values()}:
            names = [name for name in scores if self.rules[name].algorithm == algorithm]
            if not names:
                continue
            said = np.array([alone[name] for name in names])
            strongest = np.where(np.isnan(said), -1.0, said).max(axis=0)
            share = self.rules[names[0]].weight * (strongest >= 0)
            total += share * np.maximum(strongest, 0)
            weight += share
        return np.divide(total, weight, out=np.zeros(n), where=weight > 0)


def fit_fusion(
    found: Mapping[str, Rule],
    reference: Reference | None,
    *,
    weights: Mapping[str, float],
    learn: bool,
    random_state: int,
) -> Fusion:
    """Calibrate each rule and, if `learn`, weigh them, by a rehearsal on the reference.

    Args:
        found: unfitted rules by name.
        reference: the labeled training set, or None.
        weights: weight by algorithm.
        learn: fit the weights of the rules; otherwise only calibrate them for the fixed sum.
        random_state: seed of the folds.

    Returns:
        A fusion of raw scores by `weights` where the reference is too small, or makes too few errors, to
        learn from.
    """
    plain = {
        name: RuleFigures(
            rule.algorithm,
            float(weights[rule.algorithm]),
            rule.voice,
            rule.full,
            rule.rehearsed and rule.alone,
            rule.about_data,
        )
        for name, rule in found.items()
    }
    rehearsed = rehearse(found, reference, random_state=random_state) if reference is not None else None
    if rehearsed is None:
        return Fusion(plain, voices=learn)
    scores, wrong = rehearsed
    if not FEWEST_ERRORS <= wrong.sum() <= len(wrong) - FEWEST_ERRORS:
        return Fusion(plain, images=len(wrong), errors=int(wrong.sum()), voices=learn)
    figures = {name: _calibrated(plain[name], scores[name], wrong) for name in found}
    fixed = Fusion(figures)
    told: dict[str, Any] = {"images": len(wrong), "errors": int(wrong.sum())}
    told_fixed = float(roc_auc_score(wrong, fixed.coefficient(scores, n=len(wrong))))
    if not learn:
        drawn = _curve(fixed.coefficient(scores, n=len(wrong)), scores, wrong)
        return Fusion(figures, **told, auroc_weights=told_fixed, curve=drawn)
    fitted, intercept = _learn(figures, scores, wrong)
    said = _cross_validated(figures, scores, wrong, random_state=random_state)
    return Fusion(
        fitted,
        intercept,
        **told,
        auroc=float(roc_auc_score(wrong, said)),
        auroc_weights=told_fixed,
        curve=_curve(said, scores, wrong),
    )


def _curve(fused: np.ndarray, scores: Mapping[str, np.ndarray], wrong: np.ndarray) -> dict[str, Any]:
    doubt = {"margin": scores["low_confidence"]} if "low_confidence" in scores else {}
    return curve({"fused": fused, **doubt}, wrong).as_dict()


def _standard(figures: Mapping[str, RuleFigures], scores: Mapping[str, np.ndarray]) -> np.ndarray:
    columns = [np.nan_to_num((log_odds(scores[name]) - f.center) / f.scale) for name, f in figures.items()]
    return np.column_stack(columns)


def _calibrated(figures: RuleFigures, score: np.ndarray, wrong: np.ndarray) -> RuleFigures:
    """With slope and offset where the rule spoke often enough, differed, and did not mislead."""
    spoke = ~np.isnan(score)
    errors = wrong[spoke].sum()
    if not FEWEST_ERRORS <= errors <= spoke.sum() - FEWEST_ERRORS or np.ptp(score[spoke]) < 1e-9:
        return figures
    odds = log_odds(score[spoke])
    center, scale = float(odds.mean()), max(float(odds.std()), 1e-6)
    line = LogisticRegression(C=1.0).fit(((odds - center) / scale)[:, None], wrong[spoke])
    slope = max(float(line.coef_[0, 0]), 0.0) / scale
    offset = float(line.intercept_[0]) - slope * center
    auroc = float(roc_auc_score(wrong[spoke], score[spoke]))
    return replace(figures, slope=slope, offset=offset, center=center, scale=scale, auroc=auroc)


def _learn(
    figures: Mapping[str, RuleFigures], scores: Mapping[str, np.ndarray], wrong: np.ndarray
) -> tuple[dict[str, RuleFigures], float]:
    """Logistic regression on the rules' log odds, drawn to the rules that did best alone; a rule with a negative weight
    is left out and the rest fitted again, so that a higher score never makes an image less hard."""
    kept = {name: f for name, f in figures.items() if f.slope is not None}
    while kept:
        trust = _trust(kept)
        line = LogisticRegression(C=1.0, max_iter=200).fit(_standard(kept, scores) * trust, wrong)
        shares = dict(zip(kept, line.coef_[0] * trust, strict=True))
        if min(shares.values()) >= 0:
            return _less_vain(figures, kept, shares, scores, wrong)
        kept = {name: f for name, f in kept.items() if shares[name] >= 0}
    return dict(figures), float(log_odds(np.array([wrong.mean()]))[0])


def _trust(figures: Mapping[str, RuleFigures]) -> np.ndarray:
    """(r,) in 0..1, by which each rule's log odds shrink before they are weighed, so that a small weight costs it more:
    what the best rule leaves to find, divided by what this one leaves. Rules that see much the same would otherwise
    share the weight evenly, however much better one of them is."""
    left = np.array([1 - (figure.auroc or 0.5) for figure in figures.values()]) + NEAR_ONE
    trust: np.ndarray = left.min() / left
    return trust


def _less_vain(
    figures: Mapping[str, RuleFigures],
    kept: Mapping[str, RuleFigures],
    shares: Mapping[str, float],
    scores: Mapping[str, np.ndarray],
    wrong: np.ndarray,
) -> tuple[dict[str, RuleFigures], float]:
    """What the model says of itself counts half as much beside other rules as the rehearsal taught, and the sum is
    calibrated anew: a stand-in has reason to be sure, an overfit model or one that sees strange images has not."""
    less = {n: share * (VANITY if kept[n].algorithm == SELF else 1.0) for n, share in shares.items()}
    total = _standard(kept, scores) @ np.array(list(less.values()))
    line = LogisticRegression(C=1.0).fit(total[:, None], wrong)
    slope = max(float(line.coef_[0, 0]), 0.0)
    learned = {n: replace(f, share=slope * float(less.get(n, 0.0))) for n, f in figures.items()}
    return learned, float(line.intercept_[0])


def _cross_validated(
    figures: Mapping[str, RuleFigures],
    scores: Mapping[str, np.ndarray],
    wrong: np.ndarray,
    *,
    random_state: int,
) -> np.ndarray:
    """(n,) coefficients, each by weights that were learned without it."""
    coefficient = np.zeros(len(wrong))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state)
    for learned, asked in folds.split(wrong, wrong):
        part = {name: s[learned] for name, s in scores.items()}
        fitted, intercept = _learn(figures, part, wrong[learned])
        held = {name: s[asked] for name, s in scores.items()}
        coefficient[asked] = Fusion(fitted, intercept).coefficient(held, n=len(asked))
    return coefficient
