"""A batch is checked once, when it is made."""

import numpy as np
import pytest

from hardexamples.rules import Batch
from hardexamples.rules.contract import given
from tests.hardexamples.arrays import classified, detected, reference


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "segmentation"}, "task"),
        ({"probabilities": np.zeros((39, 3))}, "probabilities has shape"),
        ({"probabilities": np.zeros((40, 2))}, "2 classes"),
        ({"probabilities": np.full((40, 3), np.inf)}, "outside"),
        ({"probabilities": np.full((40, 3), -0.1)}, "outside"),
        ({"probabilities": [[np.nan, 0, 0]] * 40}, "NaN in part"),
        ({"descriptor": np.full((40, 2), np.inf)}, "infinite"),
        ({"sizes": np.ones((40, 3))}, "sizes"),
        ({"boxes": [np.zeros((0, 4))] * 40}, "object_detection"),
        ({"box_labels": [[]] * 40}, "without boxes"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        classified(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boxes": []}, "boxes of 0 images"),
        ({"box_labels": [[9]] * 40}, "another number"),
        ({"boxes": [[[0, 0, 1, np.nan]]], "box_labels": [[0]], "box_confidences": [[1]]}, "not finite"),
        ({"boxes": [[[0, 0, 1, 1]]], "box_labels": [[0]], "box_confidences": [[1.5]]}, "outside"),
        ({"boxes": [[[0, 0, 1, 1]]], "box_labels": [[3]], "box_confidences": [[1]]}, "one of the classes"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(changes: dict, words: str) -> None:
    n = len(changes["boxes"]) if len(changes.get("boxes", [])) == 1 else 40
    with pytest.raises(ValueError, match=words):
        detected(n, **changes)


def test_labels_of_a_reference_name_classes() -> None:
    with pytest.raises(ValueError, match="label"):
        reference(2, labels=[0, 3])
    with pytest.raises(ValueError, match="labels has shape"):
        reference(2, labels=[0])


def test_predicted_is_missing_where_nothing_was_said() -> None:
    batch = classified(3, probabilities=[[0.2, 0.7, 0.1], [0, 0, 0], [np.nan] * 3])
    assert batch.predicted.tolist() == [1, -1, -1]


def test_take_keeps_everything_together() -> None:
    batch = detected()
    part = batch.take([7, 3])
    assert part.names == (batch.names[7], batch.names[3])
    assert part.class_names == batch.class_names
    np.testing.assert_array_equal(given(part.boxes)[0], given(batch.boxes)[7])
    np.testing.assert_array_equal(part.statistics, given(batch.statistics)[[7, 3]])
    assert given(reference().take([5]).labels).tolist() == [2]
    assert len(Batch((), "object_detection", ()).take([])) == 0
