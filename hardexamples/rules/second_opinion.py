"""A second model, trained on the looks of the training images, does not say the same: reason 100."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given, known, normal_range

STEPS = np.geomspace(2.0, 60.0, 25)
AT_LEAST = 10  # images of each class that take part however rare it is
CHUNK = 256  # inputs at once: their kernel of about 2 MB stays in the processor's cache
FEWEST = 10
SURE = 3.0  # standard errors


class KernelClassifier:
    """Regularized least squares classification (Rifkin and Klautau 2004) with a Matern kernel of order 3/2: nothing to
    tune and no iterations, and how it does on images that it did not learn follows in closed form (leave one out,
    Rifkin and Lippert 2007). That says how steeply its answers are to be read as probabilities (a softmax).

    Args:
        points: (p, d) float.
        labels: (p,) int in 0..classes - 1, at least two different ones.
        classes: how many there are.
        ridge: how much a single image counts less, > 0.

    Attributes:
        unlearned: (p,) probability of each point's own label, by the answer without it.
        right: share of the points whose own label is that answer.
    """

    def __init__(self, points: np.ndarray, labels: np.ndarray, *, classes: int, ridge: float) -> None:
        self.center = points.mean(axis=0)
        self.points = (points - self.center).astype(np.float32)
        self.squares = (self.points**2).sum(axis=1)
        self.spread = max(float(self.squares.mean()), 1e-12)
        self.there = np.bincount(labels, minlength=classes) > 0
        wanted = np.eye(classes)[labels] - 1 / classes
        factor = cholesky(self._kernel(points).astype(float) + ridge * np.eye(len(points)), lower=True)
        inverse = solve_triangular(factor, np.eye(len(points)), lower=True)
        weights = inverse.T @ (inverse @ wanted)
        without = wanted - weights / (inverse**2).sum(axis=0)[:, None]
        self.weights = weights.astype(np.float32)
        own = np.arange(len(labels)), labels
        self.steepness = min(STEPS, key=lambda step: -np.log(self._softmax(without, step)[own] + 1e-9).mean())
        self.unlearned = self._softmax(without, self.steepness)[own]
        self.right = float((without.argmax(axis=1) == labels).mean())

    def probabilities(self, points: np.ndarray) -> np.ndarray:
        """(q, classes) of (q, d) points; 0 for a class that was not there."""
        chunks = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
        return np.vstack([self._softmax(self._kernel(each) @ self.weights, self.steepness) for each in chunks])

    def _kernel(self, points: np.ndarray) -> np.ndarray:
        table = (points - self.center).astype(np.float32)
        far = (-2 * table) @ self.points.T
        far += (table**2).sum(axis=1)[:, None]
        far += self.squares
        np.maximum(far, 0, out=far)
        far *= 3 / self.spread
        np.sqrt(far, out=far)
        near = np.exp(-far)
        far += 1
        far *= near
        return far

    def _softmax(self, answers: np.ndarray, steepness: float) -> np.ndarray:
        grown = np.exp(steepness * (answers - answers.max(axis=1, keepdims=True))) * self.there
        return grown / grown.sum(axis=1, keepdims=True)


class SecondOpinion(Rule):
    """Hard where a second model finds the prediction unlikely: a kernel classifier of the descriptor, or of the
    activations where there is no descriptor, learned from the labeled training images.

    The score is 1 minus the probability that it gives the predicted class: cleanlab's self-confidence (Northcutt et
    al. 2021), with the prediction in the place of the label. Where the looks foretell the labels no better than the
    most frequent class does (by three standard errors), the rule has no opinion.

    Args:
        most_images: learn from a random sample of at most this many training images, and of ten of every class.
        ridge: how much a single training image counts less, > 0.
        random_state: seed of that sample.
    """

    algorithm = "image_similarity_mining"
    reasons: ClassVar = {100: "A second model disagrees with the prediction"}
    suggestions: ClassVar = {
        100: "Check the label; the second model knows only what the labeled training images look like."
    }
    needs = frozenset({"probabilities", "features", "labels"})

    def __init__(self, most_images: int = 2000, ridge: float = 0.1, random_state: int = 0) -> None:
        self.most_images = most_images
        self.ridge = ridge
        self.random_state = random_state

    def _fit(self, reference: Reference) -> bool:
        labels = given(reference.labels)
        self.space_ = "activations" if reference.descriptor is None else "descriptor"
        table = reference.space(self.space_)
        usable = self._sample(np.flatnonzero(known(table) & (labels >= 0)), labels)
        if not table.shape[1] or len(usable) < FEWEST or len(np.unique(labels[usable])) < 2:
            return False
        classes = len(reference.class_names)
        self.model_ = KernelClassifier(table[usable], labels[usable], classes=classes, ridge=self.ridge)
        self.normal_ = normal_range(self.model_.unlearned)
        guessed = np.bincount(labels[usable]).max() / len(usable)
        return bool(self.model_.right > guessed + SURE * np.sqrt(guessed * (1 - guessed) / len(usable)))

    def _sample(self, usable: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if len(usable) <= self.most_images:
            return usable
        mixed = np.random.default_rng(self.random_state).permutation(usable)
        by_class = np.argsort(labels[mixed], kind="stable")
        first = np.searchsorted(labels[mixed][by_class], labels[mixed][by_class], side="left")
        place = np.empty(len(mixed), int)
        place[by_class] = np.arange(len(mixed)) - first
        return np.sort(mixed[np.argsort(place >= AT_LEAST, kind="stable")][: self.most_images])

    def _usable(self, batch: Batch) -> np.ndarray:
        table = batch.space(self.space_)
        return np.flatnonzero(known(table) & (batch.predicted >= 0)) if table.shape[1] else np.zeros(0, int)

    def _score(self, batch: Batch) -> np.ndarray:
        scores = np.full(len(batch), np.nan)
        usable = self._usable(batch)
        if len(usable):
            likely = self.model_.probabilities(batch.space(self.space_)[usable])
            scores[usable] = 1 - likely[np.arange(len(usable)), batch.predicted[usable]]
        return scores

    def _explain_all(self, batch: Batch) -> list[list[Evidence]]:
        found: list[list[Evidence]] = [[] for _ in range(len(batch))]
        usable = self._usable(batch)
        if len(usable):
            answers = self.model_.probabilities(batch.space(self.space_)[usable])
            for index, likely in zip(usable, answers, strict=True):
                found[index] = [self._told(batch.class_names, likely, int(batch.predicted[index]))]
        return found

    def _told(self, names: Sequence[str], likely: np.ndarray, said: int) -> Evidence:
        most = int(likely.argmax())
        sentence = f"a second model, trained on the looks of the training images, says {names[said]} {likely[said]:.2f}"
        if most != said:
            sentence += f" and {names[most]} {likely[most]:.2f}"
        return self.evidence(100, likely[said], sentence, normal=self.normal_)
