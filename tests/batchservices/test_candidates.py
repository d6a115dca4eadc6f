"""Whatever form a detector's outputs have, they say the same boxes, scores and classes, or fail their item in words."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.answers import Seen, read_boxes
from config.refusals import Refused
from tests.batchservices.profiles import CLASSES, detector
from tests.batchservices.refusals import assert_refusal

NAN, INF = float("nan"), float("inf")
BOXES = np.array([[10, 20, 50, 60], [100, 30, 140, 90]], np.float32)  # corners in the input of 160 x 160
CENTERS = np.array([[30, 40, 40, 40], [120, 60, 40, 60]], np.float32)
SCORES = np.array([[0.02, 0.9, 0.03], [0.7, 0.1, 0.05]], np.float32)
TIMES = 5  # further candidates, all unsure


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
    found = read_boxes(outputs, detector(**output), Seen(320, 160))
    assert found["labels"] == ["dog", "cat"]
    assert np.allclose(found["confidences"], [0.9, 0.7], atol=1e-5)
    assert np.allclose(found["boxes"], BOXES * [2, 1, 2, 1], atol=1e-3)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
def test_half_precision_says_the_same(output: dict, outputs: dict) -> None:
    halved = {name: array.astype(np.float16) if array.dtype.kind == "f" else array for name, array in outputs.items()}
    found = read_boxes(halved, detector(**output), Seen(320, 160))
    assert found["labels"] == ["dog", "cat"]
    assert np.allclose(found["boxes"], BOXES * [2, 1, 2, 1], atol=0.5)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("harm", [NAN, INF, -INF])
def test_p01_p05_numbers_that_are_none_fail_the_item_in_every_form(output: dict, outputs: dict, harm: float) -> None:
    harmed = {name: np.full_like(array, harm) for name, array in outputs.items() if array.dtype.kind == "f"}
    with pytest.raises(Refused) as caught:
        read_boxes(outputs | harmed, detector(**output), Seen(320, 160))
    assert caught.value.code in {"bad_scores", "bad_box", "bad_output", "length_mismatch"}
    assert_refusal(caught.value, caught.value.code)


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("names", [["cat"], [*CLASSES, "hen"]], ids=["fewer", "more"])
def test_p02_another_number_of_classes_fails_the_item(output: dict, outputs: dict, names: list) -> None:
    asked = detector(names=names, **output)
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
        found = read_boxes(harmed, detector(**output), Seen(320, 160))
    except Refused as refused:
        assert_refusal(refused, refused.code)
        return
    left, top, right, bottom = found["boxes"].T
    assert ((left >= 0) & (left < right) & (right <= 320)).all()
    assert ((top >= 0) & (top < bottom) & (bottom <= 160)).all()
    assert ((found["confidences"] >= 0) & (found["confidences"] <= 1)).all()
    assert (np.diff(found["confidences"]) <= 0).all()


@pytest.mark.parametrize(("output", "outputs"), EVERY_FORM.values(), ids=EVERY_FORM)
def test_p04_nothing_found_is_an_answer_in_every_form(output: dict, outputs: dict) -> None:
    asked = detector(**output, score_threshold=1.0)
    assert read_boxes(outputs, asked, Seen(320, 160))["labels"] in ([], ["dog"])  # "counted" ends before its sure one
    empty = {
        name: array[:, :0] if array.ndim > 2 and output["kind"] not in {"grid", "selected"} else array
        for name, array in outputs.items()
    }
    if output["kind"] == "boxes_scores":
        assert read_boxes(empty, asked, Seen(320, 160))["boxes"].shape == (0, 4)
