"""What a person changed is told apart by label and box."""

import pytest

from datasets.comparison import compare, overlap
from datasets.intake import Claim
from datasets.models import Annotation, Label


def annotation(label: str, box=None) -> Annotation:
    corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box or (None,) * 4, strict=True))
    return Annotation(label=Label(name=label), **corners)


BOX = (10.0, 10.0, 50.0, 50.0)
NEAR = (12.0, 10.0, 52.0, 50.0)
FAR = (100.0, 100.0, 150.0, 150.0)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ([("cat", None)], [("cat", None)], "unchanged"),
        ([("cat", None)], [("dog", None)], "label_changed"),
        ([], [("dog", None)], "added"),
        ([("cat", None), ("dog", None)], [("dog", None)], "removed"),
        ([("cat", BOX)], [("cat", (10.004, 10, 50, 50))], "unchanged"),
        ([("cat", BOX)], [("cat", NEAR)], "box_moved"),
        ([("cat", BOX)], [("dog", BOX)], "label_changed"),
        ([("cat", BOX)], [("cat", BOX), ("cat", FAR)], "added"),
        ([("cat", BOX), ("cat", FAR)], [("cat", NEAR)], "removed"),
        ([("cat", BOX), ("dog", FAR)], [("cat", NEAR), ("cat", FAR)], "label_changed"),
        ([("cat", BOX)], [("cat", FAR)], "added"),
    ],
)
def test_the_gravest_change_is_the_outcome(before, after, outcome: str) -> None:
    claims = [Claim(label, box=box) for label, box in after]
    assert compare([annotation(*one) for one in before], claims).outcome == outcome


def test_each_box_is_matched_once_with_the_best_overlap() -> None:
    first, second = annotation("cat", BOX), annotation("cat", NEAR)
    moved = Claim("cat", box=(13.0, 10.0, 53.0, 50.0))
    comparison = compare([first, second], [moved])
    assert comparison.changed == [(second, moved)]
    assert comparison.removed == [first]


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap(BOX, FAR) == 0
    assert overlap(BOX, None) == 0
