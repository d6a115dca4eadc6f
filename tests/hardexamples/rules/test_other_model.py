"""What another model said about the same inputs, against this one's answers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

from hardexamples import trials
from hardexamples.rules import Batch
from hardexamples.rules.other_model import OtherModel
from tests.hardexamples.arrays import classified, detected

RULE = OtherModel().fit(None)


def beside(batch: Batch, **said: object) -> Batch:
    """The batch with what another model said about it."""
    plain = {"descriptor": None, "activations": None, "statistics": None}
    return replace(batch, other=replace(batch, **plain | said))


def test_without_another_model_it_is_silent() -> None:
    assert np.isnan(RULE.score(classified())).all()
    assert np.isnan(RULE.score(detected())).all()
    assert RULE.explain(classified(), 0) == []


def test_models_that_name_the_same_agree_however_sure_they_are() -> None:
    batch = classified()
    assert not RULE.score(beside(batch)).any()
    assert not RULE.score(beside(batch, probabilities=given_less(batch))).any()


def given_less(batch: Batch) -> np.ndarray:
    return 0.5 * batch.probabilities + 0.5 / len(batch.class_names)


def test_a_contradiction_is_the_harder_the_surer_both_are() -> None:
    here = np.array([[0.9, 0.1, 0.0], [0.55, 0.45, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 0.0]])
    there = np.array([[0.1, 0.9, 0.0], [0.45, 0.55, 0.0], [np.nan] * 3, [0.1, 0.9, 0.0]])
    batch = beside(classified(4, probabilities=here), probabilities=there)
    scores = RULE.score(batch)
    np.testing.assert_allclose(scores[:2], [1 - 0.18, 1 - 0.495], atol=1e-6)
    assert np.isnan(scores[2:]).all()
    (evidence,) = RULE.explain(batch, 0)
    assert evidence.sentence == "another model said b with 0.90; this one says a with 0.90"
    assert (evidence.code, round(evidence.measured, 2)) == (101, 0.82)


BOX = [10.0, 10.0, 50.0, 50.0]


@pytest.mark.parametrize(
    ("before", "labels", "score"),
    [
        ([BOX], [0], 0.0),
        ([[10.0, 10.0, 50.0, 30.0]], [0], 0.5),
        ([BOX], [1], 1.0),
        ([[60.0, 60.0, 90.0, 90.0]], [0], 1.0),
        ([], [], 1.0),
        ([BOX, [60.0, 60.0, 90.0, 90.0]], [0, 0], 1 / 3),
    ],
)
def test_boxes_agree_by_their_overlap(before: list, labels: list, score: float) -> None:
    def one(boxes: list, names: list) -> dict:
        return {
            "boxes": [np.array(boxes).reshape(-1, 4)],
            "box_labels": [np.array(names, int)],
            "box_confidences": [np.full(len(names), 0.8)],
        }

    batch = beside(detected(1, **one([BOX], [0])), **one(before, labels))
    np.testing.assert_allclose(RULE.score(batch), [score], atol=1e-6)
    evidence = RULE.explain(batch, 0)
    assert [each.box for each in evidence] == ([0] if score else [])


def test_an_image_that_the_other_model_never_saw_is_not_one_without_boxes() -> None:
    batch = detected(4)
    batch = beside(batch, answered=np.array([True, False, True, False]))
    np.testing.assert_array_equal(np.isnan(RULE.score(batch)), [False, True, False, True])


def test_answers_about_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="other images"):
        replace(classified(3), other=classified(3, seed=9, names=("x", "y", "z")))


@given(st.integers(0, 200), st.integers(0, 200))
def test_neither_model_is_preferred(one: int, other: int) -> None:
    here, there = classified(6, seed=one), classified(6, seed=other)
    forth = RULE.score(beside(here, probabilities=there.probabilities))
    np.testing.assert_allclose(forth, RULE.score(beside(there, probabilities=here.probabilities)), atol=1e-6)
    boxes, others = detected(6, seed=one), detected(6, seed=other)
    said = {name: getattr(others, name) for name in ("boxes", "box_labels", "box_confidences")}
    back = {name: getattr(boxes, name) for name in ("boxes", "box_labels", "box_confidences")}
    np.testing.assert_allclose(RULE.score(beside(boxes, **said)), RULE.score(beside(others, **back)), atol=1e-6)


def test_on_rotated_digits_two_models_contradict_each_other_where_one_is_wrong() -> None:
    """Another model of the same kind, trained on the same images: where it says something else, errors are frequent."""
    found = trials.trial("digits-8x8-rotated", seed=0)
    images, labels = trials.SOURCES["sklearn"]()
    where = [int(name.rpartition("-")[2]) for name in found.reference.names]
    asked = [int(name.rpartition("-")[2]) for name in found.batch.names]
    model = MLPClassifier(hidden_layer_sizes=(64,), max_iter=60, random_state=1000)
    model.fit(images[where].reshape(len(where), -1) / 255, labels[where])
    turned = np.stack([trials.rotated(each) for each in images[asked]])
    said = model.predict_proba(turned.reshape(len(asked), -1) / 255)
    scores = RULE.score(beside(found.batch, probabilities=said))
    assert roc_auc_score(found.wrong, scores) > 0.6
    assert found.wrong[scores > 0].mean() > 2 * found.wrong[scores == 0].mean()
