"""A detector's images: not all are flagged, the rehearsal plays where answers are given, boxes have a hardness."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import Batch, Reference
from hardexamples.rules.boxes import mistaken
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import detected, reference

NOTHING = np.zeros((0, 4))


def boxes_of(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """1 to 4 boxes side by side in images of 200 x 100."""
    found = []
    for count in rng.integers(1, 5, n):
        corners = np.column_stack([20 + 40 * np.arange(count), rng.uniform(30, 45, count)])
        found.append(np.hstack([corners, corners + rng.uniform(18, 24, (count, 2))]))
    return found


def answered(truth: list[np.ndarray], seed: int) -> tuple[Batch, np.ndarray]:
    """A detector that is sure where it is right, and less so of the box that it misplaces in a fifth of the images."""
    rng = np.random.default_rng(seed)
    boxes = [box + rng.normal(0, 1, box.shape) for box in truth]
    sure = [rng.uniform(0.88, 1.0, len(box)) for box in boxes]
    wrong = rng.uniform(size=len(truth)) < 0.2
    for index in np.flatnonzero(wrong):
        boxes[index][0] += [12, 12, 12, 12]
        sure[index][0] = rng.uniform(0.4, 0.85)
    batch = detected(
        len(truth), boxes=boxes, box_labels=None, box_confidences=sure, sizes=np.tile((200, 100), (len(truth), 1))
    )
    return batch, wrong


def labeled(n: int, *, seed: int = 0, asked: bool = False) -> Reference:
    truth = boxes_of(np.random.default_rng(seed), n)
    training = reference(
        n, task="object_detection", boxes=truth, box_labels=None, sizes=np.tile((200, 100), (n, 1)), statistics=None
    )
    return replace(training, answers=replace(answered(truth, seed)[0], names=training.names)) if asked else training


TRUTH = boxes_of(np.random.default_rng(5), 300)
INPUTS, WRONG = answered(TRUTH, 6)


def test_a_detector_that_is_mostly_sure_is_not_flagged_everywhere() -> None:
    for training in (None, labeled(200)):
        verdicts = Filter(FilterSettings()).fit(training).apply(INPUTS)
        assert verdicts.filter.fitted_as_dict()["intercept"] is None
        assert verdicts.flagged.mean() < 0.4
        assert verdicts.flagged[WRONG].mean() > 0.75


def test_answers_to_the_training_images_make_a_rehearsal() -> None:
    verdicts = Filter(FilterSettings()).fit(labeled(200, asked=True)).apply(INPUTS)
    figures = verdicts.filter.fitted_as_dict()
    assert figures["intercept"] is not None
    assert figures["rules"]["low_confidence"]["auroc"] > 0.9
    assert roc_auc_score(WRONG, verdicts.coefficient) > 0.9
    assert verdicts.coefficient.mean() == pytest.approx(WRONG.mean(), abs=0.08)


def test_answers_about_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="other images"):
        replace(labeled(3), answers=INPUTS.take(range(3)))


def test_an_answer_is_mistaken_if_one_box_is() -> None:
    box = np.array([[10, 10, 30, 30], [50, 50, 70, 70]], float)
    labels = np.array([0, 1])
    sure = np.ones(2)
    assert not mistaken((box + 1, labels, sure), box, labels)
    assert not mistaken((NOTHING, labels[:0], sure[:0]), NOTHING, labels[:0])
    assert mistaken((np.add(box, [[0] * 4, [15, 0, 15, 0]]), labels, sure), box, labels)
    assert mistaken((box, labels[::-1], sure), box, labels)
    assert mistaken((box[:1], labels[:1], sure[:1]), box, labels)
    assert mistaken((np.vstack([box, box[:1]]), np.array([0, 1, 0]), np.ones(3)), box, labels)


def test_an_empty_answer_is_flagged_where_training_images_have_objects() -> None:
    nothing = detected(1, boxes=[NOTHING], box_labels=None, box_confidences=None)
    verdicts = Filter(FilterSettings()).fit(labeled(200)).apply(nothing)
    assert verdicts.flagged[0]
    assert verdicts.reasons(0)[0].code == 0
    assert verdicts.box_coefficients(0).shape == (0,)


@pytest.mark.parametrize("fault", ["shift", "duplicate", "drop"])
def test_spoiled_boxes_are_flagged_with_their_reason(fault: str) -> None:
    truth = [box for box in TRUTH if len(box) > 1][:40]
    sure = [np.full(len(box), 0.99) for box in truth]
    code = {"shift": 15, "duplicate": 18, "drop": 11}[fault]
    change = {
        "shift": lambda box: np.add(box, [0, 46, 0, 46]),
        "duplicate": lambda box: np.vstack([box[:-1], box[:1]]),
        "drop": lambda box: box[:0],
    }[fault]
    spoiled = [change(box) for box in truth]
    sure = [np.full(len(box), 0.99) for box in spoiled]
    sizes = np.tile((200, 100), (40, 1))
    batch = detected(40, boxes=spoiled, box_labels=None, box_confidences=sure, sizes=sizes, statistics=None)
    verdicts = Filter(FilterSettings()).fit(labeled(300)).apply(batch)
    assert verdicts.flagged.all()
    assert np.mean([code in [each.code for each in verdicts.reasons(i)] for i in range(40)]) >= 0.95


def test_the_doubtful_and_the_named_box_are_the_hard_ones() -> None:
    boxes = np.array([[20, 30, 40, 50], [60, 30, 80, 50], [100, 30, 103, 33]], float)
    batch = detected(
        1, boxes=[boxes], box_labels=None, box_confidences=[[0.99, 0.55, 0.99]], sizes=[(200, 100)], statistics=None
    )
    hardness = Filter(FilterSettings()).fit(labeled(200)).apply(batch).box_coefficients(0)
    assert hardness[0] < 0.05
    assert hardness[1] > 0.5
    assert hardness[2] > 0.1
    assert ((hardness >= 0) & (hardness <= 1)).all()
