"""Many rule scores, one coefficient: the estimated chance that the prediction is wrong.

The formulas and why they are so stand in `docs/mining.md`. numpy only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

FUSION_VERSION = 4
EDGE = 1e-4


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
        sole: True for a rule that decides alone wherever it has an opinion.
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
    sole: bool = False
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
        decided = self.decided(scores, n=n)
        fused = np.where(np.isnan(decided), fused, decided)
        silent = np.all([np.isnan(s) for s in scores.values()], axis=0)
        return np.where(silent, 0.0, np.clip(fused, 0.0, 1.0))

    def decided(self, scores: Mapping[str, np.ndarray], *, n: int) -> np.ndarray:
        """(n,) in 0..1: the coefficient where a rule alone decides, whatever the weights; NaN elsewhere."""
        found = np.full(n, np.nan)
        for name, score in scores.items():
            if self.rules[name].sole:
                found = np.where(np.isnan(score), found, self.rules[name].spoken(score))
        return found

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
