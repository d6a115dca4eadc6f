"""Each operation changes the image, keeps its size, and knows the way back for boxes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardexamples.augmentations import AUGMENTATIONS, augment

MOVING = ("fliplr", "flipud", "crop", "scale", "translate", "shear")


def scene() -> np.ndarray:
    image = np.random.default_rng(0).integers(60, 120, (60, 90, 3), dtype=np.uint8)
    cv2.rectangle(image, (36, 24), (55, 35), (255, 0, 0), -1)
    return image


BOX = np.array([[36, 24, 56, 36]], float)


def red(image: np.ndarray) -> np.ndarray:
    """(1, 4) the box around what is red."""
    rows, columns = np.nonzero((image[..., 0] > 180) & (image[..., 1] < 60))
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)


def said(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return boxes, np.zeros(len(boxes), int), np.ones(len(boxes))


def test_an_unknown_operation_is_an_error() -> None:
    with pytest.raises(KeyError):
        augment(scene(), "melt", seed=0)


@pytest.mark.parametrize("operation", AUGMENTATIONS)
def test_an_operation_changes_the_image_and_the_same_seed_does_the_same(operation: str) -> None:
    before = scene()
    once, again = (augment(before, operation, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.rgb, again.rgb)
    assert once.rgb.shape == before.shape
    assert once.rgb.dtype == np.uint8
    assert (once.rgb != before).any()
    np.testing.assert_array_equal(before, scene())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(AUGMENTATIONS), st.integers(0, 99))
def test_images_of_any_size_can_be_changed(height: int, width: int, operation: str, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    changed = augment(rgb, operation, seed=seed)
    assert changed.rgb.shape == rgb.shape
    assert np.isfinite(changed.back).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("operation", MOVING)
def test_a_box_finds_its_way_back(operation: str, seed: int) -> None:
    changed = augment(scene(), operation, seed=seed)
    retake = changed.retake(*said(red(changed.rgb)), originals=BOX)
    np.testing.assert_allclose(retake.boxes, BOX, atol=5 if operation == "shear" else 1.6)
    assert retake.in_view.all()


def test_a_reduced_decode_maps_boxes_of_the_full_size() -> None:
    changed = augment(scene(), "fliplr", seed=0)
    retake = changed.retake(*said(red(changed.rgb) * 4), originals=BOX * 4, scale=0.25)
    np.testing.assert_allclose(retake.boxes, BOX * 4, atol=4)


def test_what_was_cut_off_is_not_looked_for() -> None:
    corners = np.array([[0, 0, 3, 3], [40, 20, 60, 40]], float)
    retake = augment(scene(), "crop", seed=1).retake(*said(np.zeros((0, 4))), originals=corners)
    assert retake.in_view.tolist() == [False, True]


def test_superpixels_are_few_colors() -> None:
    changed = augment(scene(), "superpixels", seed=0).rgb
    assert len(np.unique(changed.reshape(-1, 3), axis=0)) <= 130
    assert abs(float(changed.mean()) - float(scene().mean())) < 5
