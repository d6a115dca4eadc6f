"""Does it save work? Learning curves of the offered orders against labeling at random, on a labeled set.

A part of the set is kept for judging; the rest is labeled step by step in each order, as far as the budget goes, with a
model that learns anew at each step. All orders of a seed have the same split and begin with as many labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from labeling.auto.ordering import FEW_PER_LABEL, HARDEST, ORDERS, RANDOM, most_useful

BUDGET = 420  # labels
SEEDS = 8
STEPS = 14
FIRST = 20
JUDGED = 0.4  # share of the set
MOST_JUDGED = 2_000
FEWEST = 60  # labeled images; fewer say nothing
MOST_POOL = 5_000  # images that are chosen from
MOST_IMAGES = MOST_JUDGED + MOST_POOL  # of a set; more make no difference


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracies of one order.

    Attributes:
        order: of `labeling.auto.ordering.ORDERS`.
        labels: (s,) int, labels given at each step.
        accuracy: (seeds, s) float, 0..1.
    """

    order: str
    labels: np.ndarray
    accuracy: np.ndarray


def steps(images: int, *, budget: int = BUDGET) -> np.ndarray:
    """(s,) int: at how many labels a model learns, for a set of so many labeled images; at most half of those that are
    not kept for judging."""
    most = min(budget, (images - _kept(images)) // 2)
    first = max(min(FIRST, most // 4), 1)
    return np.unique(np.rint(np.geomspace(first, most, STEPS)).astype(np.int64))


def simulate(
    points: np.ndarray,
    labels: np.ndarray,
    *,
    seeds: Sequence[int] = range(SEEDS),
    budget: int = BUDGET,
    orders: Sequence[str] = ORDERS,
    done: Callable[[], None] = lambda: None,
) -> list[Curve]:
    """The learning curves of a labeled set.

    Args:
        points: (n, d) float features; only their direction counts.
        labels: (n,) int.
        seeds: one split each.
        budget: labels that are given at most.
        orders: which to try.
        done: called after each order of each seed.

    Raises:
        ValueError: fewer than 60 images, or all have one label.
    """
    if len(labels) < FEWEST or len(np.unique(labels)) < 2:
        raise ValueError(f"a simulation needs {FEWEST} labeled images, and two labels, at least")
    at = steps(len(labels), budget=budget)
    curves = {order: np.empty((len(seeds), len(at))) for order in orders}
    for row, seed in enumerate(seeds):
        for order in orders:
            curves[order][row] = accuracies(points, labels, order=order, at=at, seed=seed)
            done()
    return [Curve(order, at, accuracy) for order, accuracy in curves.items()]


def _kept(images: int) -> int:
    return min(int(images * JUDGED), MOST_JUDGED)


def accuracies(points: np.ndarray, labels: np.ndarray, *, order: str, at: np.ndarray, seed: int) -> np.ndarray:
    """One learning curve: labels are given in an order, and a model learns at each step.

    Args:
        points: (n, d) float features; only their direction counts.
        labels: (n,) int.
        order: of `labeling.auto.ordering.ORDERS`.
        at: (s,) int, as `steps` says.
        seed: of the split and of what is left to chance.

    Returns:
        (s,) float, 0..1: the share of the images kept for judging that the model foretells.
    """
    with threadpool_limits(1):  # so small are the models that threads cost ten times what they save
        return _curve(normalize(points), labels, order, at, seed)


def _curve(unit: np.ndarray, labels: np.ndarray, order: str, at: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    judged, pool = shuffled[: _kept(len(labels))], shuffled[_kept(len(labels)) :][:MOST_POOL]
    given = np.empty(0, np.int64)
    believed: tuple[np.ndarray, np.ndarray] | None = None
    found = np.empty(len(at))
    for step, count in enumerate(at):
        left = pool[~np.isin(pool, given)]
        lacking = int(count) - len(given)
        chosen = _next(unit[left], believed, order, lacking, rng)[:lacking]
        given = np.concatenate([given, left[chosen]])
        model = _learned(unit[given], labels[given])
        if model is None:
            found[step] = (labels[judged] == labels[given][0]).mean()
            continue
        found[step] = (model.predict(unit[judged]) == labels[judged]).mean()
        believed = model.coef_, model.intercept_
    return found


def _next(
    unit: np.ndarray,
    believed: tuple[np.ndarray, np.ndarray] | None,
    order: str,
    most: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Which of the images that are left are labeled next, (m,) int, m >= most."""
    if order == RANDOM or (order == HARDEST and believed is None):
        return rng.permutation(len(unit))
    hardness = np.ones(len(unit)) if believed is None else _doubt(unit, *believed)
    if order == HARDEST:
        return np.argsort(-hardness, kind="stable")
    least = 0 if believed is None else FEW_PER_LABEL
    return most_useful(unit, hardness, least_per_label=least, most=most, seed=int(rng.integers(2**31)))


def _learned(points: np.ndarray, labels: np.ndarray) -> LogisticRegression | None:
    """A model that is quick to learn and good on few labels; None as long as there is one label only."""
    if len(np.unique(labels)) < 2:
        return None
    return LogisticRegression(C=20.0, max_iter=300).fit(points, labels)


def _doubt(points: np.ndarray, weights: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(n,) float in 0..1: how near the two likeliest labels are to each other."""
    told = points @ weights.T + offset
    if told.shape[1] == 1:
        return 2 / (1 + np.exp(np.abs(told[:, 0])))
    shares = np.exp(told - told.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    second, first = np.partition(shares, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def rows(name: str, curves: Sequence[Curve]) -> list[dict[str, float | str | None]]:
    """What people and programs read.

    Returns:
        Per order and step `set, order, labels, accuracy, low, high`; per order other than random one with
        `set, order, labels_to_match_random, random_labels, saved, saved_low, saved_high`: with how many labels (mean
        over the seeds) the order reaches what labeling at random reaches with `random_labels`, and the share of the
        labels that are saved. An order that never gets there counts as having saved nothing. Intervals: 95 %,
        Student's t over the seeds, from mean values with one seed.
    """
    return [*_curve_rows(name, curves), *_saved_rows(name, curves)]


def _curve_rows(name: str, curves: Sequence[Curve]) -> Iterator[dict[str, float | str | None]]:
    for curve in curves:
        for labels, column in zip(curve.labels, curve.accuracy.T, strict=True):
            mean, half = _mean(column)
            low, high = max(mean - half, 0.0), min(mean + half, 1.0)
            yield {"set": name, "order": curve.order, "labels": int(labels), "accuracy": mean, "low": low, "high": high}


def _saved_rows(name: str, curves: Sequence[Curve]) -> Iterator[dict[str, float | str | None]]:
    by_order: Mapping[str, Curve] = {curve.order: curve for curve in curves}
    random = by_order.get(RANDOM)
    if random is None:
        return
    most = int(random.labels[-1])
    for curve in curves:
        if curve.order == RANDOM:
            continue
        pairs = zip(curve.accuracy, random.accuracy[:, -1], strict=True)
        matched = np.array([_labels_to_reach(goal, curve.labels, accuracy) for accuracy, goal in pairs])
        mean, half = _mean(1 - matched / most)
        yield {
            "set": name,
            "order": curve.order,
            "labels_to_match_random": float(matched.mean()),
            "random_labels": most,
            "saved": mean,
            "saved_low": mean - half,
            "saved_high": mean + half,
        }


def _labels_to_reach(goal: float, labels: np.ndarray, accuracy: np.ndarray) -> float:
    """Where the curve first reaches the goal, between steps on a straight line; the last step if it never does."""
    there = np.flatnonzero(accuracy >= goal)
    if not len(there):
        return float(labels[-1])
    step = int(there[0])
    if step == 0:
        return float(labels[0])
    before, after = accuracy[step - 1], accuracy[step]
    share = (goal - before) / (after - before)
    return float(labels[step - 1] + share * (labels[step] - labels[step - 1]))


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean, and half of its 95 % interval."""
    if len(values) < 2:
        return float(values.mean()), 0.0
    spread = float(values.std(ddof=1)) / np.sqrt(len(values))
    return float(values.mean()), float(student.ppf(0.975, len(values) - 1) * spread)
