"""The cut between hard and not hard, made anew from kept scores: other weights, threshold or cap without a new run.

numpy only; the formulas are those of `docs/mining.md`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from config.refusals import Refused
from hardexamples.diversity import POOL, stacks, varied
from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import Fusion
from hardexamples.scoring import Filter

__all__ = ["cut", "fusion_of"]


def fusion_of(kept: Fusion, settings: FilterSettings, *, learned: Fusion | None = None) -> Fusion:
    """The fusion for other settings, without the training set: its calibration stays as it was rehearsed.

    Fixed weights are the new weights on the kept calibration. Learned weights stay as they were learned; an algorithm
    that is switched off leaves the sum.

    Args:
        kept: as the mining fitted it, with all rules that were asked.
        settings: what is wanted now.
        learned: what another filter has learned, used instead of the kept weights where `settings.fusion` is "fitted".

    Raises:
        Refused: not_asked (409): no rule of the wanted algorithms was asked; not_learned (409): no weights were
            learned.
    """
    source = learned if learned is not None and settings.fusion == "fitted" else kept
    rules = {
        name: replace(figures, weight=settings.weights[figures.algorithm])
        for name, figures in source.rules.items()
        if name in kept.rules and settings.weights.get(figures.algorithm, 0) > 0
    }
    if not rules:
        words = "No rule of these algorithms was asked in this mining, so no score of them is kept."
        raise Refused("not_asked", words, status=409, field="comprehensive_algo_config")
    if settings.fusion == "fitted" and source.intercept is None and not source.voices:
        words = "This mining used the weights as they stood and learned none. Choose a filter that has learned, or run."
        raise Refused("not_learned", words, status=409, field="fusion")
    made = replace(source, rules=rules)
    if settings.fusion == "weights":
        made = replace(made, intercept=None, voices=False)
    # what was measured in the rehearsal holds for those weights only
    return made if made == source else replace(made, curve=None, auroc=None, auroc_weights=None)


def cut(
    fusion: Fusion,
    settings: FilterSettings,
    scores: Mapping[str, np.ndarray],
    *,
    n: int,
    points: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """What a filter decides from scores, as `Filter.decide` does.

    Args:
        fusion: as `fusion_of` made it.
        settings: threshold and cap are used.
        scores: (n,) float by rule, NaN = no opinion; rules that are not in the fusion are left out.
        n: how many images.
        points: (m,) int places -> (m, d) float32 descriptors; asked only where the cap is exceeded.

    Returns:
        (n,) coefficients in 0..1, (n,) bool hard.
    """
    chosen = Filter(settings)
    chosen.fusion_ = fusion
    known = {name: score for name, score in scores.items() if name in fusion.rules}
    coefficient, flagged = chosen.hardness(known, n=n)
    hard = np.flatnonzero(flagged)
    if settings.cap is not None and len(hard) > settings.cap:
        flagged = np.zeros(n, bool)
        flagged[_varied(hard, coefficient[hard], points, cap=settings.cap)] = True
    return coefficient, np.asarray(flagged, bool)


def _varied(
    hard: np.ndarray, coefficient: np.ndarray, points: Callable[[np.ndarray], np.ndarray], *, cap: int
) -> np.ndarray:
    """(cap,) int: the hard images under a cap. Only as many of the hardest are compared as the choice can look at."""
    hardest = np.argsort(-coefficient, kind="stable")
    looked_at = 2 * POOL * max(cap, 1)
    while True:
        some = np.sort(hardest[:looked_at])
        table = points(hard[some])
        leader = stacks(table, np.argsort(-coefficient[some], kind="stable"))
        leaders = int((leader == np.arange(len(some))).sum())
        if looked_at >= len(hard) or leaders >= POOL * cap:
            return hard[some[varied(table, coefficient[some], leader, cap=cap)]]
        looked_at *= 2
