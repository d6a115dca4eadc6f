"""The drawing of a number against its normal range."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.evidence import drawing

numbers = st.floats(-1e6, 1e6)


@given(numbers, numbers, numbers)
def test_dot_and_band_stay_on_the_line_and_in_order(measured, one, other):
    low, high = sorted((one, other))
    drawn = drawing(measured, low, high)
    assert 0 <= drawn.band_start <= 100
    assert 0 <= drawn.dot <= 100
    assert all(math.isfinite(value) for value in (drawn.band_start, drawn.band_length, drawn.dot))
    assert drawn.outside == (measured < low or measured > high)


def test_an_open_end_of_the_range_reaches_the_end_of_the_line():
    drawn = drawing(0.1, 0.4, None)
    assert drawn.band_start + drawn.band_length == pytest.approx(100)
    assert drawn.dot < drawn.band_start
    assert drawn.outside


@pytest.mark.parametrize("known", [(None, 0.1, 0.2), (0.3, None, None)])
def test_nothing_is_drawn_where_there_is_nothing_to_compare(known):
    assert drawing(*known) is None
