"""Whatever form a model's answer has, the same boxes come back in pixels of the upright image."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.answers import Seen, read_boxes, read_probabilities
from batchservices.preprocessing import letterbox_corner, letterbox_size, preprocess
from config.refusals import Refused
from tests.batchservices.profiles import CLASSES, classifier, detector
from tests.batchservices.refusals import assert_refusal

NAN, INF = float("nan"), float("inf")
# ---- where the image lay in the input ----

sides = st.integers(1, 3000)


@given(sides, sides, st.sampled_from(["stretch", "letterbox", "letterbox_centered"]), st.sampled_from([64, 416, 640]),
       st.tuples(*[st.floats(0, 1)] * 4), st.sampled_from(["pixel", "normalized"]))  # fmt: skip
def test_a_box_comes_back_to_where_it_lies_in_the_upright_image(width, height, resize, side, parts, unit) -> None:
    """The way there is written anew here: scaled by what the image fills, moved by what lies before it."""
    xmin, xmax = sorted(parts[:2])
    ymin, ymax = sorted(parts[2:])
    box = np.array([xmin * width, ymin * height, xmax * width, ymax * height])
    asked = detector(side, resize=resize, kind="rows", boxes="out", box_unit=unit)
    scale = min(side / width, side / height)
    inner = (side, side) if resize == "stretch" else (max(1, round(width * scale)), max(1, round(height * scale)))
    corner = [(side - inner[0]) // 2, (side - inner[1]) // 2] if resize == "letterbox_centered" else [0, 0]
    there = box * np.tile(np.array(inner) / [width, height], 2) + np.tile(corner, 2)
    there = there / side if unit == "normalized" else there
    size = inner if resize != "stretch" else (None, None)
    seen = Seen(width, height, *size, *corner)
    found = read_boxes({"out": np.array([[*there, 0.9, 0]])}, asked, seen)
    if found["dropped"]:
        assert min(box[2] - box[0], box[3] - box[1]) < 1e-3 * max(width, height)
    else:
        assert np.allclose(found["boxes"], box, atol=1e-3 * max(width, height) / 100 + 1e-3)


@given(st.integers(8, 200), st.integers(8, 200), st.sampled_from(["stretch", "letterbox", "letterbox_centered"]))
def test_what_the_model_sees_lies_where_its_boxes_are_taken_from(width: int, height: int, resize: str) -> None:
    """A black image before the gray padding: what is black is the whole of the image."""
    asked = detector(64, resize=resize, kind="rows", boxes="out")
    pixels = preprocess(np.zeros((height, width, 3), np.uint8), asked.input)[0, 0]
    rows, columns = np.flatnonzero((pixels == 0).any(axis=1)), np.flatnonzero((pixels == 0).any(axis=0))
    size = letterbox_size(width, height, asked.input) if resize != "stretch" else (64, 64)
    corner = letterbox_corner(*size, asked.input) if resize != "stretch" else (0, 0)
    seen = Seen(width, height, *size, *corner)
    black = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, 0.9, 0]
    found = read_boxes({"out": np.array([[black]], np.float32)}, asked, seen)
    assert np.allclose(found["boxes"], [[0, 0, width, height]], atol=1e-3)
    assert found["clipped"] == 0


# ---- suppression ----


def ssd(boxes: list, scores: list, **output: object) -> dict[str, Any]:
    asked = detector(kind="boxes_scores", boxes="boxes", scores="scores", **output)
    outputs = {"boxes": np.array([boxes], np.float32), "scores": np.array([scores], np.float32)}
    return read_boxes(outputs, asked, Seen(160, 160))


TWICE = [[10, 10, 50, 50], [11, 11, 50, 50], [100, 100, 140, 140]]


def test_raw_boxes_that_overlap_are_one_of_each_class() -> None:
    assert ssd(TWICE, [[0.6, 0, 0], [0.9, 0, 0], [0, 0.5, 0]])["labels"] == ["cat", "dog"]
    assert ssd(TWICE, [[0.6, 0, 0], [0, 0.9, 0], [0, 0.5, 0]])["labels"] == ["dog", "cat", "dog"]
    agnostic = ssd(TWICE, [[0.6, 0, 0], [0, 0.9, 0], [0, 0.5, 0]], suppression="agnostic")
    assert agnostic["labels"] == ["dog", "dog"]


def test_the_overlap_and_the_number_that_stay_are_the_profiles() -> None:
    scores = [[0.6, 0, 0], [0.9, 0, 0], [0, 0.5, 0]]
    assert len(ssd(TWICE, scores, iou_threshold=0.99)["labels"]) == 3
    assert ssd(TWICE, scores, most_boxes=1)["labels"] == ["cat"]
    assert len(ssd(TWICE, scores, suppression="none")["labels"]) == 3


@pytest.mark.parametrize("boxes", ["alike", "apart"])
def test_a_hundred_thousand_equally_sure_candidates_end_with_the_most_boxes(boxes: str) -> None:
    places = np.zeros((100_000, 1)) if boxes == "alike" else np.arange(100_000)[:, None] / 1000
    corners = places + np.array([0, 0, 0.0005, 0.0005])
    found = ssd(corners.tolist(), [[0.5, 0, 0]] * 100_000, most_boxes=100)
    assert len(found["labels"]) == (1 if boxes == "alike" else 100)


def test_p04_more_boxes_than_any_model_has_are_refused() -> None:
    asked = detector(kind="boxes_scores", boxes="boxes", scores="scores")
    outputs = {"boxes": np.zeros((1, 200_001, 4), np.float32), "scores": np.zeros((1, 200_001, 3), np.float32)}
    with pytest.raises(Refused) as caught:
        read_boxes(outputs, asked, Seen(160, 160))
    assert_refusal(caught.value, "too_many_boxes")


# ---- classifiers ----


SAID = [0.1, 0.7, 0.2]
EVERY_ANSWER: dict[str, tuple[Any, str]] = {
    "probabilities": (np.array([SAID]), "probabilities"),
    "of 1 x n x 1 x 1": (np.array(SAID, np.float32).reshape(1, 3, 1, 1), "probabilities"),
    "half precision": (np.array([SAID], np.float16), "probabilities"),
    "bytes": (np.array([[26, 179, 51]], np.uint8), "probabilities"),
    "logits": (np.log([SAID]) + 5, "logits"),
    "half logits": (np.log(np.array([SAID])).astype(np.float16), "logits"),
    "ZipMap": ([dict(zip(CLASSES, SAID, strict=True))], "label_and_probabilities"),
    "ZipMap in another order": ([{"fox": 0.2, "dog": 0.7, "cat": 0.1}], "label_and_probabilities"),
    "ZipMap of numbers": ([{0: 0.1, 1: 0.7, 2: 0.2}], "label_and_probabilities"),
}


@pytest.mark.parametrize(("answer", "kind"), EVERY_ANSWER.values(), ids=EVERY_ANSWER)
def test_every_classifiers_answer_says_the_same(answer: Any, kind: str) -> None:
    assert np.allclose(read_probabilities(answer, classifier(kind)), SAID, atol=5e-3)


@pytest.mark.parametrize(
    ("kind", "number"),
    [("binary_probability", 0.8), ("binary_logit", np.log(4)), ("binary_probability", np.uint8(204))],
)
def test_one_number_is_about_the_second_of_two_classes(kind: str, number: float) -> None:
    answer = np.array([[number]])
    assert np.allclose(read_probabilities(answer, classifier(kind, ["good", "broken"])), [0.2, 0.8])


@pytest.mark.parametrize(
    ("kind", "numbers", "code"),
    [
        ("binary_probability", [1.2], "bad_scores"),
        ("binary_probability", [NAN], "bad_scores"),
        ("binary_logit", [INF], "bad_scores"),
        ("binary_logit", [0.2, 0.8], "length_mismatch"),
    ],
)
def test_one_number_that_cannot_be_is_refused(kind: str, numbers: list, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_probabilities(np.array([numbers]), classifier(kind, ["good", "broken"]))
    assert_refusal(caught.value, code)


def test_scores_of_several_labels_are_refused_in_words() -> None:
    with pytest.raises(Refused) as caught:
        read_probabilities(np.array([[0.9, 0.8, 0.1]]), classifier("probabilities"))
    assert_refusal(caught.value, "bad_scores")
    assert "several labels" in caught.value.message
