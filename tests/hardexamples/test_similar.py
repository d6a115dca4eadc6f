"""Images that look like others are found by their descriptors, near copies of each other once."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from config.refusals import Refused
from hardexamples.features import VERSION
from hardexamples.models import Features
from hardexamples.similar import similar

pytestmark = pytest.mark.django_db

WIDTH = 412


def name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def keep(vectors: dict[int, np.ndarray]) -> None:
    Features.objects.bulk_create(
        Features(sha256=name(number), extractor="hardmine", version=VERSION, vector=vector.astype("<f2").tobytes())
        for number, vector in vectors.items()
    )


def direction(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(WIDTH)


def among(numbers) -> object:
    return Features.objects.filter(sha256__in=[name(number) for number in numbers]).values_list("sha256", flat=True)


def test_the_nearest_come_first_without_what_was_asked_for_and_copies_once() -> None:
    axis, side = direction(0), direction(1)
    keep({0: axis, 1: axis + 0.3 * side, 2: axis + 0.9 * side, 3: axis + 0.301 * side, 4: side})
    found = similar(to=[name(0)], among=among(range(5)))
    assert [image.sha256 for image in found.images] in ([name(1), name(2), name(4)], [name(3), name(2), name(4)])
    assert [image.copies for image in found.images] == [1, 0, 0]
    assert found.compared == 5
    distances = [image.distance for image in found.images]
    assert distances == sorted(distances)
    assert len(similar(to=[name(0)], among=among(range(5)), most=1).images) == 1


def test_of_several_chosen_images_the_nearest_counts() -> None:
    keep({0: direction(0), 1: direction(1), 2: direction(0) + 0.5 * direction(2), 3: direction(3)})
    nearest = similar(to=[name(0), name(1)], among=among(range(4))).images[0]
    alone = similar(to=[name(0)], among=among(range(4))).images[0]
    assert nearest.sha256 == alone.sha256 == name(2)
    assert nearest.distance == pytest.approx(alone.distance, abs=1e-5)


def test_what_was_not_measured_or_otherwise_is_passed_over() -> None:
    keep({0: direction(0), 1: direction(1)})
    Features.objects.create(sha256=name(2), extractor="hardmine", version=VERSION, vector=b"\0\0")
    Features.objects.create(sha256=name(3), extractor="model:tensor", version=VERSION, vector=b"\0\0" * WIDTH)
    assert [image.sha256 for image in similar(to=[name(0)], among=among(range(4))).images] == [name(1)]
    for unknown in (name(3), name(9)):
        with pytest.raises(Refused, match="Nothing was measured"):
            similar(to=[unknown], among=among(range(4)))


def test_bad_wishes_are_refused() -> None:
    for to, most, code in (
        ([], 1, "nothing_selected"),
        ([name(each) for each in range(101)], 1, "too_many_selected"),
        ([name(0)], 0, "bad_value"),
        ([name(0)], 501, "bad_value"),
    ):
        with pytest.raises(Refused) as refusal:
            similar(to=to, among=among([0]), most=most)
        assert refusal.value.code == code


class TestAsBruteForce(TestCase):
    @given(some.integers(0, 2**32 - 1), some.integers(1, 40), some.integers(1, 12))
    def test_it_finds_what_comparing_all_finds(self, seed: int, count: int, most: int) -> None:
        table = np.random.default_rng(seed).standard_normal((count + 1, WIDTH)).astype("<f2")
        keep(dict(enumerate(table)))
        unit = table.astype(float) / np.linalg.norm(table.astype(float), axis=1, keepdims=True)
        distance = np.linalg.norm(unit[1:] - unit[0], axis=1)
        found = similar(to=[name(0)], among=among(range(count + 1)), most=most).images
        far = {name(number + 1): one for number, one in enumerate(distance)}
        assert len({image.sha256 for image in found}) == min(most, count)
        # what the store keeps in 16 bit may swap two that are as far to the third decimal
        np.testing.assert_allclose([far[image.sha256] for image in found], np.sort(distance)[:most], atol=2e-3)
        np.testing.assert_allclose([image.distance for image in found], np.sort(distance)[:most], atol=2e-3)
