"""What differs between two answers about one image."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.differences import Contents, of_boxes, of_hardness, of_labels
from batchservices.predictions import Detection

CAT = (0.0, 0.0, 100.0, 100.0)
DOG = (300.0, 300.0, 400.0, 400.0)


def said(*found: tuple[str, tuple[float, float, float, float]]) -> Detection:
    return Detection(tuple(label for label, _ in found), tuple(box for _, box in found), (0.9,) * len(found))


def test_another_label_is_a_change_with_both_names() -> None:
    assert of_labels("7", "1").labels == (("7", "1"),)
    assert of_labels("7", "7").kinds == frozenset()
    assert of_labels("", "7").kinds == {"changed_label"}


@pytest.mark.parametrize(
    ("shift", "kinds"), [(0, set()), (10, set()), (15, {"moved"}), (30, {"moved"}), (40, {"added", "removed"})]
)
def test_a_box_stays_moves_or_is_another_one(shift: float, kinds: set[str]) -> None:
    """100 pixels wide: shifted by s it overlaps by (100 - s) / (100 + s)."""
    after = said(("cat", (CAT[0] + shift, CAT[1], CAT[2] + shift, CAT[3])))
    assert of_boxes(said(("cat", CAT)), after).kinds == kinds


def test_boxes_are_added_removed_and_renamed_at_once() -> None:
    found = of_boxes(said(("cat", CAT), ("cat", DOG)), said(("dog", DOG), ("cat", (500.0, 0.0, 600.0, 50.0))))
    assert found.kinds == {"added", "removed", "changed_label"}
    assert found.labels == (("cat", "dog"),)


def test_nothing_found_against_something_found() -> None:
    assert of_boxes(said(), said(("cat", CAT))).kinds == {"added"}
    assert of_boxes(said(("cat", CAT)), said()).kinds == {"removed"}
    assert of_boxes(said(), said()).kinds == frozenset()


def test_hardness_is_compared_only_where_both_were_looked_at() -> None:
    assert of_hardness(False, True) == {"newly_hard"}
    assert of_hardness(True, False) == {"no_longer_hard"}
    assert of_hardness(True, True) == of_hardness(None, True) == of_hardness(False, None) == frozenset()


BOXES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50)),
    max_size=5,
).map(lambda found: said(*((label, (x, y, x + w, y + h)) for label, x, y, w, h in found)))


@given(BOXES, BOXES)
def test_what_is_added_one_way_is_removed_the_other(one: Detection, other: Detection) -> None:
    there, back = of_boxes(one, other).kinds, of_boxes(other, one).kinds
    assert ("added" in there, "removed" in there) == ("removed" in back, "added" in back)
    assert of_boxes(one, one).kinds == frozenset()


@given(st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(0, 40), max_size=30))
def test_inputs_are_found_by_their_bytes(there: list[int], wanted: list[int]) -> None:
    def names(numbers: list[int]) -> list[str]:
        return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]

    found = Contents(names(there), range(len(there))).find(names(wanted))
    expected = [there.index(number) if number in there else -1 for number in wanted]
    np.testing.assert_array_equal(found, expected)
