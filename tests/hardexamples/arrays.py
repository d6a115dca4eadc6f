"""Small batches and references of made-up numbers, for the tests of rules and scoring."""

from typing import Any

import numpy as np

from hardexamples.rules import Batch, Reference

CENTERS = np.random.default_rng(1).normal(size=(8, 6))


def _features(labels: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(len(labels), 6))
    return (CENTERS[labels] + 0.4 * noise).astype(np.float32)


def _boxes(n: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    corners = [rng.uniform(0, 50, size=(i % 4, 2)) for i in range(n)]
    boxes = [np.hstack([c, c + 20]).astype(np.float32) for c in corners]
    return boxes, [np.zeros(len(b), int) for b in boxes], [rng.uniform(0.3, 1, len(b)) for b in boxes]


def _common(n: int, seed: int, prefix: str) -> dict[str, Any]:
    return {
        "names": tuple(f"{prefix}{i:03}.png" for i in range(n)),
        "sizes": np.full((n, 2), 100),
        "statistics": np.random.default_rng(seed).uniform(0, 1, (n, 7)),
    }


def classified(n: int = 40, *, classes: int = 3, seed: int = 2, **changes: Any) -> Batch:
    """n images of well separated classes with a model that is right about most."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % max(classes, 1)
    odds = rng.normal(size=(n, classes)) + 2.5 * np.eye(max(classes, 1))[labels][:, :classes]
    shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    arrays = _common(n, seed, "in") | {
        "task": "image_classification",
        "class_names": tuple("abcdefgh"[:classes]),
        "probabilities": shares,
        "descriptor": _features(labels, seed),
        "activations": _features(labels, seed + 1),
    }
    return Batch(**arrays | changes)


def detected(n: int = 40, *, seed: int = 3, **changes: Any) -> Batch:
    """n images with 0 to 3 boxes each."""
    boxes, labels, confidences = _boxes(n, seed)
    arrays = _common(n, seed, "in") | {
        "task": "object_detection",
        "class_names": ("a", "b", "c"),
        "boxes": boxes,
        "box_labels": labels,
        "box_confidences": confidences,
        "descriptor": _features(np.arange(n) % 3, seed),
    }
    return Batch(**arrays | changes)


def reference(
    n: int = 60,
    *,
    classes: int = 3,
    seed: int = 4,
    task: str = "image_classification",
    single: bool = False,
    **changes: Any,
) -> Reference:
    """n labeled images like those of `classified` or `detected`."""
    labels = np.zeros(n, int) if single else np.arange(n) % classes
    boxes, box_labels, _ = _boxes(n, seed)
    arrays = _common(n, seed, "train") | {
        "task": task,
        "class_names": tuple("abcdefgh"[:classes]),
        "descriptor": _features(labels, seed),
        "activations": _features(labels, seed + 1),
        "fingerprint": "made up",
    }
    if task == "object_detection":
        arrays |= {"boxes": boxes, "box_labels": box_labels, "activations": None}
    else:
        arrays |= {"labels": labels}
    return Reference(**arrays | changes)
