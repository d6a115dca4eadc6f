import numpy as np
import pytest

from hardexamples.rules.cluster_disagreement import ClusterDisagreement, memberships
from tests.hardexamples.arrays import classified, reference

RNG = np.random.default_rng(0)
CORNERS = np.array([[0, 0], [10, 0], [0, 10]])
LABELS = np.arange(90) % 3
TRAINING = reference(90, descriptor=CORNERS[LABELS] + RNG.normal(size=(90, 2)), activations=None, labels=LABELS)


def at(x: float, y: float, probabilities: list[float]):
    return classified(1, descriptor=[[x, y]], activations=None, probabilities=[probabilities])


def test_a_prediction_against_its_cluster_is_hard_and_one_with_it_is_not() -> None:
    rule = ClusterDisagreement().fit(TRAINING)
    assert rule.score(at(10, 0, [0.1, 0.8, 0.1]))[0] < 0.2
    assert rule.score(at(10, 0, [0.8, 0.1, 0.1]))[0] > 0.8


def test_evidence_gives_both_shares() -> None:
    evidence = ClusterDisagreement().fit(TRAINING).explain(at(10, 0, [0.8, 0.1, 0.1]), 0)[0]
    assert evidence.code == 2
    assert "are labeled a" in evidence.sentence
    assert "are labeled b" in evidence.sentence
    assert evidence.normal_low is not None
    assert evidence.measured < evidence.normal_low


def test_memberships_sum_to_1_and_favor_the_nearest() -> None:
    shares = memberships(np.array([[1.0, 4.0, 1e9], [0.0, 0.0, 0.0]]), width=1.0)
    assert shares.sum(axis=1) == pytest.approx([1, 1])
    assert shares[0].argmax() == 0
    assert shares[1] == pytest.approx([1 / 3] * 3)
