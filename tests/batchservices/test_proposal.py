"""The profile that is proposed for a file reads its answers right, and says how sure each part is and why."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto
from onnx.helper import make_node, make_tensor_value_info
from PIL import Image

from batchservices import inference, onnxfile
from batchservices.profile import Profile
from batchservices.proposal import propose, with_names
from config.refusals import Refused
from tests.batchservices.exported_models import (
    CLASSIFIERS,
    DETECTORS,
    NAMES,
    ULTRALYTICS,
    classifying,
    ending_in,
    in_cells,
    in_pixels,
    v8,
)
from tests.batchservices.refusals import assert_refusal
from tests.corpus import onnx_exports, onnx_models
from tests.corpus.onnx_exports import with_properties
from tests.corpus.onnx_models import fixed


@pytest.fixture(autouse=True)
def nothing_stays_loaded() -> Iterator[None]:
    yield
    inference.unload()


def square() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (80, 80)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("model", DETECTORS.values(), ids=DETECTORS)
def test_the_proposed_profile_reads_a_detector_right(model: bytes) -> None:
    proposal = propose(onnxfile.inspect(model))
    assert Profile.from_dict(proposal["profile"]).task == "object_detection"
    inference.load(model, hashlib.sha256(model).hexdigest(), proposal["profile"], None)
    found = inference.predict_image(square())
    assert np.allclose(found["boxes"], [[10, 20, 50, 60]], atol=1e-3)
    assert found["labels"] == [proposal["profile"]["class_names"][int(found["classes"][0])]]
    assert 0.8 < found["confidences"][0] <= 1


@pytest.mark.parametrize("name", ["ultralytics v8", "ultralytics segmentation", "YOLOv5", "v10", "RT-DETR", "SSD"])
def test_class_names_come_from_the_file(name: str) -> None:
    proposal = propose(onnxfile.inspect(DETECTORS[name]))
    assert proposal["profile"]["class_names"] == NAMES
    assert proposal["why"]["class_names"]["sure"] == "known"


@pytest.mark.parametrize("names", [["__background__", "cat", "dog"], ["cat", "dog"]])
def test_class_1_is_the_cat_whether_or_not_the_names_begin_with_the_background(names: list[str]) -> None:
    model = with_properties(DETECTORS["torchvision"], classes=",".join(names))
    proposed = propose(onnxfile.inspect(DETECTORS["torchvision"]))["profile"]
    for profile in (with_names(proposed, names), propose(onnxfile.inspect(model))["profile"]):
        inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
        assert inference.predict_image(square())["labels"] == ["cat"]


@pytest.mark.parametrize("masked", [False, True])
def test_a_model_that_takes_the_size_or_a_mask_beside_the_image_gets_them(masked: bool) -> None:
    model = onnx_exports.sized(masked=masked)
    profile = propose(onnxfile.inspect(model))["profile"]
    assert profile["input"]["sizes"] == "orig_target_sizes"
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
    found = inference.predict_image(square())
    assert np.allclose(found["boxes"], [[0, 0, 80, 80]])
    assert np.isclose(found["confidences"][0], 0.9)


def taking(model: bytes, *, element: int) -> bytes:
    """The model with another type of number going in."""
    changed = ModelProto.FromString(model)
    for node in changed.graph.node:
        node.input[:] = ["as float" if name == "image" else name for name in node.input]
    changed.graph.node.insert(0, make_node("Cast", ["image"], ["as float"], to=TensorProto.FLOAT))
    changed.graph.input[0].type.tensor_type.elem_type = element
    return changed.SerializeToString()


@pytest.mark.parametrize("element", [TensorProto.DOUBLE, TensorProto.INT8, TensorProto.INT32, TensorProto.INT64])
def test_an_image_goes_in_as_the_type_of_number_that_the_model_takes(element: int) -> None:
    model = taking(onnx_models.says([0.2, 0.5, 0.3]), element=element)
    profile = propose(onnxfile.inspect(model))["profile"]
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
    assert inference.predict_image(square())["probabilities"].argmax() == 1


def with_input(name: str, element: int, shape: list, *, alone: bool = False) -> bytes:
    """A model that also takes this, or nothing else."""
    changed = ModelProto.FromString(onnx_models.says([0.2, 0.5, 0.3]))
    if alone:
        for node in changed.graph.node:
            node.input[:] = [name if each == "image" else each for each in node.input]
        del changed.graph.input[:]
    changed.graph.input.append(make_tensor_value_info(name, element, shape))
    return changed.SerializeToString()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (with_input("input_ids", TensorProto.INT64, [2, 16]), "also takes input_ids (int64, 2 x 16)"),
        (with_input("sound", TensorProto.FLOAT, [2, 1, 128], alone=True), "no image: sound (float32, 2 x 1 x 128)"),
        (with_input("bands", TensorProto.FLOAT, [1, 12, 64, 64], alone=True), "takes no image: bands"),
        (with_input("text", TensorProto.STRING, [1, 64], alone=True), "takes no image: text"),
    ],
    ids=["words beside", "sound", "twelve bands", "text"],
)  # fmt: skip
def test_a_model_that_takes_something_else_is_refused_with_what_it_takes(model: bytes, words: str) -> None:
    with pytest.raises(Refused) as caught:
        propose(onnxfile.inspect(model))
    assert_refusal(caught.value, "unknown_input", field=True)
    assert words in caught.value.message


def test_yolox_takes_pixels_as_opencv_reads_them() -> None:
    decoded = ModelProto.FromString(in_pixels(64, fixed({"output": in_cells()})))
    decoded.graph.node.append(make_node("Exp", ["image"], ["exp"]))
    for model, form in ((DETECTORS["YOLOX, not decoded"], "cells"), (decoded.SerializeToString(), "cxcywh")):
        profile = propose(onnxfile.inspect(model))["profile"]
        fed = profile["input"]
        assert (fed["color"], fed["resize"], fed["mean"], fed["scale"]) == ("BGR", "letterbox", [0.0], [1.0])
        assert profile["output"]["box_format"] == form


@pytest.mark.parametrize(("model", "kind", "names"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_the_proposed_profile_reads_a_classifier_right(model: bytes, kind: str, names: list) -> None:
    proposal = propose(onnxfile.inspect(model))
    assert (proposal["profile"]["output"]["kind"], proposal["profile"]["class_names"]) == (kind, names)
    inference.load(model, hashlib.sha256(model).hexdigest(), proposal["profile"], None)
    assert np.isclose(inference.predict_image(square())["probabilities"].sum(), 1)


def test_a_head_for_several_labels_is_refused_in_words() -> None:
    with pytest.raises(Refused) as caught:
        propose(onnxfile.inspect(classifying([0.1, 0.2, 0.3], ends="Sigmoid")))
    assert_refusal(caught.value, "several_labels", field=True)


@pytest.mark.parametrize(
    "model",
    [
        ending_in("Softmax", {"text": np.zeros((1, 40, 96), np.float32)}, "text"),
        ending_in("Sigmoid", {"map": np.zeros((1, 1, 32, 32), np.float32)}, "map"),
        fixed({"map": np.zeros((1, 21, 32, 32), np.float32)}),
        with_properties(fixed({"output0": v8(0.7)}), **(ULTRALYTICS | {"task": "obb"})),
        ending_in("Relu", {"tokens": np.zeros((1, 197, 32), np.float32)}, "tokens"),
        fixed({"a": np.zeros((1, 3, 8, 8, 8), np.float32), "b": np.zeros((1, 3, 4, 4, 8), np.float32)}),
        fixed(
            {
                f"{name}_{rows}": np.zeros((rows, sides), np.float32)
                for name, sides in (("score", 1), ("bbox", 4))
                for rows in (128, 32)
            }
        ),
        fixed(
            {"label": np.array([1], np.int64), "icat": np.array([0.9], np.float32), "idog": np.array([0.1], np.float32)}
        ),
    ],
    ids=[
        "text recognition",
        "segmentation",
        "segmentation of logits",
        "rotated boxes",
        "features",
        "grids",
        "parts",
        "a column per class",
    ],
)
def test_what_is_neither_scores_nor_boxes_is_refused_in_words(model: bytes) -> None:
    with pytest.raises(Refused) as caught:
        propose(onnxfile.inspect(model))
    assert_refusal(caught.value, "unknown_output", field=True)


@pytest.mark.parametrize(
    "model", [*DETECTORS.values(), *(each[0] for each in CLASSIFIERS.values())], ids=[*DETECTORS, *CLASSIFIERS]
)
def test_every_guess_says_how_sure_it_is_and_why(model: bytes) -> None:
    proposal = propose(onnxfile.inspect(model))
    profile = proposal["profile"]
    guessed = {f"{part}.{name}" for part in ("input", "output") for name in profile[part]} | {"class_names"}
    assert guessed - {"input.name", "input.dtype"} == set(proposal["why"])
    for reason in proposal["why"].values():
        assert reason["sure"] in {"known", "likely", "guess"}
        assert reason["because"].endswith(".")


side = st.none() | st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 84, 300, 8400, 10**9])
words = st.sampled_from(
    [
        "boxes",
        "scores",
        "labels",
        "logits",
        "dets",
        "num_dets",
        "output0",
        "detection_boxes",
        "mask",
        "size",
        "image",
        "x",
    ]
)
port = st.fixed_dictionaries(
    {
        "name": words,
        "dtype": st.sampled_from(["float32", "uint8", "int64", None]),
        "shape": st.none() | st.lists(side, max_size=5),
    }
)


@given(
    st.lists(port, min_size=1, max_size=3, unique_by=lambda one: one["name"]),
    st.lists(port, min_size=1, max_size=5, unique_by=lambda one: one["name"]),
    st.sampled_from([None, "Softmax", "Sigmoid", "Concat", "NonMaxSuppression", "Add"]),
    st.none() | st.lists(words, min_size=1, max_size=4, unique=True),
    st.dictionaries(
        st.sampled_from(["task", "imgsz", "stride", "end2end", "args"]),
        st.sampled_from(["detect", "segment", "classify", "[640, 640]", "[0, 'x']", "True", "{'nms': True}", "["]),
    ),
)
def test_any_signature_gets_a_valid_profile_or_a_refusal(inputs, outputs, final, names, properties) -> None:
    inspection = {
        "inputs": inputs,
        "outputs": outputs,
        "final": [final] * len(outputs),
        "first": {one["name"]: "Conv" for one in inputs},
        "operators": ["Conv"],
        "class_names": names,
        "properties": properties,
    }
    try:
        Profile.from_dict(propose(inspection)["profile"])
    except Refused as refused:
        assert_refusal(refused, refused.code, field=True)


def of_input(model: bytes) -> dict:
    return propose(onnxfile.inspect(model))["profile"]["input"]


def test_the_range_of_the_pixels_is_proposed_as_the_trainers_feed_them() -> None:
    ultralytics = of_input(DETECTORS["ultralytics v8"])
    assert (ultralytics["resize"], ultralytics["scale"]) == ("letterbox_centered", [1 / 255])
    assert of_input(DETECTORS["DETR"])["mean"] == [123.675, 116.28, 103.53]
    told = with_properties(
        onnx_models.conv_net(),
        **{"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"},
    )
    assert (of_input(told)["color"], of_input(told)["mean"], of_input(told)["scale"]) == ("BGR", [0.0], [1.0])


def test_a_graph_that_scales_pixels_by_itself_gets_them_as_they_are() -> None:
    model = ModelProto.FromString(onnx_models.tells_sides())  # begins with a Mul
    assert of_input(model.SerializeToString())["scale"] == [1.0]


def test_a_free_size_is_what_the_file_says_it_was_trained_with() -> None:
    model = ModelProto.FromString(DETECTORS["v8 without properties"])
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_param = "side"
    free = model.SerializeToString()
    assert (of_input(free)["width"], of_input(free)["height"]) == (640, 640)
    told = of_input(with_properties(free, imgsz="[384, 640]"))
    assert (told["width"], told["height"]) == (640, 384)
