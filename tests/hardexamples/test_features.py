"""Statistics mean what they say; the descriptor is near for near images and far for others."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardexamples.features import STATISTICS, box_statistics, descriptor, statistics


def plain(red: int, green: int, blue: int, height: int = 40, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), (red, green, blue), np.uint8)


def scene(seed: int = 0, height: int = 120, width: int = 160) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(60, 120, 3), np.uint8)
    for _ in range(6):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.rectangle(image, (x, y), (x + 40, y + 25), color, -1)
    return image


def named(image: np.ndarray, size: tuple[int, int] | None = None) -> dict[str, float]:
    height, width = image.shape[:2]
    return dict(zip(STATISTICS, statistics(image, size=size or (width, height)).tolist(), strict=True))


def test_numbers_of_a_plain_image_are_known() -> None:
    white, red = named(plain(255, 255, 255)), named(plain(255, 0, 0))
    assert white["resolution"] == 2400
    assert white["aspect_ratio"] == pytest.approx(40 / 60)
    assert (white["brightness"], white["saturation"], white["colorfulness"]) == (1, 0, 0)
    assert (white["clarity"], white["entropy"]) == (0, 0)
    assert (red["brightness"], red["saturation"]) == (1, 1)
    assert red["colorfulness"] == pytest.approx(0.3 * np.hypot(255, 127.5), rel=1e-4)


def test_two_gray_levels_in_equal_parts_are_one_bit() -> None:
    image = plain(0, 0, 0)
    image[:20] = 200
    assert named(image)["entropy"] == pytest.approx(1.0)


def test_size_is_that_of_the_original_not_of_the_reduced_decode() -> None:
    assert named(plain(1, 2, 3), size=(1920, 1080))["resolution"] == 1920 * 1080


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda image: image // 3, "brightness"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 3), "clarity"),
        (lambda image: np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2), "saturation"),
        (lambda image: np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2), "colorfulness"),
    ],
    ids=["darkened", "blurred", "desaturated", "grayed"],
)
def test_a_spoiled_image_has_less(change, name: str) -> None:
    for seed in range(5):
        image = scene(seed)
        assert named(change(image))[name] < 0.5 * named(image)[name]


def test_a_decode_at_half_the_size_gives_nearly_the_same_numbers() -> None:
    image = scene(0, 1200, 1600)
    half = cv2.resize(image, (800, 600), interpolation=cv2.INTER_AREA)
    whole, reduced = named(image), named(half, size=(1600, 1200))
    for name in ("brightness", "saturation", "colorfulness", "clarity"):
        assert reduced[name] == pytest.approx(whole[name], rel=0.1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_every_image_has_finite_numbers(height: int, width: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    numbers, what = statistics(rgb, size=(width, height)), descriptor(rgb)
    assert numbers.dtype == what.dtype == np.float32
    assert numbers.shape == (len(STATISTICS),)
    assert what.shape == (412,)
    assert np.isfinite(numbers).all()
    assert np.linalg.norm(what) == pytest.approx(1, abs=1e-4)


def test_descriptor_of_a_black_image_is_finite() -> None:
    assert np.isfinite(descriptor(plain(0, 0, 0))).all()


def test_descriptor_is_nearer_to_a_changed_copy_than_to_another_scene() -> None:
    for seed in range(8):
        image, other = scene(seed), scene(seed + 100)
        brighter = cv2.convertScaleAbs(image, alpha=1.1, beta=5)
        smaller = cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA)
        foreign = np.linalg.norm(descriptor(image) - descriptor(other))
        assert np.linalg.norm(descriptor(image) - descriptor(brighter)) < 0.5 * foreign
        assert np.linalg.norm(descriptor(image) - descriptor(smaller)) < 0.5 * foreign


def test_boxes_are_measured_in_their_own_crop_at_any_decode() -> None:
    image = plain(0, 0, 0, 120, 160)
    image[20:60, 40:80] = scene(3)[20:60, 40:80]
    boxes = np.array([[40, 20, 80, 60], [100, 80, 140, 110]])
    inside, outside = box_statistics(image, boxes, size=(160, 120))
    assert inside[0] > 0.1
    assert inside[1] > 0
    assert outside.tolist() == [0, 0]
    doubled = box_statistics(image, boxes * 2, size=(320, 240))
    np.testing.assert_array_equal(doubled, [inside, outside])


def test_a_box_without_a_pixel_has_no_numbers() -> None:
    outside = np.array([[200, 10, 220, 30], [-30, 0, -10, 20], [50, 50, 20, 20]])
    assert np.isnan(box_statistics(plain(9, 9, 9, 100, 100), outside, size=(100, 100))).all()
    assert box_statistics(plain(9, 9, 9), np.zeros((0, 4)), size=(60, 40)).shape == (0, 2)
