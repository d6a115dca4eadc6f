"""New weights for the rules from what people found, beside the present ones. numpy, scipy and scikit-learn only.

`docs/mining.md` holds the formula and what it was measured to do.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from hardexamples.fusion import Fusion, log_odds

FEWEST_REVIEWS = 30
FEWEST_OF_A_KIND = 5  # errors, and hits
STRENGTHS = (3.0, 10.0, 30.0, 100.0)  # how many reviews' worth the present weights are given
REPEATS, FOLDS = 3, 5
EDGE = 1e-6
NEVER = -50.0  # log odds


@dataclass(frozen=True)
class Held:
    """How well a fusion did on reviews that it had not learned from.

    Attributes:
        auroc: how well it told wrong predictions from right ones among the reviewed, 0..1.
        log_loss: of the coefficient read as a chance, in nats per image; smaller is better.
    """

    auroc: float
    log_loss: float


@dataclass(frozen=True)
class Proposal:
    """New weights.

    Attributes:
        fusion: the new figures, as `Fusion.as_dict`.
        present, proposed: held-out figures of both, cross-validated on the same reviews.
        strength: how many reviews' worth the present weights were given.
        better: the proposed ones did better on held-out reviews, by log loss.
    """

    fusion: dict[str, Any]
    present: Held
    proposed: Held
    strength: float
    better: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def enough(wrong: np.ndarray) -> bool:
    """Whether there are enough reviews, (n,) bool, to learn from: 30, and 5 of either kind."""
    return len(wrong) >= FEWEST_REVIEWS and FEWEST_OF_A_KIND <= wrong.sum() <= len(wrong) - FEWEST_OF_A_KIND


def propose(
    present: Fusion, scores: Mapping[str, np.ndarray], wrong: np.ndarray, weights: np.ndarray, *, random_state: int = 0
) -> Proposal | None:
    """New weights for the rules, drawn towards the present ones as far as held-out reviews say.

    Images about which one rule alone decides have the same coefficient by any weights: they teach nothing, and count
    alike in the figures of both.

    Args:
        present: the fusion in use.
        scores: (n,) by rule, of the reviewed images, NaN = no opinion.
        wrong: (n,) bool, the prediction was wrong.
        weights: (n,) > 0, how many images each review stands for.
        random_state: seed of the folds.

    Returns:
        None where there are too few reviews of what is weighed, or no rule to weigh.
    """
    scores = {name: score for name, score in scores.items() if name in present.rules}
    if not enough(wrong[np.isnan(present.decided(scores, n=len(wrong)))]):
        return None
    start = linear(present, scores)
    names = [name for name, figures in start.rules.items() if figures.slope is not None]
    if not names:
        return None
    counts = weights / weights.mean()
    old = present.coefficient(scores, n=len(wrong))
    held = {strength: np.zeros(len(wrong)) for strength in STRENGTHS}
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state + repeat)
        for learned, asked in folds.split(wrong, wrong):
            part = {name: score[asked] for name, score in scores.items()}
            for strength in STRENGTHS:
                taken = {name: score[learned] for name, score in scores.items()}
                fitted = _fit(start, names, taken, wrong[learned], counts[learned], strength)
                held[strength][asked] += fitted.coefficient(part, n=len(asked)) / REPEATS
    losses = {strength: _losses(said, wrong) for strength, said in held.items()}
    best = min(STRENGTHS, key=lambda strength: counts @ losses[strength])
    # the strongest hold on the present weights that is as good as the best within a standard error
    for strength in sorted(STRENGTHS, reverse=True):
        more = counts * (losses[strength] - losses[best])
        if more.mean() <= more.std() / np.sqrt(len(more)):
            break
    fused = _fit(start, names, scores, wrong, counts, strength)
    was, would = _held(old, wrong, counts), _held(held[strength], wrong, counts)
    return Proposal(fused.as_dict(), was, would, strength, better=would.log_loss < was.log_loss)


def linear(present: Fusion, scores: Mapping[str, np.ndarray]) -> Fusion:
    """`present` as a weighted sum of log odds, from which learning starts.

    A fitted fusion is one already. Fixed weights become the sum of the rules' log odds in these weights (a
    logarithmic instead of a linear pool of opinions), with center and scale of the scores at hand; rules that have
    nothing to say about them are left out, and those that speak for themselves go on to.
    """
    if present.intercept is not None:
        return present
    total = sum(figures.weight for figures in present.rules.values()) or 1.0
    rules, intercept = dict(present.rules), 0.0
    weighed = np.isnan(present.decided(scores, n=len(next(iter(scores.values()), []))))
    for name, score in scores.items():
        odds = log_odds(score[weighed & ~np.isnan(score)])
        if rules[name].about_data or rules[name].sole or (present.voices and not rules[name].rehearsed):
            continue
        if len(odds) < FEWEST_REVIEWS or np.ptp(odds) < EDGE:
            continue
        figures = rules[name]
        slope, offset = figures.slope, figures.offset
        if slope is None or offset is None:
            slope, offset = 1.0, 0.0
        center, scale = float(odds.mean()), float(odds.std())
        part = figures.weight / total
        rules[name] = replace(
            figures, slope=slope, offset=offset, center=center, scale=scale, share=part * slope * scale
        )
        intercept += part * (slope * center + offset)
    return replace(present, rules=rules, intercept=intercept)


def _fit(
    start: Fusion,
    names: list[str],
    scores: Mapping[str, np.ndarray],
    wrong: np.ndarray,
    counts: np.ndarray,
    strength: float,
) -> Fusion:
    """The weights that make `wrong` likeliest, less half `strength` times their squared distance from `start`'s; none
    is negative, so that a higher score never makes an image less hard."""
    weighed = np.isnan(start.decided(scores, n=len(wrong)))
    scores, wrong, counts = {name: score[weighed] for name, score in scores.items()}, wrong[weighed], counts[weighed]
    columns = []
    for name in names:
        figures = start.rules[name]
        absent = np.full(len(wrong), np.nan)
        columns.append(np.nan_to_num((log_odds(scores.get(name, absent)) - figures.center) / figures.scale))
    table = np.column_stack([np.ones(len(wrong)), *columns])
    before = np.array([start.intercept or 0.0, *(start.rules[name].share for name in names)])
    # the level of errors is what a new kind of input changes first: it is held less than the weights
    hold = strength * np.array([0.1] + [1.0] * len(names))
    spared = _spared(start, scores, len(wrong))

    def loss(now: np.ndarray) -> tuple[float, np.ndarray]:
        odds, away = table @ now, now - before
        chance = 1 / (1 + np.exp(-odds))
        fused = np.maximum(1 - (1 - chance) * spared, EDGE)
        value = counts @ np.where(wrong, -np.log(fused), np.logaddexp(0, odds) - np.log(spared))
        slope = np.where(wrong, -chance * (1 - chance) * spared / fused, chance)
        return float(value + 0.5 * hold @ away**2), table.T @ (counts * slope) + hold * away

    bounds = [(None, None)] + [(0.0, None)] * len(names)
    found = minimize(loss, before, jac=True, method="L-BFGS-B", bounds=bounds).x
    rules = dict(start.rules)
    for name, share in zip(names, found[1:], strict=True):
        rules[name] = replace(rules[name], share=float(share))
    return replace(start, rules=rules, intercept=float(found[0]))


def _spared(start: Fusion, scores: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """(n,) chance that none of the rules that speak for themselves is right; they are not weighed anew."""
    silent = {name: replace(figures, share=0.0) for name, figures in start.rules.items()}
    return np.maximum(1 - replace(start, rules=silent, intercept=NEVER).coefficient(scores, n=n), EDGE)


def _losses(chance: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    inside = np.clip(chance, EDGE, 1 - EDGE)
    return -np.where(wrong, np.log(inside), np.log(1 - inside))


def _held(chance: np.ndarray, wrong: np.ndarray, counts: np.ndarray) -> Held:
    auroc = roc_auc_score(wrong, chance, sample_weight=counts)
    return Held(float(auroc), float(counts @ _losses(chance, wrong) / counts.sum()))
