"""A rehearsal of the filter on the training set, where the truth is known.

`docs/mining.md` says why it is played so. numpy and scikit-learn only.
"""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from hardexamples.detector_rehearsal import rehearse_detector
from hardexamples.rules.contract import Batch, Reference, Rule, known

FOLDS = 5
MOST_IMAGES = 3000  # of the reference
FEWEST_PER_CLASS = 2
VIEWS = (0.1, 0.25, 0.5, 1.0)  # shares of the descriptor's dimensions that the stand-in may see
LIKELY_ERRORS = 0.12  # share of errors that a deployed model may well make
SHARED = 0.75  # how much of the descriptor's opinion a helped stand-in keeps
GAINS = np.arange(0.5, 8.1, 0.25)
EDGE = 1e-4


def rehearse(
    found: Mapping[str, Rule],
    reference: Reference,
    *,
    random_state: int,
    between: Callable[[], None] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Play the filter's work on the reference, where the truth is known.

    A stand-in for the model is trained on four fifths of the images and predicts the last fifth; the rules, fitted on
    the same four fifths, score those predictions. The deployed model itself cannot play: it has learned these very
    images, is misleadingly sure of them and hardly ever wrong. The stand-in is a logistic regression on a random part
    of the descriptor (of the activations where there is none), so that it errs elsewhere than the rules do, and as
    often as a deployed model may: the part is as small, or the help with the truth as large, as that needs.

    A detector has no stand-in: `detector_rehearsal` plays with its own answers.

    Args:
        found: unfitted rules by name.
        reference: the labeled training set.
        random_state: seed of the folds.
        between: called before each rule of each fold; may raise to end the work.

    Returns:
        (m,) scores by rule and (m,) bool "the prediction was wrong"; None where the reference is too small.
    """
    if reference.boxes is not None:
        return rehearse_detector(found, reference, random_state=random_state, between=between)
    space = "activations" if reference.descriptor is None else "descriptor"
    points = reference.space(space)
    if reference.labels is None or not points.shape[1]:
        return None
    usable = np.flatnonzero(known(points) & (reference.labels >= 0))
    counts = np.bincount(reference.labels[usable], minlength=len(reference.class_names))
    usable = usable[counts[reference.labels[usable]] >= FEWEST_PER_CLASS]
    rng = np.random.default_rng(random_state)
    usable = np.sort(rng.permutation(usable)[:MOST_IMAGES])
    labels = reference.labels[usable]
    if len(usable) < FOLDS * 2 or len(np.unique(labels)) < 2:
        return None
    scores = {name: np.full(len(usable), np.nan) for name in found}
    wrong = np.zeros(len(usable), dtype=bool)
    folds = list(KFold(FOLDS, shuffle=True, random_state=random_state).split(usable))
    if any(len(np.unique(labels[learned])) < 2 for learned, _ in folds):
        return None
    view = _view(points[usable], labels, folds[0], rng)
    for learned, asked in folds:
        dims = rng.permutation(points.shape[1])[: _width(points, view)]
        said = stand_in(points[usable][:, dims], labels, learned, asked, classes=len(reference.class_names))
        said = _helped(said, labels[asked], rng)
        batch = Batch(
            names=tuple(reference.names[i] for i in usable[asked]),
            task=reference.task,
            class_names=reference.class_names,
            probabilities=said,
            descriptor=points[usable[asked]] if space == "descriptor" else None,
            activations=points[usable[asked]] if space == "activations" else None,
            statistics=None if reference.statistics is None else reference.statistics[usable[asked]],
        )
        wrong[asked] = batch.predicted != labels[asked]
        part = reference.take(usable[learned])
        for name, rule in found.items():
            if not (rule.alone and rule.rehearsed):
                continue
            if between is not None:
                between()
            scores[name][asked] = clone(rule).fit(part).score(batch)
    return scores, wrong


def _width(points: np.ndarray, view: float) -> int:
    return max(1, round(points.shape[1] * view))


def _view(
    points: np.ndarray, labels: np.ndarray, fold: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> float:
    """The smallest share of the dimensions with which the stand-in is still right about often enough."""
    learned, asked = fold
    for view in VIEWS[:-1]:
        dims = rng.permutation(points.shape[1])[: _width(points, view)]
        said = stand_in(points[:, dims], labels, learned, asked, classes=int(labels.max()) + 1)
        if (said.argmax(axis=1) != labels[asked]).mean() <= LIKELY_ERRORS:
            return view
    return VIEWS[-1]


def stand_in(
    points: np.ndarray, labels: np.ndarray, learned: np.ndarray, asked: np.ndarray, *, classes: int
) -> np.ndarray:
    """(len(asked), classes) probabilities of a logistic regression on `points[learned]`."""
    center, scale = points[learned].mean(axis=0), max(float(points[learned].std()), 1e-6)
    model = LogisticRegression(C=10.0, max_iter=200).fit((points[learned] - center) / scale, labels[learned])
    said = np.zeros((len(asked), classes), np.float32)
    said[:, model.classes_] = model.predict_proba((points[asked] - center) / scale)
    return said


def _helped(said: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`said` (m, classes), made to err no more often than a deployed model may.

    Where the descriptor alone cannot tell the classes apart, the deployed model must know something else. That is
    played as a Gaussian channel: each class gets evidence of deviation 1 around 0, the true one around `gain`, and
    gain times the evidence is its log likelihood; the smallest gain that is enough is taken.
    """
    truth = np.eye(said.shape[1])[labels]
    noise = rng.normal(size=said.shape)
    helped = said
    for gain in GAINS:
        if (helped.argmax(axis=1) != labels).mean() <= LIKELY_ERRORS:
            break
        odds = SHARED * np.log(said + EDGE) + gain * (gain * truth + noise)
        likely = np.exp(odds - odds.max(axis=1, keepdims=True))
        helped = (likely / likely.sum(axis=1, keepdims=True)).astype(np.float32)
    return helped
