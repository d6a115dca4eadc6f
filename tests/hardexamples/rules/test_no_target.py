from dataclasses import replace

import numpy as np
import pytest

from hardexamples.rules.no_target import NoTarget
from tests.hardexamples.arrays import classified, detected, reference

BOX = np.array([[1, 1, 9, 9]])
NOTHING = np.zeros((0, 4))


def inputs(*boxes: np.ndarray):
    return detected(len(boxes), boxes=boxes, box_labels=None, box_confidences=None)


def labeled(empty: int, full: int):
    boxes = [NOTHING] * empty + [BOX] * full
    return reference(len(boxes), task="object_detection", boxes=boxes, box_labels=None, descriptor=None)


def test_an_image_without_boxes_is_hard_and_one_with_boxes_is_another_rules_business() -> None:
    rule = NoTarget().fit(None)
    np.testing.assert_array_equal(rule.score(inputs(NOTHING, BOX)), [1, np.nan])
    assert rule.explain(inputs(NOTHING, BOX), 0)[0].code == 0
    assert rule.explain(inputs(NOTHING, BOX), 1) == []


def test_where_training_images_are_often_empty_an_empty_prediction_is_no_surprise() -> None:
    usual = NoTarget().fit(labeled(empty=80, full=20)).score(inputs(NOTHING))[0]
    odd = NoTarget().fit(labeled(empty=0, full=100)).score(inputs(NOTHING))[0]
    assert usual == pytest.approx(0.2, abs=0.02)
    assert odd > 0.98


def test_an_image_that_looks_like_full_ones_is_harder_than_one_that_looks_empty() -> None:
    points = np.vstack([np.zeros((40, 4)), np.ones((40, 4))]) + 0.1 * np.random.default_rng(0).normal(size=(80, 4))
    rule = NoTarget().fit(replace(labeled(empty=40, full=40), descriptor=points))
    batch = replace(inputs(NOTHING, NOTHING, NOTHING), descriptor=np.array([[0] * 4, [1] * 4, [np.nan] * 4]))
    empty, full, unknown = rule.score(batch)
    assert empty < 0.35 < 0.65 < full
    assert unknown == pytest.approx(0.5)
    assert "by its looks this one holds something with a chance of" in rule.explain(batch, 1)[0].sentence


def test_looks_are_not_asked_where_one_kind_is_a_handful() -> None:
    points = np.vstack([np.zeros((4, 4)), np.ones((76, 4))])
    rule = NoTarget().fit(replace(labeled(empty=4, full=76), descriptor=points))
    assert rule.score(replace(inputs(NOTHING), descriptor=np.zeros((1, 4))))[0] > 0.9


def test_evidence_says_how_often_training_images_are_empty() -> None:
    rule = NoTarget().fit(labeled(empty=49, full=49))
    assert "50%" in rule.explain(inputs(NOTHING), 0)[0].sentence


def test_classification_all_probabilities_zero_is_no_target_and_a_missing_prediction_is_no_opinion() -> None:
    batch = classified(3, probabilities=[[0, 0, 0], [0.1, 0, 0], [np.nan] * 3])
    np.testing.assert_array_equal(NoTarget().fit(None).score(batch), [1, np.nan, np.nan])


def test_parts_of_labeled_images_teach_what_empty_ground_looks_like() -> None:
    """Only one training image in a hundred is empty, but each holds empty ground."""
    training = replace(
        labeled(empty=1, full=99),
        descriptor=np.ones((100, 4)),
        part_descriptors=[np.array([[0.0] * 4, [1.0] * 4])] * 100,
        part_held=[np.array([0.0, 1.0])] * 100,
    )
    batch = replace(inputs(NOTHING, NOTHING), descriptor=np.array([[0.0] * 4, [1.0] * 4]))
    bare, covered = NoTarget().fit(training).score(batch)
    assert bare < covered
    without = replace(training, part_descriptors=None, part_held=None)
    assert np.ptp(NoTarget().fit(without).score(batch)) == 0


def test_the_detectors_own_silence_says_how_much_it_means() -> None:
    """It was silent about the empty training images alone: its silence is believed."""
    training = labeled(empty=50, full=50)
    said = detected(100, boxes=training.boxes, box_labels=None, box_confidences=None, names=training.names)
    believed = NoTarget().fit(replace(training, answers=said)).score(inputs(NOTHING))[0]
    assert believed < 0.05 < NoTarget().fit(training).score(inputs(NOTHING))[0]
