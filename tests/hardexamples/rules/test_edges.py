"""Where peers crash or answer the wrong way round: each rule, and the whole filter, has an answer at every edge.

A new rule is held to all of it by being there.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import AUGMENTATIONS, Batch, Reference, Rule, rules
from hardexamples.rules.batch import Retake
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import classified, detected, reference

DETECTION = "object_detection"
NONE = np.zeros((0, 4))
LARGEST = np.float16(65504)

type Edge = tuple[Reference | None, Batch]


def sparse_boxes(boxes: list[np.ndarray], **changes: Any) -> Batch:
    """Detections with the same confidence everywhere."""
    sure = [np.full(len(each), 0.5) for each in boxes]
    return detected(len(boxes), boxes=boxes, box_labels=None, box_confidences=sure, **changes)


def with_tables(make: Callable[..., Any], table: Callable[[np.ndarray], np.ndarray | None]) -> Any:
    """What `make` makes, with other features; None takes them away."""
    whole = make()
    names = ("descriptor", "activations")
    return replace(whole, **{n: table(getattr(whole, n)) for n in names if getattr(whole, n) is not None})


def everywhere(task: str, table: Callable[[np.ndarray], np.ndarray | None]) -> Edge:
    """Other features on both sides."""
    inputs = classified if task != DETECTION else detected
    return with_tables(partial(reference, task=task), table), with_tables(inputs, table)


def holed(table: np.ndarray) -> np.ndarray:
    """Every other row unknown."""
    return np.where((np.arange(len(table)) % 2 == 0)[:, None], np.nan, table)


def changed(batch: Batch) -> Batch:
    """Asked again about some images, with answers at every edge: nothing, everything, the same."""
    if batch.boxes is None:
        said = np.array(batch.probabilities)
        said[::3], said[1::3] = np.nan, 0.0
        return replace(batch, augmented=dict.fromkeys(AUGMENTATIONS, said))
    answers = [NONE, np.array([[0, 0, 1, 1]] * 3)]
    retakes = tuple(
        None
        if index % 3 == 2
        else Retake(
            a := answers[index % 2], np.zeros(len(a), int), np.ones(len(a)), np.full(len(boxes), index % 2 == 0)
        )
        for index, boxes in enumerate(batch.boxes)
    )
    return replace(batch, augmented_boxes=dict.fromkeys(AUGMENTATIONS, retakes))


def one_label() -> Edge:
    return reference(classes=1), classified(classes=1)


def a_class_nobody_labeled() -> Edge:
    labels = np.arange(60) % 2
    return reference(labels=labels), classified()


COMMON: dict[str, Callable[[str, Reference, Batch], Edge]] = {
    "ordinary": lambda task, known, inputs: (known, inputs),
    "no reference": lambda task, known, inputs: (None, inputs),
    "empty reference": lambda task, known, inputs: (known.take([]), inputs),
    "one labeled image": lambda task, known, inputs: (known.take([0]), inputs),
    "two labeled images": lambda task, known, inputs: (known.take([0, 1]), inputs),
    "copies of one labeled image": lambda task, known, inputs: (known.take([3] * 60), inputs),
    "copies of one input": lambda task, known, inputs: (known, inputs.take([3] * 40)),
    "one input": lambda task, known, inputs: (known, inputs.take([1])),
    "no inputs": lambda task, known, inputs: (known, inputs.take([])),
    "the inputs are the reference": lambda task, known, inputs: (known, as_batch(known, inputs)),
    "unsorted names": lambda task, known, inputs: (known, replace(inputs, names=inputs.names[::-1])),
    "equal names": lambda task, known, inputs: (known, replace(inputs, names=("a/b",) * len(inputs))),
    "strange names": lambda task, known, inputs: (
        known,
        replace(inputs, names=("", "²", "9" * 500, "/", *inputs.names[4:])),
    ),
    "no features": lambda task, known, inputs: everywhere(task, lambda table: None),
    "no features of the inputs": lambda task, known, inputs: (
        known,
        replace(inputs, descriptor=None, activations=None),
    ),
    "no features of the reference": lambda task, known, inputs: (
        replace(known, descriptor=None, activations=None),
        inputs,
    ),
    "only activations": lambda task, known, inputs: (only_activations(known), only_activations(inputs)),
    "features of no width": lambda task, known, inputs: everywhere(task, lambda table: table[:, :0]),
    "one number as features": lambda task, known, inputs: everywhere(task, lambda table: table[:, :1]),
    "equal features": lambda task, known, inputs: everywhere(task, lambda table: np.full_like(table, 0.7)),
    "features all 0": lambda task, known, inputs: everywhere(task, np.zeros_like),
    "largest features of float16": lambda task, known, inputs: everywhere(task, lambda table: np.sign(table) * LARGEST),
    "smallest features of float16": lambda task, known, inputs: everywhere(task, lambda table: table * 6e-8),
    "every other feature unknown": lambda task, known, inputs: everywhere(task, holed),
    "all features unknown": lambda task, known, inputs: everywhere(task, lambda table: np.full_like(table, np.nan)),
    "no statistics": lambda task, known, inputs: (replace(known, statistics=None), replace(inputs, statistics=None)),
    "statistics unknown": lambda task, known, inputs: (
        known,
        replace(inputs, statistics=np.full((len(inputs), 7), np.nan)),
    ),
    "statistics all 0": lambda task, known, inputs: (
        replace(known, statistics=np.zeros((len(known), 7))),
        replace(inputs, statistics=np.zeros((len(inputs), 7))),
    ),
    "changed images": lambda task, known, inputs: (known, changed(inputs)),
    "changed images of no known answer": lambda task, known, inputs: (None, changed(inputs)),
}
CLASSIFICATION_EDGES: dict[str, Callable[[], Edge]] = {
    "zero probabilities": lambda: (reference(), classified(probabilities=np.zeros((40, 3)))),
    "certain": lambda: (reference(), classified(probabilities=np.eye(3)[np.arange(40) % 3])),
    "undecided": lambda: (reference(), classified(probabilities=np.full((40, 3), 1 / 3))),
    "all of them": lambda: (reference(), classified(probabilities=np.ones((40, 3)))),
    "no answer": lambda: (reference(), classified(probabilities=np.full((40, 3), np.nan))),
    "no probabilities": lambda: (reference(), classified(probabilities=None)),
    "one class": one_label,
    "one class, zero probability": lambda: (
        reference(classes=1),
        classified(classes=1, probabilities=np.zeros((40, 1))),
    ),
    "no class": lambda: (None, classified(classes=0)),
    "a training set of one class": lambda: (reference(single=True), classified()),
    "a class nobody labeled": a_class_nobody_labeled,
    "labels unknown": lambda: (reference(labels=np.full(60, -1)), classified()),
    "one label known": lambda: (reference(labels=np.where(np.arange(60) == 7, 1, -1)), classified()),
    "no labels": lambda: (replace(reference(), labels=None), classified()),
}
DETECTION_EDGES: dict[str, Callable[[], Edge]] = {
    "zero boxes": lambda: (reference(task=DETECTION), sparse_boxes([NONE] * 40)),
    "no labeled boxes": lambda: (reference(task=DETECTION, boxes=[NONE] * 60, box_labels=None), detected()),
    "neither": lambda: (reference(task=DETECTION, boxes=[NONE] * 60, box_labels=None), sparse_boxes([NONE] * 40)),
    "boxes of no area": lambda: (reference(task=DETECTION), sparse_boxes([np.array([[5, 5, 5, 5]])] * 40)),
    "boxes inside out": lambda: (reference(task=DETECTION), sparse_boxes([np.array([[50, 50, 5, 5]])] * 40)),
    "boxes outside": lambda: (reference(task=DETECTION), sparse_boxes([np.array([[-900, -9, -800, -5]])] * 40)),
    "many boxes": lambda: (reference(task=DETECTION), sparse_boxes([np.tile([1, 2, 30, 40], (300, 1))] * 3)),
    "zero confidence": lambda: (
        reference(task=DETECTION),
        detected(box_confidences=[np.zeros(len(each)) for each in detected().boxes or ()]),
    ),
    "no sizes": lambda: (reference(task=DETECTION, sizes=None, statistics=None), detected(sizes=None, statistics=None)),
    "sizes of 0": lambda: (reference(task=DETECTION), detected(sizes=np.zeros((40, 2)))),
    "boxes' looks unknown": lambda: (
        reference(
            task=DETECTION, box_statistics=[np.full((len(b), 2), np.nan) for b in reference(task=DETECTION).boxes or ()]
        ),
        detected(box_statistics=[np.full((len(b), 2), np.nan) for b in detected().boxes or ()]),
    ),
    "answers of nothing": lambda: (answered_by([NONE] * 60), detected()),
    "perfect answers": lambda: (answered_by(list(reference(task=DETECTION).boxes or ())), detected()),
}


def as_batch(known: Reference, inputs: Batch) -> Batch:
    """The inputs with the features of the labeled images."""
    return replace(inputs, descriptor=given_rows(known.descriptor), activations=given_rows(known.activations))


def given_rows(table: np.ndarray | None) -> np.ndarray | None:
    return None if table is None else table[:40]


def only_activations[B: Batch](batch: B) -> B:
    return replace(batch, activations=batch.descriptor, descriptor=None)


def answered_by(boxes: list[np.ndarray]) -> Reference:
    known = reference(task=DETECTION)
    return replace(known, answers=replace(sparse_boxes(boxes), names=known.names))


def edges() -> dict[str, Callable[[], Edge]]:
    """Every edge by name."""
    found: dict[str, Callable[[], Edge]] = {}
    for name, make in COMMON.items():
        found[f"classification: {name}"] = partial(_made, make, "image_classification")
        found[f"detection: {name}"] = partial(_made, make, DETECTION)
    found |= {f"classification: {name}": make for name, make in CLASSIFICATION_EDGES.items()}
    return found | {f"detection: {name}": make for name, make in DETECTION_EDGES.items()}


def _made(make: Callable[[str, Reference, Batch], Edge], task: str) -> Edge:
    return make(task, reference(task=task), detected() if task == DETECTION else classified())


EDGES = edges()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("make", EDGES.values(), ids=EDGES.keys())
@pytest.mark.parametrize("kind", rules().values(), ids=rules().keys())
def test_every_rule_has_an_answer(kind: type[Rule], make: Callable[[], Edge]) -> None:
    known, inputs = make()
    rule = kind().fit(known)
    scores = rule.score(inputs)
    assert scores.shape == (len(inputs),)
    opinions = scores[~np.isnan(scores)]
    assert ((opinions >= 0) & (opinions <= 1)).all()
    for score, evidence in zip(scores, rule.explain_all(inputs, range(len(inputs))), strict=True):
        assert evidence or not score > 0
        assert not (evidence and np.isnan(score))
        for each in evidence:
            assert each.code in kind.reasons
            assert np.isfinite(each.measured)
            assert "nan" not in each.sentence
            assert "inf " not in each.sentence


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("make", EDGES.values(), ids=EDGES.keys())
def test_the_filter_has_an_answer(make: Callable[[], Edge]) -> None:
    known, inputs = make()
    verdicts = Filter(FilterSettings(cap=20)).fit(known).apply(inputs)
    assert np.isfinite(verdicts.coefficient).all()
    assert ((verdicts.coefficient >= 0) & (verdicts.coefficient <= 1)).all()
    told = verdicts.explain(np.arange(len(inputs)))
    assert all(told[index] for index in np.flatnonzero(verdicts.flagged))
    for index in range(len(inputs)):
        boxes = verdicts.box_coefficients(index)
        assert len(boxes) == (0 if inputs.boxes is None else len(inputs.boxes[index]))
        assert ((boxes >= 0) & (boxes <= 1)).all()


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("fill", [np.inf, -np.inf, 1e39])
def test_features_too_large_for_numbers_are_refused(fill: float) -> None:
    table = np.full((40, 6), 1.0)
    table[3, 2] = fill
    with pytest.raises(ValueError, match="infinite"):
        classified(descriptor=table)
