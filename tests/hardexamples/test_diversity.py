"""Copies are one example; a capped choice is hard and varied."""

import cv2
import numpy as np
import pytest

from hardexamples.diversity import NEAR, stacks, varied
from hardexamples.features import descriptor, perceptual_hash
from tests.hardexamples.test_features import scene


def spread(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def test_images_that_differ_make_no_stack() -> None:
    assert stacks(spread(50), np.arange(50)).tolist() == list(range(50))
    scenes = np.stack([descriptor(scene(seed)) for seed in range(20)])
    assert stacks(scenes, np.arange(20)).tolist() == list(range(20))


@pytest.mark.parametrize("points", [np.zeros((0, 4)), np.zeros((1, 4)), np.zeros((3, 0)), np.full((3, 4), np.nan)])
def test_nothing_to_compare_makes_no_stack(points: np.ndarray) -> None:
    assert stacks(points, np.arange(len(points))).tolist() == list(range(len(points)))


def test_copies_follow_the_first_in_order() -> None:
    points = np.vstack([spread(3), spread(3)])
    assert stacks(points, np.array([3, 1, 2, 0, 4, 5])).tolist() == [3, 1, 2, 3, 1, 2]


def test_a_chain_of_small_steps_is_not_one_stack() -> None:
    angles = np.linspace(0, np.pi / 2, 40)
    leader = stacks(np.column_stack([np.cos(angles), np.sin(angles)]), np.arange(40))
    assert 3 < len(np.unique(leader)) < 30


def test_among_many_each_joins_the_first_leader_that_it_nearly_equals() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4000, 4)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    order = rng.permutation(len(points))
    expected, leads = np.arange(len(points)), np.zeros(0, np.int64)
    for each in order:
        near = leads[np.linalg.norm(points[leads] - points[each], axis=1) < NEAR]
        if len(near):
            expected[each] = near[0]
        else:
            leads = np.append(leads, each)
    assert 1000 < len(leads) < 3000
    assert stacks(points, order).tolist() == expected.tolist()


def test_a_resized_and_brightened_copy_of_an_image_joins_its_stack() -> None:
    for seed in range(10):
        image = scene(seed)
        smaller = cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA)
        brighter = cv2.convertScaleAbs(image, alpha=1.03, beta=2)
        points = np.stack([descriptor(each) for each in (image, smaller, brighter, scene(seed + 50))])
        assert stacks(points, np.arange(4)).tolist() == [0, 0, 0, 3]


def test_the_hash_knows_only_its_own_descriptor() -> None:
    assert perceptual_hash(spread(3)) is None
    found = perceptual_hash(np.stack([descriptor(scene(0))]))
    assert found is not None
    assert found.shape == (1, 90)
    nothing = perceptual_hash(np.zeros((0, len(descriptor(scene(0)))), np.float32))
    assert nothing is not None
    assert nothing.shape == (0, 90)


def test_a_choice_prefers_variety_among_the_equally_hard() -> None:
    points = np.vstack([np.tile(spread(1), (10, 1)) + 0.05 * spread(10, 1), spread(3, 2)])
    coefficient = np.array([0.9] * 10 + [0.8] * 3)
    chosen = varied(points, coefficient, np.arange(13), cap=4)
    assert len(set(chosen) & {10, 11, 12}) == 3
    assert chosen[0] == 0


def test_a_choice_is_as_large_as_the_cap_allows_and_leaders_come_first() -> None:
    points, coefficient = spread(6), np.array([0.5, 0.9, 0.8, 0.7, 0.6, 0.4])
    leader = np.array([0, 1, 1, 3, 3, 5])
    assert varied(points, coefficient, leader, cap=0).tolist() == []
    assert sorted(varied(points, coefficient, leader, cap=4).tolist()) == [0, 1, 3, 5][:4]
    assert varied(points, coefficient, leader, cap=5).tolist() == [1, 3, 0, 5, 2]
    assert len(varied(points, coefficient, leader, cap=99)) == 6
    assert varied(np.zeros((6, 0)), coefficient, leader, cap=2).tolist() == [1, 3]
    assert len(varied(np.full((6, 4), np.nan), coefficient, leader, cap=2)) == 2
