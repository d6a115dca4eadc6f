"""The order that teaches most."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import normalize

from labeling.auto.ordering import FEW_PER_LABEL, FIRST_BLOCK, most_useful, typical


def blobs(*sizes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of so many kinds, and the kind of each."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes), 8)[kinds] + rng.normal(0, 0.02, (len(kinds), 8)), kinds


@given(st.integers(0, 60), st.integers(0, 9), st.integers(0, 100), st.booleans())
def test_every_image_has_its_place(count: int, least: int, seed: int, alike: bool) -> None:
    rng = np.random.default_rng(seed)
    points = np.ones((count, 4)) if alike else rng.normal(size=(count, 4))
    order = most_useful(points, rng.random(count), least_per_label=least, seed=seed)
    assert sorted(order) == list(range(count))


def test_every_kind_is_seen_early_while_labels_are_few() -> None:
    points, kinds = blobs(400, 30, 30)
    order = most_useful(points, np.zeros(len(points)), least_per_label=0)
    assert set(kinds[order[:FIRST_BLOCK]]) == {0, 1, 2}


@given(st.integers(0, 9), st.integers(0, 20))
def test_typical_ones_come_first_below_five_of_each_label_and_hard_ones_from_then_on(least: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, kinds = blobs(80, 60, 110, seed=seed)
    hardness = np.where(kinds == 2, 0.9, 0.1) + rng.uniform(0, 0.05, len(kinds))
    first = list(most_useful(points, hardness, least_per_label=least, seed=seed)[:FIRST_BLOCK])
    if least < FEW_PER_LABEL:
        assert first == list(typical(normalize(points), FIRST_BLOCK, seed=seed)), "whatever is hard"
        assert set(kinds[first]) == {0, 1, 2}
    else:
        assert set(kinds[first]) == {2}


def test_hard_ones_come_first_and_not_all_alike() -> None:
    points, kinds = blobs(200, 60, 60)
    hardness = np.where(kinds == 0, 0.1, 0.8)
    order = most_useful(points, hardness, least_per_label=9)
    first = kinds[order[:FIRST_BLOCK]]
    assert set(first) == {1, 2}
    hardest = np.argsort(-(hardness + (kinds == 1) * 0.1), kind="stable")[:FIRST_BLOCK]
    assert set(kinds[hardest]) == {1}, "the hardest alone would be of one kind"


def test_what_is_not_ranked_follows_by_hardness() -> None:
    points, _ = blobs(60, 60)
    hardness = np.random.default_rng(1).random(120)
    order = most_useful(points, hardness, least_per_label=9, most=30)
    assert (np.diff(hardness[order[30:]]) <= 0).all()


def test_typical_images_stand_for_the_largest_kind_first() -> None:
    points, kinds = blobs(100, 50, 20)
    assert list(kinds[typical(points, 3)]) == [0, 1, 2]
