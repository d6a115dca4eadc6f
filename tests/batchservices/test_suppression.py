"""Of overlapping boxes the surest stays, exactly as the definition says, in time and memory whatever comes."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.suppression import suppress

whole = st.integers(0, 12)
boxes_and_groups = st.lists(st.tuples(whole, whole, whole, whole, st.integers(0, 2)), max_size=25)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union by the book, of boxes with whole sides."""
    cells = [
        {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))}
        for box in (one, other)
    ]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1]) if cells[0] | cells[1] else 0.0


@given(boxes_and_groups, st.sampled_from([0.0, 0.3, 0.45, 0.5, 1.0]), st.integers(1, 30))
def test_a_box_stays_unless_it_overlaps_a_surer_one_of_its_group(rows: list, threshold: float, most: int) -> None:
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in rows], float).reshape(-1, 4)
    groups = np.array([group for *_, group in rows], int)
    expected: list[int] = []
    for index in range(len(rows)):
        rivals = [kept for kept in expected if groups[kept] == groups[index]]
        if all(overlap(corners[index], corners[kept]) <= threshold for kept in rivals):
            expected.append(index)
    assert suppress(corners, groups, iou_threshold=threshold, most=most).tolist() == expected[:most]


HOSTILE = {
    "all the same": lambda random, n: np.tile([[0.0, 0.0, 9.0, 9.0]], (n, 1)),
    "none overlaps": lambda random, n: np.arange(n)[:, None] * 10.0 + [0, 0, 5, 5],
    "huge": lambda random, n: np.tile([[-1e300, -1e300, 1e300, 1e300]], (n, 1)),
    "no area": lambda random, n: np.tile(random.uniform(0, 9, (n, 1)), (1, 4)),
    "random": lambda random, n: np.sort(random.uniform(0, 640, (n, 2, 2)), axis=1).reshape(n, 4),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hundred_thousand_candidates_end_in_time_and_little_memory(make) -> None:
    corners = make(np.random.default_rng(0), 100_000)
    groups = np.zeros(100_000, int)
    tracemalloc.start()
    started = time.monotonic()
    kept = suppress(corners, groups, iou_threshold=0.5, most=300)
    seconds, (_, peak) = time.monotonic() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= len(kept) <= 300
    assert seconds < 5
    assert peak < 64 * 2**20
