import numpy as np
import pytest

from hardexamples.rules.class_distance import ClassDistance
from tests.hardexamples.arrays import classified, reference

TRAINING = np.array([[0, 0], [0, 1], [10, 0], [10, 1], [5, 5]])
LABELS = [0, 0, 1, 1, -1]
INPUTS = {"descriptor": [[1, 0], [9, 0], [5, 0.5]], "activations": None}


def training(**changes):
    arrays = {"descriptor": TRAINING, "activations": None, "labels": LABELS}
    return reference(5, **arrays | changes)


def says_a(n: int = 3, **changes):
    return classified(n, probabilities=np.tile([0.8, 0.1, 0.1], (n, 1)), **INPUTS | changes)


def test_near_its_class_is_easy_near_another_is_hard_and_in_between_is_one_half() -> None:
    near, far, between = ClassDistance().fit(training()).score(says_a())
    assert near < 0.01
    assert far > 0.99
    assert between == pytest.approx(0.5)


def test_evidence_keeps_the_nearest_three_training_images_and_ignores_the_unlabeled_one() -> None:
    evidence = ClassDistance().fit(training()).explain(says_a(), 1)[0]
    assert [row for row, _ in evidence.neighbours] == [2, 3, 0]
    assert [d for _, d in evidence.neighbours] == pytest.approx([1, np.sqrt(2), 9])
    assert "the nearest ones are labeled b, b, a" in evidence.sentence


def test_a_class_without_training_images_is_hard() -> None:
    batch = classified(1, probabilities=[[0.1, 0.1, 0.8]], descriptor=[[1, 0]], activations=None)
    rule = ClassDistance().fit(training())
    assert rule.score(batch)[0] > 0.99
    assert "no training image is labeled c" in rule.explain(batch, 0)[0].sentence


def test_a_copy_of_a_training_image_of_its_class_is_easy() -> None:
    assert ClassDistance().fit(training()).score(says_a(1, descriptor=[[0, 1]]))[0] < 0.01


def test_activations_are_asked_where_the_descriptor_is_missing() -> None:
    both = training(activations=TRAINING[:, ::-1])
    batch = says_a(1, descriptor=[[np.nan, np.nan]], activations=[[0, 9]])
    assert ClassDistance().fit(both).score(batch)[0] > 0.99


def test_normal_is_what_training_images_are_among_themselves() -> None:
    evidence = ClassDistance().fit(training()).explain(says_a(), 0)[0]
    assert evidence.measured < 1
    assert evidence.normal_high is not None
    assert evidence.normal_high < 1
