"""A classifier from a few labeled images: chosen by cross-validation, with calibrated probabilities.

*Fast* learns from the labeled images only, *accurate* from the unlabeled ones, too. Which classifier is best depends on
the features and on how many labels there are; the labeled images decide, by their log-loss out of fold. The same
probabilities out of fold give the temperature (Guo et al. 2017) by which all are made honest, and tell the hard example
filter what the classifier says about labeled images that it has not learned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

FOLDS = 5
UNKNOWN = -1  # scikit-learn's word for an image without a label
MOST_JUDGED = 2_000  # labeled images on which the candidates are compared
MOST_UNLABELED = 4_000  # unlabeled images that are learned from, too
MOST_FOR_KERNELS = 6_000  # a support vector machine's cost grows with the square
SURE = 0.95  # confidence at which self-training believes itself
LEAST_PROBABILITY = 1e-6
COLDEST, HOTTEST = -4.0, 4.0  # logarithm of the temperature

FAST: Mapping[str, Callable[[int], Any]] = {
    "logistic regression": lambda seed: LogisticRegression(C=20.0, max_iter=300, random_state=seed),
    "support vector machine": lambda seed: SVC(C=10.0, random_state=seed),
    "nearest neighbors": lambda seed: KNeighborsClassifier(5, weights="distance"),
}
ACCURATE: Mapping[str, Callable[[int], Any]] = {
    "label spreading": lambda seed: LabelSpreading(kernel="knn", n_neighbors=10, alpha=0.2, max_iter=100),
    "self-training": lambda seed: SelfTrainingClassifier(
        LogisticRegression(C=20.0, max_iter=300, random_state=seed), threshold=SURE
    ),
}


@dataclass(frozen=True, eq=False)
class Learned:
    """A classifier that has learned.

    Attributes:
        name: which of the candidates was chosen.
        accuracy: share of the labeled images that it foretells out of fold, 0..1.
        log_loss: mean of -log of the probability of the label, out of fold.
        temperature: what its answers are divided by.
        judged: (m,) int, places of the labeled images that were foretold out of fold.
        out_of_fold: (m, classes) float32, calibrated probabilities of these.
        others: the candidates that were not chosen, with their log-loss.
    """

    name: str
    accuracy: float
    log_loss: float
    temperature: float
    judged: np.ndarray
    out_of_fold: np.ndarray
    others: Mapping[str, float]
    model: Any
    classes: int

    def probabilities(self, points: np.ndarray) -> np.ndarray:
        """(n, classes) float32, calibrated, of (n, d) features."""
        answers = _answers(self.model, normalize(points), self.classes)
        return softmax(answers / self.temperature, axis=1).astype(np.float32)


def learn(
    points: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    unlabeled: np.ndarray | None = None,
    seed: int = 0,
    done: Callable[[float], None] = lambda share: None,
) -> Learned:
    """Learns from labeled images, and from unlabeled ones where some are given.

    Args:
        points: (n, d) float features of the labeled images; only their direction counts.
        labels: (n,) int from 0 to `classes` - 1; two of them at least occur, each that occurs at least twice.
        classes: how many there are; one that does not occur is never foretold.
        unlabeled: (u, d) features, for *accurate*; None: *fast*.
        seed: of folds and models.
        done: called with the share of the work that is done, 0..1.

    Raises:
        ValueError: fewer than two labels occur, or one occurs only once.
    """
    counts = np.bincount(labels, minlength=classes)
    present = counts[counts > 0]
    if len(present) < 2 or present.min() < 2:
        raise ValueError("at least two labels, with two images each, are needed to learn from")
    rng = np.random.default_rng(seed)
    near, far = normalize(points), None
    if unlabeled is not None and len(unlabeled):
        far = normalize(unlabeled[_some(len(unlabeled), MOST_UNLABELED, rng)])
    judged = _judged(labels, rng)
    candidates = {**FAST, **(ACCURATE if far is not None else {})}
    if len(points) > MOST_FOR_KERNELS:
        del candidates["support vector machine"]
    folds = StratifiedKFold(min(FOLDS, int(present.min())), shuffle=True, random_state=seed)
    parts = list(folds.split(judged, labels[judged]))
    found = {}
    for number, (name, make) in enumerate(candidates.items(), start=1):
        found[name] = _foretold(partial(make, seed), near[judged], labels[judged], far, parts, classes)
        done(number / (len(candidates) + 1))
    temperatures = {name: _temperature(answers, labels[judged]) for name, answers in found.items()}
    losses = {name: _loss(answers, labels[judged], temperatures[name]) for name, answers in found.items()}
    best = min(losses, key=lambda name: losses[name])
    temperature = temperatures[best]
    model = _fitted(candidates[best](seed), near, labels, far)
    done(1.0)
    return Learned(
        name=best,
        accuracy=float((found[best].argmax(axis=1) == labels[judged]).mean()),
        log_loss=losses.pop(best),
        temperature=temperature,
        judged=judged,
        out_of_fold=softmax(found[best] / temperature, axis=1).astype(np.float32),
        others=losses,
        model=model,
        classes=classes,
    )


def _some(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.permutation(count)[:most])


def _judged(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labeled images to compare candidates on: all, or at most so many, with no label left out."""
    if len(labels) <= MOST_JUDGED:
        return np.arange(len(labels))
    order = rng.permutation(len(labels))
    places = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        places[mine] = np.arange(len(mine))
    first = order[np.argsort(places[order] >= FOLDS, kind="stable")]
    return np.sort(first[:MOST_JUDGED])


def _fitted(model: Any, points: np.ndarray, labels: np.ndarray, unlabeled: np.ndarray | None) -> Any:
    if unlabeled is None or not isinstance(model, LabelSpreading | SelfTrainingClassifier):
        return model.fit(points, labels)
    return model.fit(np.vstack([points, unlabeled]), np.concatenate([labels, np.full(len(unlabeled), UNKNOWN)]))


def _foretold(
    make: Callable[[], Any],
    points: np.ndarray,
    labels: np.ndarray,
    unlabeled: np.ndarray | None,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
) -> np.ndarray:
    """(n, classes) answers about each image by a model that has not learned it."""
    answers = np.empty((len(points), classes))
    for known, asked in parts:
        model = _fitted(make(), points[known], labels[known], unlabeled)
        answers[asked] = _answers(model, points[asked], classes)
    return answers


def _answers(model: Any, points: np.ndarray, classes: int) -> np.ndarray:
    """(n, classes) logarithms of what a model believes, up to a constant; the least for classes it does not know."""
    if isinstance(model, SVC):
        raw = model.decision_function(points)
        raw = np.column_stack([-raw, raw]) if raw.ndim == 1 else raw
        told = log_softmax(raw, axis=1)
    else:
        believed = np.maximum(np.nan_to_num(model.predict_proba(points)), LEAST_PROBABILITY)
        told = np.log(believed / believed.sum(axis=1, keepdims=True))
    answers = np.full((len(points), classes), min(np.log(LEAST_PROBABILITY), float(told.min(initial=0.0))))
    answers[:, model.classes_] = told
    return answers


def _temperature(answers: np.ndarray, labels: np.ndarray) -> float:
    found = minimize_scalar(
        lambda logarithm: _loss(answers, labels, float(np.exp(logarithm))), bounds=(COLDEST, HOTTEST), method="bounded"
    )
    return float(np.exp(found.x))


def _loss(answers: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    return float(log_loss(labels, softmax(answers / temperature, axis=1), labels=np.arange(answers.shape[1])))
