import numpy as np
import pytest

from hardexamples.rules.boxes import disagreement, matched, overlaps

ONE = np.array([[0, 0, 10, 10]], np.float32)
NOTHING = np.zeros((0, 4), np.float32)


def test_boxes_that_share_no_point_or_have_no_area_do_not_overlap() -> None:
    assert overlaps(ONE, np.array([[20, 20, 30, 30], [5, 5, 5, 5], [9, 9, 1, 1]])).tolist() == [[0, 0, 0]]
    assert matched(np.zeros((1, 4)), np.zeros((1, 4))) == []
    assert overlaps(NOTHING, ONE).shape == (0, 1)


def test_half_covered_is_one_third() -> None:
    assert overlaps(ONE, np.array([[0, 5, 10, 15]]))[0, 0] == pytest.approx(1 / 3)


def test_each_box_is_matched_once_and_the_best_first() -> None:
    others = np.array([[0, 0, 10, 8], [0, 0, 10, 10]])
    assert matched(ONE, others) == [(0, 1)]
    assert matched(np.vstack([ONE, ONE]), others) == [(0, 1), (1, 0)]


def said(boxes, label=0, sure=0.9):
    return boxes, np.full(len(boxes), label), np.full(len(boxes), sure)


def test_the_same_boxes_agree_and_two_empty_pictures_agree() -> None:
    assert disagreement(said(ONE), said(ONE + 0.5)) == (0.0, None)
    assert disagreement(said(NOTHING), said(NOTHING)) == (0.0, None)


def test_a_vanished_a_new_and_a_renamed_box_disagree() -> None:
    assert disagreement(said(ONE), said(NOTHING)) == (pytest.approx(0.9), 0)
    assert disagreement(said(NOTHING), said(ONE, sure=0.4)) == (pytest.approx(0.4), None)
    assert disagreement(said(ONE), said(ONE, label=1, sure=0.6)) == (pytest.approx(0.6), 0)
