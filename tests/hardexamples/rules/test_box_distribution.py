import numpy as np
import pytest

from hardexamples.rules import Batch, Reference
from hardexamples.rules.box_distribution import BoxDistribution, measure
from tests.hardexamples.arrays import detected, reference

SIZE = (200, 100)


def scene(rng: np.random.Generator) -> np.ndarray:
    """2 to 5 boxes side by side, about 20 by 20 in the middle of an image of 200 x 100."""
    lefts = 30 + 30 * np.arange(rng.integers(2, 6))
    sides = rng.uniform(18, 24, (len(lefts), 2))
    corners = np.column_stack([lefts, rng.uniform(30, 45, len(lefts))])
    return np.hstack([corners, corners + sides])


def arrays(boxes: list, numbers=(0.5, 200.0)) -> dict:
    noise = np.random.default_rng(len(boxes))
    measured = [np.array(numbers) * np.exp(0.1 * noise.normal(size=(len(b), 2))) for b in boxes]
    return {
        "boxes": boxes,
        "box_labels": None,
        "box_statistics": measured,
        "sizes": np.tile(SIZE, (len(boxes), 1)),
    }


def labeled(n: int = 300, **changes) -> Reference:
    rng = np.random.default_rng(0)
    boxes = [scene(rng) for _ in range(n)]
    return reference(n, task="object_detection", **arrays(boxes) | changes)


def inputs(*boxes: np.ndarray, **changes) -> Batch:
    return detected(len(boxes), box_confidences=None, **arrays(list(boxes)) | changes)


RULE = BoxDistribution().fit(labeled())
USUAL = scene(np.random.default_rng(7))
NOTHING = np.zeros((0, 4))


def codes(batch: Batch) -> set[int]:
    return {each.code for each in RULE.explain(batch, 0)}


def test_boxes_like_those_of_training_are_not_strange() -> None:
    rng = np.random.default_rng(9)
    scores = RULE.score(inputs(*(scene(rng) for _ in range(500))))
    assert (scores > 0).mean() < 0.06


@pytest.mark.parametrize("training", [None, labeled(0), labeled(1), labeled(19), reference(50)])
def test_without_labeled_boxes_there_is_no_opinion(training) -> None:
    assert np.isnan(BoxDistribution().fit(training).score(inputs(USUAL))).all()


def test_what_was_not_measured_is_not_compared() -> None:
    dark = inputs(USUAL, box_statistics=[np.full((len(USUAL), 2), [0.05, 1.0])])
    assert codes(dark) == {16, 17}
    unmeasured = inputs(USUAL, box_statistics=None, sizes=None, statistics=None)
    assert RULE.score(unmeasured).tolist() == [0]
    holes = inputs(USUAL, box_statistics=[np.full((len(USUAL), 2), np.nan)])
    assert RULE.score(holes).tolist() == [0]


def test_sizes_may_come_from_the_statistics() -> None:
    batch = inputs(USUAL, sizes=None, statistics=np.array([[20_000, 0.5, 0, 0, 0, 0, 0]]))
    np.testing.assert_allclose(batch.frames, [SIZE])


def test_boxes_without_area_or_outside_the_image_are_numbers_too() -> None:
    degenerate = np.array([[5, 5, 5, 5], [-400, 5, -300, 9], [9, 9, 3, 3.0]])
    assert np.isfinite(RULE.score(inputs(degenerate))).all()


FAULTS = {
    11: np.vstack([USUAL] + [np.add(USUAL, [0, 40, 0, 40])] * 4),
    12: np.vstack([USUAL, [[0, 0, 190, 95]]]),
    13: np.array([[40, 40, 100, 45.0], [60, 60, 80, 80]]),
    14: np.array([[40, 30, 43, 33.0], [60, 40, 80, 60]]),
    15: np.add(USUAL, [0, 45, 0, 45]),
    18: np.vstack([USUAL[:2], USUAL[:2]]),
}


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_has_its_own_reason(code: int) -> None:
    assert code not in codes(inputs(USUAL))
    assert code in codes(inputs(FAULTS[code]))


def test_no_box_at_all_is_an_unusual_number_where_training_always_has_some() -> None:
    assert codes(inputs(NOTHING)) == {11}


def test_one_strange_box_among_many_is_named() -> None:
    boxes = np.vstack([USUAL, [[100, 30, 103, 33]]])
    evidence = next(each for each in RULE.explain(inputs(boxes), 0) if each.code == 14)
    assert evidence.box == len(USUAL)
    assert f"box {len(boxes)}, a: area" in evidence.sentence
    assert "in the training set 0.0" in evidence.sentence


def test_the_border_is_1_and_the_center_0() -> None:
    boxes = np.array([[95, 45, 105, 55], [190, 45, 210, 55]])
    assert measure(inputs(boxes), 0)["marginality"] == pytest.approx([0, 1])
