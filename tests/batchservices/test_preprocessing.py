"""An image comes to the model as its profile says."""

import numpy as np
import pytest

from batchservices.preprocessing import PADDING, preprocess
from batchservices.profile import Input


@pytest.mark.parametrize(
    ("layout", "color", "shape", "first"),
    [
        ("NCHW", "RGB", (1, 3, 2, 4), [10]),
        ("NHWC", "RGB", (1, 2, 4, 3), [10, 20, 30]),
        ("NHWC", "BGR", (1, 2, 4, 3), [30, 20, 10]),
        ("CHW", "RGB", (3, 2, 4), [10]),
        ("flat", "RGB", (1, 24), [10, 20, 30]),
        ("flat", "GRAY", (1, 8), [18]),
    ],
)
def test_pixels_are_laid_out_as_the_profile_says(layout: str, color: str, shape: tuple, first: list) -> None:
    rgb = np.full((2, 4, 3), (10, 20, 30), np.uint8)
    tensor = preprocess(rgb, Input("image", 4, 2, layout=layout, color=color))
    assert tensor.dtype == np.float32
    assert tensor.shape == shape
    assert tensor.reshape(-1)[: len(first)].tolist() == first


def test_mean_and_scale_belong_to_their_channel_and_bytes_stay_bytes() -> None:
    rgb = np.full((2, 2, 3), (10, 20, 30), np.uint8)
    tensor = preprocess(rgb, Input("image", 2, 2, mean=(10.0, 10.0, 10.0), scale=(1.0, 0.5, 0.1)))
    assert np.allclose(tensor[0, :, 0, 0], [0, 5, 2])
    assert preprocess(rgb, Input("image", 2, 2, dtype="uint8")).dtype == np.uint8


def test_a_letterboxed_image_keeps_its_shape_beside_gray() -> None:
    rgb = np.zeros((20, 40, 3), np.uint8)
    tensor = preprocess(rgb, Input("image", 8, 8, layout="NHWC", resize="letterbox"))
    assert (tensor[0, :4] == 0).all()
    assert (tensor[0, 4:] == PADDING).all()


def test_an_odd_row_of_padding_goes_below_as_ultralytics_has_it() -> None:
    asked = Input("image", 8, 8, resize="letterbox_centered")
    pixels = preprocess(np.zeros((5, 8, 3), np.uint8), asked)[0, 0]
    assert (pixels[:, 0] == PADDING).tolist() == [True] + [False] * 5 + [True] * 2
