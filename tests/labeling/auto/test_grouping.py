"""Groups are of images that belong together."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from labeling.auto.grouping import group, propose_count, space, typical


def kinds(sizes: list[int], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes), 12)[truth] + np.random.default_rng(seed).normal(0, 0.05, (len(truth), 12)), truth


def test_images_of_a_kind_are_in_one_group_and_the_largest_is_the_first() -> None:
    points, truth = kinds([20, 80, 40])
    found = group(space(points), count=3)
    assert adjusted_rand_score(truth, found) == 1
    assert list(np.bincount(found)) == [80, 40, 20]


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_number_of_groups_is_found(count: int) -> None:
    points, _ = kinds([30] * count)
    assert propose_count(space(points)) == count


def test_a_measure_weighs_as_much_as_all_features() -> None:
    points, _ = kinds([100])
    bright = np.repeat([0.2, 0.8], 50)
    found = group(space(points, bright[:, None]), count=2)
    assert adjusted_rand_score(bright > 0.5, found) == 1
    alone = group(space(np.empty((100, 0)), bright[:, None]), count=2)
    assert adjusted_rand_score(bright > 0.5, alone) == 1


@pytest.mark.parametrize("count", [0, 1, 201, 31])
def test_a_number_that_cannot_be_is_refused(count: int) -> None:
    points, _ = kinds([30])
    with pytest.raises(ValueError, match="no more than there are images"):
        group(space(points), count=count)


def test_images_that_are_all_alike_are_grouped_all_the_same() -> None:
    same = np.ones((40, 5))
    assert propose_count(space(same)) == 2
    assert len(group(space(same), count=3)) == 40


def test_a_measure_that_says_nothing_does_not_hide_what_images_look_like() -> None:
    points, truth = kinds([40] * 4)
    clarity = np.random.default_rng(0).random((len(points), 1))
    assert adjusted_rand_score(truth, group(space(points, clarity), count=4)) > 0.9


def test_typical_images_are_those_in_the_middle_of_their_group() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]])
    groups = np.array([0, 0, 0, 1, 1, 0])
    found = typical(points, groups, most=2)
    assert [list(places) for places in found] == [[2, 1], [3, 4]]
