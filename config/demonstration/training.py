"""Trains the small model of the demonstration and exports it to ONNX."""

import warnings

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from config.demonstration.digits import SIDE

CLASS_NAMES = tuple("0123456789")
# how Hardmine feeds the exported model, and how it reads its answer
PROFILE = {
    "task": "image_classification",
    "class_names": list(CLASS_NAMES),
    "input": {
        "name": "pixels",
        "width": SIDE,
        "height": SIDE,
        "layout": "flat",
        "color": "GRAY",
        "scale": [1 / 255],
    },
    "output": {"kind": "label_and_probabilities", "scores": "probabilities"},
}


def train(images: np.ndarray, labels: np.ndarray, *, seed: int) -> MLPClassifier:
    """A multi-layer perceptron with one hidden layer.

    Args:
        images: (n, 28, 28) uint8.
        labels: (n,) str.
        seed: of its initial weights.
    """
    model = MLPClassifier(hidden_layer_sizes=(64,), max_iter=60, random_state=seed)
    with warnings.catch_warnings():
        # sixty rounds are meant: the demonstration's model is small, and wrong now and then
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_flat(images), labels)
    return model


def accuracy(model: MLPClassifier, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of right predictions, 0 to 1."""
    return float(np.mean(model.predict(_flat(images)) == labels))


def export(model: MLPClassifier) -> bytes:
    """The model as an ONNX file with the outputs label and probabilities."""
    return to_onnx(
        model,
        initial_types=[("pixels", FloatTensorType([None, SIDE * SIDE]))],
        options={id(model): {"zipmap": False}},
        target_opset=17,
    ).SerializeToString()


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255
