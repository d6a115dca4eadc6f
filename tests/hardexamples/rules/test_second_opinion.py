import numpy as np
import pytest

from hardexamples.rules.second_opinion import KernelClassifier, SecondOpinion
from tests.hardexamples.arrays import classified, reference

RNG = np.random.default_rng(0)
CORNERS = np.array([[0, 0], [10, 0], [0, 10]])
LABELS = np.arange(90) % 3
LOOKS = CORNERS[LABELS] + RNG.normal(size=(90, 2))


def training(**changes):
    return reference(90, **{"descriptor": LOOKS, "activations": None, "labels": LABELS} | changes)


def at(x: float, y: float, probabilities: list[float]):
    return classified(1, descriptor=[[x, y]], activations=None, probabilities=[probabilities])


def test_a_prediction_that_the_second_model_does_not_share_is_hard() -> None:
    rule = SecondOpinion().fit(training())
    assert rule.score(at(10, 0, [0.1, 0.8, 0.1]))[0] < 0.1
    assert rule.score(at(10, 0, [0.8, 0.1, 0.1]))[0] > 0.9


def test_evidence_names_both_answers_and_what_is_normal() -> None:
    evidence = SecondOpinion().fit(training()).explain(at(10, 0, [0.8, 0.1, 0.1]), 0)[0]
    assert evidence.code == 100
    assert f"says a {evidence.measured:.2f} and b " in evidence.sentence
    assert evidence.normal_low is not None
    assert evidence.measured < evidence.normal_low


def test_a_class_without_training_images_is_hard() -> None:
    rule = SecondOpinion().fit(training(labels=np.where(LABELS == 2, -1, LABELS)))
    assert rule.score(at(0, 0, [0.1, 0.1, 0.8]))[0] == 1


def test_one_class_alone_is_no_second_opinion() -> None:
    assert np.isnan(SecondOpinion().fit(training(labels=LABELS * 0)).score(at(0, 0, [0.8, 0.1, 0.1]))[0])


def test_looks_that_tell_nothing_are_no_second_opinion() -> None:
    rule = SecondOpinion().fit(training(descriptor=np.random.default_rng(3).normal(size=(90, 2))))
    assert np.isnan(rule.score(at(0, 0, [0.8, 0.1, 0.1]))[0])


def test_of_many_images_some_of_each_class_are_learned() -> None:
    labels = np.zeros(90, int)
    labels[:4] = 1
    rule = SecondOpinion(most_images=20).fit(
        training(descriptor=CORNERS[labels] + RNG.normal(size=(90, 2)), labels=labels)
    )
    assert rule.model_.there.tolist() == [True, True, False]
    assert len(rule.model_.points) == 20


def test_answers_without_an_image_are_those_of_a_model_that_did_not_learn_it() -> None:
    noisy = RNG.normal(size=(90, 2))
    noisy -= noisy.mean(axis=0)
    whole = KernelClassifier(noisy, LABELS, classes=3, ridge=0.5)
    for row in (0, 7):
        kernel = whole._kernel(noisy).astype(float)
        rest = np.arange(90) != row
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.5 * np.eye(89), np.eye(3)[LABELS[rest]] - 1 / 3)
        said = whole._softmax(kernel[[row]][:, rest] @ weights, whole.steepness)[0, LABELS[row]]
        assert whole.unlearned[row] == pytest.approx(said, abs=1e-3)


def test_probabilities_sum_to_one_near_and_far() -> None:
    said = KernelClassifier(LOOKS, LABELS, classes=4, ridge=0.1).probabilities(np.array([[0.0, 0], [1e4, 1e4]]))
    assert said.sum(axis=1) == pytest.approx([1, 1])
    assert said[:, 3].tolist() == [0, 0]
