"""A profile says how to feed and read a model; what it cannot mean is refused with the field."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices import onnxfile
from batchservices.profile import Profile
from batchservices.proposal import propose
from config.refusals import Refused
from tests.corpus import onnx_models

CLASSIFIER: dict[str, Any] = {
    "task": "image_classification",
    "class_names": ["cat", "dog"],
    "input": {"name": "image", "width": 8, "height": 8},
    "output": {"kind": "probabilities", "scores": "scores"},
}
DETECTOR: dict[str, Any] = {
    "task": "object_detection",
    "class_names": ["cat", "dog"],
    "input": {"name": "image", "width": 640, "height": 480, "resize": "letterbox"},
    "output": {
        "kind": "boxes_scores_classes",
        "boxes": "boxes",
        "scores": "scores",
        "classes": "classes",
        "box_format": "yxyx",
        "box_unit": "normalized",
        "score_threshold": 0.4,
        "class_offset": 1,
    },
}
BAD = [
    ("task", "video"),
    ("task", None),
    ("class_names", []),
    ("class_names", "cat"),
    ("class_names", ["cat", "cat"]),
    ("class_names", ["cat", ""]),
    ("class_names", ["cat", "d\nog"]),
    ("class_names", ["cat", "x" * 300]),
    ("input", None),
    ("input.name", " "),
    ("input.width", 0),
    ("input.width", 10**9),
    ("input.width", 8.0),
    ("input.height", True),
    ("input.layout", "CHWN"),
    ("input.color", ["RGB"]),
    ("input.mean", [1, 2]),
    ("input.mean", [float("nan")]),
    ("input.scale", float("inf")),
    ("input.scale", [0, 1, 1]),
    ("input.dtype", "complex64"),
    ("input.resize", "crop"),
    ("input.sizes", "image"),
    ("input.ones", 3),
    ("input.sizes_order", "depth"),
    ("input.surprise", 1),
    ("output.kind", "binary_logits"),
    ("output.box_format", "cells"),
    ("output.activation", "relu"),
    ("output.background", True),
    ("output.objectness", "yes"),
    ("output.columns", "box class score"),
    ("output.suppression", "soft"),
    ("output.iou_threshold", -0.1),
    ("output.most_boxes", 0),
    ("output.most_boxes", 10**6),
    ("output.extra", -1),
    ("output.kind", "boxes_scores_classes"),
    ("output.kind", "regression"),
    ("output.scores", 7),
    ("output.score_threshold", 1.5),
    ("output.class_offset", "1"),
    ("output.surprise", 1),
    ("surprise", 1),
]


def changed(field: str, value: object) -> dict[str, Any]:
    data = copy.deepcopy(CLASSIFIER)
    *path, last = field.split(".")
    place: dict[str, Any] = data
    for key in path:
        place = place[key]
    place[last] = value
    return data


@pytest.mark.parametrize("data", [CLASSIFIER, DETECTOR], ids=["classifier", "detector"])
def test_a_profile_survives_json(data: dict) -> None:
    profile = Profile.from_dict(data)
    assert Profile.from_dict(json.loads(json.dumps(profile.as_dict()))) == profile


def test_what_is_not_said_has_its_usual_value() -> None:
    profile = Profile.from_dict(CLASSIFIER)
    assert (profile.input.layout, profile.input.color, profile.input.resize) == ("NCHW", "RGB", "stretch")


@pytest.mark.parametrize(("field", "value"), BAD, ids=[f"{field} {str(value)[:20]!r}" for field, value in BAD])
def test_what_it_cannot_mean_is_refused_with_the_field(field: str, value: object) -> None:
    with pytest.raises(Refused) as caught:
        Profile.from_dict(changed(field, value))
    assert caught.value.code == "bad_profile"
    assert str(caught.value.where["field"]).split(".")[0] == field.split(".")[0]


def test_a_detectors_three_outputs_differ() -> None:
    data = copy.deepcopy(DETECTOR)
    data["output"]["classes"] = "scores"
    with pytest.raises(Refused):
        Profile.from_dict(data)


def test_one_number_needs_two_classes() -> None:
    data = changed("output.kind", "binary_probability")
    assert Profile.from_dict(data).class_names == ("cat", "dog")
    with pytest.raises(Refused) as caught:
        Profile.from_dict(data | {"class_names": ["cat", "dog", "fox"]})
    assert caught.value.where["field"] == "class_names"


@pytest.mark.parametrize(("kind", "suppression"), [("grid", "per_class"), ("rows", "none")])
def test_raw_boxes_are_suppressed_if_nothing_is_said(kind: str, suppression: str) -> None:
    output = {"kind": kind, "boxes": "output0"}
    assert Profile.from_dict(DETECTOR | {"output": output}).output.suppression == suppression


def test_bytes_as_input_take_pixels_as_they_are() -> None:
    data = changed("input.dtype", "uint8")
    assert Profile.from_dict(data).input.dtype == "uint8"
    data["input"]["scale"] = 1 / 255
    with pytest.raises(Refused):
        Profile.from_dict(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["task", "class_names", "input", "output", "x"]), inner)
        ),
    )
)
def test_any_json_is_a_profile_or_refused(data: object) -> None:
    with pytest.raises(Refused):
        Profile.from_dict(data)


@pytest.mark.parametrize(
    ("model", "layout", "color", "kind", "names"),
    [
        (onnx_models.conv_net(), "NCHW", "RGB", "probabilities", ["class 0", "class 1", "class 2"]),
        (onnx_models.conv_net(ends="Identity"), "NCHW", "RGB", "logits", ["class 0", "class 1", "class 2"]),
        (onnx_models.scikit_learn("mlp"), "flat", "GRAY", "label_and_probabilities", ["cat", "dog", "fox"]),
        (
            onnx_models.scikit_learn("forest", zipmap=False),
            "flat",
            "GRAY",
            "label_and_probabilities",
            ["cat", "dog", "fox"],
        ),
        (onnx_models.detects([[0, 0, 1, 1]], [0.5], [0]), "NCHW", "RGB", "boxes_scores_classes", ["class 0"]),
    ],
    ids=["conv", "logits", "mlp", "forest", "detector"],
)
def test_a_valid_profile_is_proposed_from_the_file(
    model: bytes, layout: str, color: str, kind: str, names: list
) -> None:
    profile = Profile.from_dict(propose(onnxfile.inspect(model))["profile"])
    assert (profile.input.layout, profile.input.color, profile.output.kind) == (layout, color, kind)
    assert (profile.input.width, profile.input.height) == (8, 8)
    assert list(profile.class_names) == names
