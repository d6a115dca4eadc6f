"""Training labels that are probably wrong: confident learning over out-of-fold probabilities.

Northcutt, Jiang, Chuang (2021). numpy, scikit-learn and faiss only.
"""

from dataclasses import dataclass

import faiss
import numpy as np
from sklearn.model_selection import KFold

from hardexamples.rehearsal import FOLDS, stand_in
from hardexamples.rules.contract import Reference, known

FEWEST = 50  # labeled images; below, folds are too small to contradict anybody
FEWEST_PER_CLASS = 5
MOST_LEARNED = 3000
LEAST_RIGHT = 0.7  # share of labels that the features must foretell before they may contradict any
NEIGHBORS = 5
AGREE = 4  # of the neighbors


@dataclass(frozen=True)
class SuspectLabel:
    """A training label that two witnesses contradict.

    Args:
        index: of the image in the reference.
        given: the label that it has, an index into the class names.
        likelier: the label that it probably should have.
        confidence: out-of-fold probability of the likelier label, 0..1.
    """

    index: int
    given: int
    likelier: int
    confidence: float


def suspect_labels(reference: Reference, *, random_state: int) -> list[SuspectLabel]:
    """The suspect labels of a training set, the surest first.

    A label is suspect if a model that did not learn the image gives another class at least the probability that this
    class's own images get on average, and more than any other class (confident learning), and if four of the image's
    five nearest neighbors are of that class and none is of the given one: a hard but rightly labeled image seldom has
    both against it. Features that cannot tell the classes apart contradict nobody.

    Args:
        reference: with labels and a descriptor or activations; anything less, fewer than 50 labeled images, or one
            class only, and nothing is suspect.
        random_state: seed of the folds.
    """
    points = reference.space("activations" if reference.descriptor is None else "descriptor")
    if reference.labels is None or not points.shape[1]:
        return []
    usable = np.flatnonzero(known(points) & (reference.labels >= 0))
    counts = np.bincount(reference.labels[usable], minlength=len(reference.class_names))
    usable = usable[counts[reference.labels[usable]] >= FEWEST_PER_CLASS]
    labels = reference.labels[usable]
    if len(usable) < FEWEST or len(np.unique(labels)) < 2:
        return []
    said = _out_of_fold(points[usable], labels, classes=len(reference.class_names), random_state=random_state)
    if (said.argmax(axis=1) == labels).mean() < LEAST_RIGHT:
        return []
    likelier = _contradicted(said, labels)
    rows = np.flatnonzero(likelier >= 0)
    rows = rows[_neighbors_agree(points[usable], labels, rows, likelier[rows])]
    found = [SuspectLabel(int(usable[i]), int(labels[i]), int(likelier[i]), float(said[i, likelier[i]])) for i in rows]
    return sorted(found, key=lambda each: (-each.confidence, each.index))


def _out_of_fold(points: np.ndarray, labels: np.ndarray, *, classes: int, random_state: int) -> np.ndarray:
    """(p, classes) probabilities by models that did not learn the image."""
    said = np.zeros((len(points), classes), np.float32)
    rng = np.random.default_rng(random_state)
    for learned, asked in KFold(FOLDS, shuffle=True, random_state=random_state).split(points):
        some = np.sort(rng.permutation(learned)[:MOST_LEARNED])
        if len(np.unique(labels[some])) > 1:
            said[asked] = stand_in(points, labels, some, asked, classes=classes)
    return said


def _contradicted(said: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(p,) the class that is confidently not the given one, -1 where there is none."""
    usual = np.full(said.shape[1], np.inf)
    for label in np.unique(labels):
        usual[label] = said[labels == label, label].mean()
    sure = np.where(said >= usual, said, -1.0)
    best = sure.argmax(axis=1)
    return np.where((sure.max(axis=1) > 0) & (best != labels), best, -1)


def _neighbors_agree(points: np.ndarray, labels: np.ndarray, rows: np.ndarray, likelier: np.ndarray) -> np.ndarray:
    """(r,) bool: among the nearest images enough have the likelier label and none the given one."""
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(np.ascontiguousarray(points))
    if not len(rows):
        return np.zeros(0, bool)
    places = index.search(np.ascontiguousarray(points[rows]), NEIGHBORS + 1)[1]
    own = places == rows[:, None]
    own[:, -1] |= ~own.any(axis=1)  # among copies an image need not find itself: then the farthest is left out
    others = np.where(own | (places < 0), -1, labels[places])
    agreeing, given = ((others == each[:, None]).sum(axis=1) for each in (likelier, labels[rows]))
    return (agreeing >= AGREE) & (given == 0)
