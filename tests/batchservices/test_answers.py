"""Whatever form a model's answer has, the same boxes come back in pixels of the upright image."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices import inference
from batchservices.answers import Seen, read_boxes, read_probabilities
from batchservices.profile import Profile
from config.refusals import Refused
from tests.batchservices.refusals import assert_refusal

CLASSES = ["cat", "dog", "fox"]
NAN, INF = float("nan"), float("inf")
BOXES = np.array([[10, 20, 50, 60], [100, 30, 140, 90]], np.float32)  # corners in the input of 160 x 160
CENTERS = np.array([[30, 40, 40, 40], [120, 60, 40, 60]], np.float32)
SCORES = np.array([[0.02, 0.9, 0.03], [0.7, 0.1, 0.05]], np.float32)
TIMES = 5  # further candidates, all unsure


def profile(side: int = 160, *, resize: str = "stretch", names: list[str] = CLASSES, **output: object) -> Profile:
    return Profile.from_dict(
        {
            "task": "object_detection",
            "class_names": names,
            "input": {"name": "image", "width": side, "height": side, "resize": resize},
            "output": output,
        }
    )


def logit(values: np.ndarray) -> np.ndarray:
    return np.log(values) - np.log1p(-values)


def with_unsure(rows: np.ndarray) -> np.ndarray:
    """As raw outputs are: many more candidates, none of them sure."""
    return np.vstack([rows, np.tile(rows[:1] * 0 + 1e-4, (TIMES, 1))])


def grid_v8() -> np.ndarray:
    return with_unsure(np.hstack([CENTERS, SCORES])).T[None]


def grid_v5() -> np.ndarray:
    objectness = np.full((2, 1), 0.95, np.float32)
    return with_unsure(np.hstack([CENTERS, objectness, SCORES / objectness]))[None]


def detr() -> dict[str, np.ndarray]:
    """Softmax with nothing-at-all last."""
    rest = 1 - SCORES.sum(axis=1, keepdims=True)
    return {"pred_boxes": CENTERS[None] / 160, "logits": np.log(np.hstack([SCORES, rest]))[None] + 3}


ROWS = np.hstack([BOXES, [[0.9], [0.7]], [[1], [0]]]).astype(np.float32)
NOTHING = np.zeros((4, 6), np.float32)
EVERY_FORM: dict[str, tuple[dict[str, Any], dict[str, np.ndarray]]] = {
    "v8 grid": (
        {"kind": "grid", "boxes": "output0", "box_format": "cxcywh", "transposed": True},
        {"output0": grid_v8()},
    ),
    "v5 grid": (
        {"kind": "grid", "boxes": "output0", "box_format": "cxcywh", "objectness": True},
        {"output0": grid_v5()},
    ),
    "grid of logits": (
        {"kind": "grid", "boxes": "output0", "box_format": "cxcywh", "objectness": True, "activation": "sigmoid"},
        {"output0": np.concatenate([grid_v5()[..., :4], logit(grid_v5()[..., 4:])], axis=2)},
    ),
    "v10 rows": ({"kind": "rows", "boxes": "output0"}, {"output0": np.vstack([ROWS, NOTHING])[None]}),
    "v7 rows": (
        {"kind": "rows", "boxes": "output", "columns": "batch box class score"},
        {"output": np.hstack([[[0], [0]], BOXES, [[1], [0]], [[0.9], [0.7]]]).astype(np.float32)},
    ),
    "Caffe's rows": (
        {"kind": "rows", "boxes": "out", "columns": "batch class score box", "box_unit": "normalized"},
        {"out": np.array([[[[0, 1, 0.9, *BOXES[0] / 160], [0, 0, 0.7, *BOXES[1] / 160], [-1, *[0] * 6]]]], np.float32)},
    ),
    "Paddle's rows": (
        {"kind": "rows", "boxes": "out", "columns": "class score box"},
        {"out": np.hstack([[[1], [0]], [[0.9], [0.7]], BOXES]).astype(np.float32)},
    ),
    "DETR": (
        {
            **{"kind": "boxes_scores", "boxes": "pred_boxes", "scores": "logits", "box_format": "cxcywh"},
            **{"box_unit": "normalized", "activation": "softmax", "background": "last", "suppression": "none"},
        },
        detr(),
    ),
    "RT-DETR": (
        {
            **{"kind": "boxes_scores", "boxes": "pred_boxes", "scores": "logits", "box_format": "cxcywh"},
            **{"box_unit": "normalized", "activation": "sigmoid", "suppression": "none"},
        },
        {"pred_boxes": CENTERS[None] / 160, "logits": logit(SCORES)[None]},
    ),
    "SSD with background": (
        {"kind": "boxes_scores", "boxes": "boxes", "scores": "scores", "box_unit": "normalized", "background": "first"},
        {
            "boxes": with_unsure(BOXES)[None] / 160,
            "scores": with_unsure(np.hstack([1 - SCORES.sum(axis=1, keepdims=True), SCORES]))[None],
        },
    ),
    "SSD without": (
        {"kind": "boxes_scores", "boxes": "boxes", "scores": "scores"},
        {"boxes": with_unsure(BOXES)[None, :, None], "scores": with_unsure(SCORES)[None]},
    ),
    "counted": (
        {
            "kind": "boxes_scores_classes",
            **{"boxes": "det_boxes", "scores": "det_scores", "classes": "det_classes", "count": "num_dets"},
        },
        {
            "num_dets": np.array([[2]], np.int32),
            "det_boxes": np.vstack([BOXES, [[NAN] * 4]]).astype(np.float32)[None],
            "det_scores": np.array([[0.9, 0.7, 1]], np.float32),
            "det_classes": np.array([[1, 0, -1]], np.int32),
        },
    ),
    "TensorFlow's": (
        {
            "kind": "boxes_scores_classes",
            **{"boxes": "detection_boxes", "scores": "detection_scores", "classes": "detection_classes"},
            **{"count": "num_detections", "box_format": "yxyx", "box_unit": "normalized", "class_offset": 1},
        },
        {
            "num_detections": np.array([2], np.float32),
            "detection_boxes": BOXES[None][..., [1, 0, 3, 2]] / 160,
            "detection_scores": np.array([[0.9, 0.7]], np.float32),
            "detection_classes": np.array([[2, 1]], np.float32),
        },
    ),
    "ONNX's selection": (
        {"kind": "selected", "boxes": "boxes", "scores": "scores", "indices": "selected", "box_format": "yxyx"},
        {
            "boxes": BOXES[None][..., [1, 0, 3, 2]],
            "scores": SCORES.T[None],
            "selected": np.array([[0, 0, 1], [0, 1, 0]], np.int64),
        },
    ),
}


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
def test_every_form_says_the_same(output: dict, outputs: dict) -> None:
    found = read_boxes(outputs, profile(**output), Seen(320, 160))
    assert found["labels"] == ["dog", "cat"]
    assert np.allclose(found["confidences"], [0.9, 0.7], atol=1e-5)
    assert np.allclose(found["boxes"], BOXES * [2, 1, 2, 1], atol=1e-3)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
def test_half_precision_says_the_same(output: dict, outputs: dict) -> None:
    halved = {name: array.astype(np.float16) if array.dtype.kind == "f" else array for name, array in outputs.items()}
    found = read_boxes(halved, profile(**output), Seen(320, 160))
    assert found["labels"] == ["dog", "cat"]
    assert np.allclose(found["boxes"], BOXES * [2, 1, 2, 1], atol=0.5)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("harm", [NAN, INF, -INF])
def test_p01_p05_numbers_that_are_none_fail_the_item_in_every_form(output: dict, outputs: dict, harm: float) -> None:
    harmed = {name: np.full_like(array, harm) for name, array in outputs.items() if array.dtype.kind == "f"}
    with pytest.raises(Refused) as caught:
        read_boxes(outputs | harmed, profile(**output), Seen(320, 160))
    assert caught.value.code in {"bad_scores", "bad_box", "bad_output", "length_mismatch"}
    assert_refusal(caught.value, caught.value.code)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("names", [["cat"], [*CLASSES, "hen"]], ids=["fewer", "more"])
def test_p02_another_number_of_classes_fails_the_item(output: dict, outputs: dict, names: list) -> None:
    asked = profile(names=names, **output)
    if len(names) > len(CLASSES) and asked.output.kind in {"rows", "boxes_scores_classes", "selected"}:
        assert read_boxes(outputs, asked, Seen(320, 160))["labels"] == ["dog", "cat"]  # nothing shows that there are 4
        return
    with pytest.raises(Refused) as caught:
        read_boxes(outputs, asked, Seen(320, 160))
    assert_refusal(caught.value, "length_mismatch", field=True)


@given(
    st.sampled_from(list(EVERY_FORM)),
    st.lists(st.tuples(st.integers(0, 50), st.floats(allow_nan=True, width=32) | st.integers(-5, 5)), max_size=8),
)
def test_any_numbers_are_boxes_in_the_image_or_refused(form: str, changes: list) -> None:
    output, outputs = EVERY_FORM[form]
    harmed = {name: array.copy() for name, array in outputs.items()}
    for place, value in changes:
        for array in harmed.values():
            if array.dtype.kind == "f":
                array.flat[place % array.size] = value
    try:
        found = read_boxes(harmed, profile(**output), Seen(320, 160))
    except Refused as refused:
        assert_refusal(refused, refused.code)
        return
    left, top, right, bottom = found["boxes"].T
    assert ((left >= 0) & (left < right) & (right <= 320)).all()
    assert ((top >= 0) & (top < bottom) & (bottom <= 160)).all()
    assert ((found["confidences"] >= 0) & (found["confidences"] <= 1)).all()
    assert (np.diff(found["confidences"]) <= 0).all()


# ---- where the image lay in the input ----

sides = st.integers(1, 3000)


@given(sides, sides, st.sampled_from(["stretch", "letterbox", "letterbox_centered"]), st.sampled_from([64, 416, 640]),
       st.tuples(*[st.floats(0, 1)] * 4), st.sampled_from(["pixel", "normalized"]))  # fmt: skip
def test_a_box_comes_back_to_where_it_lies_in_the_upright_image(width, height, resize, side, parts, unit) -> None:
    """The way there is written anew here: scaled by what the image fills, moved by what lies before it."""
    xmin, xmax = sorted(parts[:2])
    ymin, ymax = sorted(parts[2:])
    box = np.array([xmin * width, ymin * height, xmax * width, ymax * height])
    asked = profile(side, resize=resize, kind="rows", boxes="out", box_unit=unit)
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
    asked = profile(64, resize=resize, kind="rows", boxes="out")
    pixels = inference.preprocess(np.zeros((height, width, 3), np.uint8), asked.input)[0, 0]
    rows, columns = np.flatnonzero((pixels == 0).any(axis=1)), np.flatnonzero((pixels == 0).any(axis=0))
    size = inference.letterbox_size(width, height, asked.input) if resize != "stretch" else (64, 64)
    corner = inference.letterbox_corner(*size, asked.input) if resize != "stretch" else (0, 0)
    seen = Seen(width, height, *size, *corner)
    black = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, 0.9, 0]
    found = read_boxes({"out": np.array([[black]], np.float32)}, asked, seen)
    assert np.allclose(found["boxes"], [[0, 0, width, height]], atol=1e-3)
    assert found["clipped"] == 0


def test_an_odd_row_of_padding_goes_below_as_ultralytics_has_it() -> None:
    asked = profile(8, resize="letterbox_centered", kind="rows", boxes="out").input
    pixels = inference.preprocess(np.zeros((5, 8, 3), np.uint8), asked)[0, 0]
    assert (pixels[:, 0] == inference.PADDING).tolist() == [True] + [False] * 5 + [True] * 2


# ---- suppression ----


def ssd(boxes: list, scores: list, **output: object) -> dict[str, Any]:
    asked = profile(kind="boxes_scores", boxes="boxes", scores="scores", **output)
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
    asked = profile(kind="boxes_scores", boxes="boxes", scores="scores")
    outputs = {"boxes": np.zeros((1, 200_001, 4), np.float32), "scores": np.zeros((1, 200_001, 3), np.float32)}
    with pytest.raises(Refused) as caught:
        read_boxes(outputs, asked, Seen(160, 160))
    assert_refusal(caught.value, "too_many_boxes")


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
def test_p04_nothing_found_is_an_answer_in_every_form(output: dict, outputs: dict) -> None:
    asked = profile(**output, score_threshold=1.0)
    assert read_boxes(outputs, asked, Seen(320, 160))["labels"] in ([], ["dog"])  # "counted" ends before its sure one
    empty = {
        name: array[:, :0] if array.ndim > 2 and output["kind"] not in {"grid", "selected"} else array
        for name, array in outputs.items()
    }
    if output["kind"] == "boxes_scores":
        assert read_boxes(empty, asked, Seen(320, 160))["boxes"].shape == (0, 4)


# ---- classifiers ----


def classifier(kind: str, names: list[str] = CLASSES) -> Profile:
    return Profile.from_dict(
        {
            "task": "image_classification",
            "class_names": names,
            "input": {"name": "image", "width": 8, "height": 8},
            "output": {"kind": kind, "scores": "scores"},
        }
    )


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
