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


def test_an_image_without_boxes_is_hard_and_one_with_boxes_is_not() -> None:
    rule = NoTarget().fit(None)
    assert rule.score(inputs(NOTHING, BOX)).tolist() == [1, 0]
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
    assert empty < 0.1
    assert full > 0.9
    assert unknown == pytest.approx(0.5)
    assert "of those most like this one 5%" in rule.explain(batch, 1)[0].sentence


def test_looks_are_not_asked_where_one_kind_is_a_handful() -> None:
    points = np.vstack([np.zeros((4, 4)), np.ones((76, 4))])
    rule = NoTarget().fit(replace(labeled(empty=4, full=76), descriptor=points))
    assert rule.score(replace(inputs(NOTHING), descriptor=np.zeros((1, 4))))[0] > 0.9


def test_evidence_says_how_often_training_images_are_empty() -> None:
    rule = NoTarget().fit(labeled(empty=49, full=49))
    assert "50%" in rule.explain(inputs(NOTHING), 0)[0].sentence


def test_classification_all_probabilities_zero_is_no_target_and_a_missing_prediction_is_no_opinion() -> None:
    batch = classified(3, probabilities=[[0, 0, 0], [0.1, 0, 0], [np.nan] * 3])
    np.testing.assert_array_equal(NoTarget().fit(None).score(batch), [1, 0, np.nan])
