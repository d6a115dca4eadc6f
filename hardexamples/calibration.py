"""Fitting the fusion: each rule calibrated and weighed by a rehearsal on the training set.

The formulas and why they are so stand in `docs/mining.md`. numpy and scikit-learn only.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from hardexamples.estimates import curve
from hardexamples.fusion import Fusion, RuleFigures, log_odds
from hardexamples.rehearsal import rehearse
from hardexamples.rules.contract import Reference, Rule

FOLDS = 5
FEWEST_ERRORS = 10  # below, weights cannot be told from chance
SELF, VANITY = "predict_score_mining", 0.5
NEAR_ONE = 1e-3  # AUROCs nearer to 1 than this are not told apart


def fit_fusion(
    found: Mapping[str, Rule],
    reference: Reference | None,
    *,
    weights: Mapping[str, float],
    learn: bool,
    random_state: int,
    between: Callable[[], None] | None = None,
) -> Fusion:
    """Calibrate each rule and, if `learn`, weigh them, by a rehearsal on the reference.

    Args:
        found: unfitted rules by name.
        reference: the labeled training set, or None.
        weights: weight by algorithm.
        learn: fit the weights of the rules; otherwise only calibrate them for the fixed sum.
        random_state: seed of the folds.
        between: as `rehearse`.

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
            rule.sole,
        )
        for name, rule in found.items()
    }
    rehearsed = (
        rehearse(found, reference, random_state=random_state, between=between) if reference is not None else None
    )
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
