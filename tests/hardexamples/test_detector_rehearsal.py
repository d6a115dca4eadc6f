"""A detector that knows its labeled images by heart is rehearsed with faults that it did not make."""

from dataclasses import replace

import numpy as np
import pytest

from hardexamples.detector_rehearsal import rehearse_detector
from hardexamples.rules import Batch, Reference, rules
from hardexamples.scoring import Filter, FilterSettings

COUNT = 80
FOUND = {name: kind() for name, kind in rules().items()}


def by_heart(count: int = COUNT, *, boxes_each: int = 4, empty: int = 0) -> Reference:
    """Labeled images with a detector that finds exactly what is labeled, and nothing in the last `empty`."""
    rng = np.random.default_rng(1)
    corners = [rng.uniform(0, 200, (0 if place >= count - empty else boxes_each, 2)) for place in range(count)]
    boxes = tuple(np.hstack([each, each + 30]).astype(np.float32) for each in corners)
    common = {
        "names": tuple(map(str, range(count))),
        "task": "object_detection",
        "class_names": ("thing",),
        "sizes": np.full((count, 2), 256),
        "boxes": boxes,
        "box_statistics": tuple(np.full((len(each), 2), 0.5, np.float32) for each in boxes),
    }
    sure = tuple(rng.uniform(0.5, 1, len(each)) for each in boxes)
    return Reference(**common, answers=Batch(**common, box_confidences=sure), descriptor=rng.normal(size=(count, 6)))


def test_as_many_answers_are_wrong_as_errors_about_one_box_in_eight_make() -> None:
    scores, wrong = rehearse_detector(FOUND, by_heart(), random_state=0)
    assert wrong.mean() == pytest.approx(1 - 0.88**4, abs=0.02)
    doubted = scores["low_confidence"]
    assert doubted[wrong].mean() > doubted[~wrong].mean()


def test_the_filter_is_fitted_instead_of_taking_fixed_weights() -> None:
    reference = by_heart()
    fusion = Filter(FilterSettings()).fit(reference).fusion_
    assert fusion.intercept is not None
    assert fusion.errors >= 10


def test_the_answers_themselves_are_left_as_they_are() -> None:
    reference = by_heart()
    before = reference.content()
    rehearse_detector(FOUND, reference, random_state=0)
    assert reference.content() == before


def test_a_detector_that_errs_often_enough_gets_no_fault() -> None:
    reference = by_heart()
    answers = reference.answers
    missed = tuple(boxes[: 3 + (place % 4 == 0)] for place, boxes in enumerate(answers.boxes))
    sure = tuple(each[: len(boxes)] for each, boxes in zip(answers.box_confidences, missed, strict=True))
    names = tuple(each[: len(boxes)] for each, boxes in zip(answers.box_labels, missed, strict=True))
    answers = replace(answers, boxes=missed, box_confidences=sure, box_labels=names, box_statistics=None)
    _, wrong = rehearse_detector(FOUND, replace(reference, answers=answers), random_state=0)
    assert wrong.tolist() == [place % 4 != 0 for place in range(COUNT)]


def test_images_without_a_found_box_are_left_out_where_enough_others_remain() -> None:
    assert len(rehearse_detector(FOUND, by_heart(empty=20), random_state=0)[1]) == COUNT - 20
    few = by_heart(30, empty=15)
    assert len(rehearse_detector(FOUND, few, random_state=0)[1]) == 30


def test_too_few_images_or_no_answers_are_no_rehearsal() -> None:
    assert rehearse_detector(FOUND, by_heart(9), random_state=0) is None
    assert rehearse_detector(FOUND, replace(by_heart(), answers=None), random_state=0) is None


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_same_again(seed: int) -> None:
    one, two = (rehearse_detector(FOUND, by_heart(), random_state=seed) for _ in range(2))
    assert one[1].tolist() == two[1].tolist()
