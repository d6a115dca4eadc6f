import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hardexamples.rules.low_confidence import MEASURES, LowConfidence, doubt
from tests.hardexamples.arrays import classified, detected, reference


def test_each_measure_has_its_known_value() -> None:
    row = np.array([[0.6, 0.3, 0.1]])
    assert doubt(row, measure="margin")[0] == pytest.approx(0.7)
    assert doubt(row, measure="max_probability")[0] == pytest.approx(0.4)
    assert doubt(row, measure="least_confidence")[0] == pytest.approx(0.6)
    entropy = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1)) / np.log(3)
    assert doubt(row, measure="entropy")[0] == pytest.approx(entropy)


@pytest.mark.parametrize("measure", MEASURES)
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0), elements=st.floats(0, 1, width=32)))
def test_any_probabilities_have_a_doubt_between_0_and_1(measure: str, table: np.ndarray) -> None:
    values = doubt(table, measure=measure)
    assert values.shape == (len(table),)
    assert not table.shape[1] or ((values >= 0) & (values <= 1 + 1e-6)).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_certain_is_0_and_undecided_is_the_most(measure: str) -> None:
    certain, undecided = doubt(np.array([[1.0, 0, 0, 0], [0.25] * 4]), measure=measure)
    assert certain == 0
    assert undecided == pytest.approx(0.75 if measure == "max_probability" else 1)


@pytest.mark.parametrize("measure", MEASURES)
def test_one_doubtful_box_among_ten_sure_ones_is_seen(measure: str) -> None:
    boxes = [np.tile([1, 1, 9, 9], (11, 1))] * 2
    sure, doubtful = np.full(11, 0.98), np.array([0.98] * 10 + [0.5])
    batch = detected(2, boxes=boxes, box_labels=None, box_confidences=[sure, doubtful])
    rule = LowConfidence(measure).fit(None)
    scores = rule.score(batch)
    assert scores[0] < 0.15
    assert scores[1] >= (0.25 if measure == "max_probability" else 0.5)
    evidence = rule.explain(batch, 1)[0]
    assert evidence.box == 10
    assert "box 11 of 11" in evidence.sentence


def test_evidence_names_both_answers_and_what_is_normal() -> None:
    sure = np.tile([0.9, 0.05, 0.05], (60, 1))
    rule = LowConfidence().fit(reference(probabilities=sure))
    evidence = rule.explain(classified(1, probabilities=[[0.5, 0.4, 0.1]]), 0)[0]
    assert evidence.code == 1
    assert evidence.measured == pytest.approx(0.5)
    assert evidence.normal_low == pytest.approx(0.9)
    assert "a with a confidence of 0.50" in evidence.sentence
    assert "b with 0.40" in evidence.sentence
    assert "0.90" in evidence.sentence


def test_an_unknown_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match="feeling"):
        LowConfidence("feeling").fit(None)
