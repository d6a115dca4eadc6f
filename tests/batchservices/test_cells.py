"""Boxes in cells become boxes in pixels, wherever in the grids they are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices import answers
from batchservices.answers import Seen
from batchservices.cells import STRIDES, cells_of, from_cells
from batchservices.profile import Profile
from config.refusals import Refused
from tests.batchservices.refusals import assert_refusal

PROFILE = Profile.from_dict(
    {
        "task": "object_detection",
        "class_names": ["cat"],
        "input": {"name": "images", "width": 64, "height": 32},
        "output": {"kind": "grid", "boxes": "output", "box_format": "cells"},
    }
)


@given(st.sampled_from(STRIDES), st.integers(1, 6), st.integers(1, 6), st.data())
def test_every_cell_of_every_grid_is_found(strides: tuple, wide: int, high: int, data: st.DataObject) -> None:
    width, height = 64 * wide, 64 * high
    cells = [
        (row, column, stride)
        for stride in strides
        for row in range(height // stride)
        for column in range(width // stride)
    ]
    assert cells_of(len(cells), width=width, height=height) == strides
    place = data.draw(st.integers(0, len(cells) - 1))
    row, column, stride = cells[place]
    said = np.array([[0.25, -0.5, 0.0, math.log(3)]])
    found = from_cells(said, np.array([place]), strides, width=width, height=height)
    assert np.allclose(found, [[(column + 0.25) * stride, (row - 0.5) * stride, stride, 3 * stride]])


def read(table: np.ndarray) -> dict:
    return answers.read_boxes({"output": table[None]}, PROFILE, Seen(64, 32))


def test_another_number_of_candidates_than_cells_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        read(np.ones((43, 5), np.float32))
    assert_refusal(caught.value, "length_mismatch", field=True)


def test_a_box_without_end_is_refused_in_words() -> None:
    table = np.zeros((42, 5), np.float32)
    table[7] = [0, 0, 1000, 1000, 0.9]
    with pytest.raises(Refused) as caught:
        read(table)
    assert_refusal(caught.value, "bad_box", field=False)
