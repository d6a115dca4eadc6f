import numpy as np

from hardexamples.rules.outlier import Outlier
from tests.hardexamples.arrays import classified, reference

RNG = np.random.default_rng(0)
TRAINING = reference(300, descriptor=RNG.normal(size=(300, 5)), activations=None)


def inputs(points: np.ndarray):
    return classified(len(points), descriptor=points, activations=None)


def test_far_away_is_1_and_ordinary_is_low() -> None:
    rule = Outlier().fit(TRAINING)
    assert (rule.score(inputs(np.full((3, 5), 20.0))) > 0.99).all()
    assert np.median(rule.score(inputs(RNG.normal(size=(200, 5))))) < 0.1


def test_centers_are_not_called_outliers() -> None:
    """A peer's measure was inverted: the middle of the data got the highest score."""
    rule = Outlier().fit(TRAINING)
    points = np.outer(np.arange(0, 10.0), np.ones(5))
    scores = rule.score(inputs(points))
    assert scores[0] < 0.1
    assert (np.diff(scores) > -0.05).all()


def test_one_outlier_does_not_change_the_score_of_others() -> None:
    rule = Outlier().fit(TRAINING)
    points = RNG.normal(size=(5, 5))
    among_normal = rule.score(inputs(points))
    beside_one = rule.score(inputs(np.vstack([points, np.full((1, 5), 1e6)])))[:5]
    np.testing.assert_allclose(among_normal, beside_one)


def test_a_handful_of_training_images_is_no_basis() -> None:
    rule = Outlier().fit(reference(10))
    assert np.isnan(rule.score(classified())).all()


def test_evidence_has_the_number_and_its_normal_range() -> None:
    evidence = Outlier().fit(TRAINING).explain(inputs(np.full((1, 5), 20.0)), 0)[0]
    assert evidence.code == 30
    assert evidence.normal_high is not None
    assert evidence.measured > evidence.normal_high
