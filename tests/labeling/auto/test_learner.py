"""What is learned from a few labels is right, and says honestly how sure it is."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from labeling.auto.learner import learn

DIGITS = load_digits()
ORDER = np.random.default_rng(3).permutation(len(DIGITS.target))
EACH = np.concatenate([np.flatnonzero(DIGITS.target[ORDER] == digit)[:6] for digit in range(10)])
ORDER = ORDER[np.concatenate([EACH, np.setdiff1d(np.arange(len(ORDER)), EACH)])]  # six of each first
POINTS, TRUTH = DIGITS.data[ORDER].astype(np.float32), DIGITS.target[ORDER]


def test_confidence_means_what_it_says() -> None:
    learned = learn(POINTS[:300], TRUTH[:300], classes=10)
    told = learned.probabilities(POINTS[300:])
    right = told.argmax(axis=1) == TRUTH[300:]
    assert right.mean() > 0.93
    assert abs(told.max(axis=1).mean() - right.mean()) < 0.04
    assert abs(learned.accuracy - right.mean()) < 0.04


def test_unlabeled_images_help_where_labels_are_few() -> None:
    fast = learn(POINTS[:60], TRUTH[:60], classes=10)
    accurate = learn(POINTS[:60], TRUTH[:60], classes=10, unlabeled=POINTS[60:1000])
    asked, truth = POINTS[1000:], TRUTH[1000:]
    right = [(each.probabilities(asked).argmax(axis=1) == truth).mean() for each in (fast, accurate)]
    assert right[1] > right[0]
    assert accurate.log_loss < min(accurate.others.values())


def test_labeled_images_are_foretold_by_a_model_that_has_not_learned_them() -> None:
    noise = np.random.default_rng(0).normal(size=(100, 20))
    labels = np.arange(100) % 2
    learned = learn(noise, labels, classes=2)
    assert learned.accuracy < 0.75, "noise cannot be foretold"
    assert learned.out_of_fold.shape == (100, 2)
    assert learned.out_of_fold.max(axis=1).mean() < 0.75


def test_a_label_without_images_is_never_foretold() -> None:
    some = TRUTH < 2
    told = learn(POINTS[some], TRUTH[some], classes=5).probabilities(POINTS[:50])
    assert told.shape == (50, 5)
    assert told[:, 2:].max() < 1e-3
    assert np.allclose(told.sum(axis=1), 1, atol=1e-5)


def test_it_learns_again_the_same() -> None:
    twice = [learn(POINTS[:80], TRUTH[:80], classes=10, unlabeled=POINTS[80:300], seed=1) for _ in range(2)]
    assert twice[0].name == twice[1].name
    first, second = (each.probabilities(POINTS[300:350]) for each in twice)
    assert np.array_equal(first, second)


def test_progress_reaches_the_end() -> None:
    shares: list[float] = []
    learn(POINTS[:60], TRUTH[:60], classes=10, done=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1], []])
def test_too_few_labels_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="two labels"):
        learn(POINTS[: len(labels)], np.array(labels, np.int64), classes=2)
