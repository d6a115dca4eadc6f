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
from onnx.numpy_helper import from_array
from PIL import Image

from batchservices import inference, onnxfile
from batchservices.profile import Profile
from batchservices.proposal import propose, with_names
from config.refusals import Refused
from tests.batchservices.refusals import assert_refusal
from tests.corpus import onnx_exports, onnx_models
from tests.corpus.onnx_exports import with_properties
from tests.corpus.onnx_models import SIDE, fixed

NAMES = ["cat", "dog", "fox"]
ULTRALYTICS = {"names": "{0: 'cat', 1: 'dog', 2: 'fox'}", "stride": "32", "imgsz": "[8, 8]", "task": "detect"}
BOX, CENTER = [1, 2, 5, 6], [3, 4, 4, 4]  # seen in the 8 x 8 pixels of the input
CANDIDATES = 90


@pytest.fixture(autouse=True)
def nothing_stays_loaded() -> Iterator[None]:
    yield
    inference.unload()


def padded(row: list[float], *, rows: int = CANDIDATES) -> np.ndarray:
    """One sure candidate among many that are not."""
    table = np.full((rows, len(row)), 1e-3, np.float32)
    table[rows // 2] = row
    return table


def v8(*more: float) -> np.ndarray:
    return padded([*CENTER, 0.05, 0.9, 0.05, *more]).T[None]


def many(numbers: list[float]) -> np.ndarray:
    """Candidates of an SSD: more than a model of queries has."""
    return padded(numbers, rows=1200)[None]


def with_background(scores: np.ndarray, *, place: int) -> np.ndarray:
    """Logits whose softmax are these scores, and what is left to 1 for nothing at all."""
    scores[..., place] = 0
    scores[..., place] = 1 - scores.sum(axis=-1)
    return np.log(scores)


def free(model: bytes) -> bytes:
    """The model without saying how many rows its outputs have."""
    changed = ModelProto.FromString(model)
    for port in changed.graph.output:
        port.type.tensor_type.shape.dim[0].dim_param = "n"
    return changed.SerializeToString()


def ending_in(operator: str, answers: dict[str, np.ndarray], output: str) -> bytes:
    """A fixed model whose output passes through a last operator."""
    model = ModelProto.FromString(fixed(answers))
    next(node for node in model.graph.node if output in node.output).output[0] = f"raw {output}"
    model.graph.node.append(make_node(operator, [f"raw {output}"], [output]))
    return model.SerializeToString()


def multiplied(answers: dict[str, np.ndarray], output: str) -> bytes:
    """A fixed model whose output is a product, as of an objectness and a score per class."""
    model = ModelProto.FromString(ending_in("Mul", answers, output))
    model.graph.node[-1].input.append("one")
    model.graph.initializer.append(from_array(np.ones((), np.float32), "one"))
    return model.SerializeToString()


def in_pixels(side: int, model: bytes) -> bytes:
    """The model for images of this side."""
    changed = ModelProto.FromString(model)
    for size in changed.graph.input[0].type.tensor_type.shape.dim[2:]:
        size.dim_value = side
    return changed.SerializeToString()


def sampling(model: bytes) -> bytes:
    """The model with an operator that deformable attention is made of."""
    changed = ModelProto.FromString(model)
    changed.graph.node.append(make_node("GridSample", ["image", "no grid"], ["sampled"]))
    changed.graph.initializer.append(from_array(np.zeros((1, 8, 8, 2), np.float32), "no grid"))
    return changed.SerializeToString()


def in_cells() -> np.ndarray:
    """What YOLOX says of a 64 x 64 input: 64 + 16 + 4 cells, in one of 8 pixels a thing of 32."""
    table = padded([0, 0, 1, 1, 0.95, 0.05, 0.95, 0.05], rows=84)
    table[[42, 35]] = table[[35, 42]]
    table[35, 2:4] = np.log(4)
    return table[None]


def logits(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


PARTS = np.array(CENTER, np.float32) / SIDE
DETECTORS = {
    "YOLOX, not decoded": in_pixels(64, fixed({"output": in_cells()})),
    "YOLO-NAS": free(fixed({"graph2_flat_predictions": np.array([[0, *BOX, 0.9, 0]], np.float32)})),
    "ultralytics' RT-DETR": with_properties(
        sampling(fixed({"output0": padded([*PARTS, 0.9, 1])[None]})), **(ULTRALYTICS | {"end2end": "False"})
    ),
    "ultralytics' RT-DETR before": with_properties(
        sampling(fixed({"output0": padded([*PARTS, 0.05, 0.9, 0.05])[None]})), **ULTRALYTICS
    ),
    "torchvision without names, labels first": fixed(
        {
            "2033": np.array([BOX], np.float32),
            "2003": np.array([1], np.int64),
            "2002": np.array([0.9], np.float32),
            "3016": np.zeros((1, 17, 3), np.float32),
            "end_scores.7": np.zeros((1, 17), np.float32),
        }
    ),
    "DETR without names": ending_in(
        "Sigmoid",
        {
            "linear_14": with_background(padded([0.05, 0.9, 0.04, 0])[None], place=3),
            "sigmoid": logits(padded(list(PARTS))[None]),
            "layer_norm_4": np.zeros((1, 121, 32), np.float32),
        },
        "sigmoid",
    ),
    "one class, a number per box": fixed(
        {"boxes": many([side / SIDE for side in BOX]), "scores": logits(many([0.9]))[..., 0]}
    ),
    "PaddleDetection": free(
        fixed(
            {
                "multiclass_nms3_0.tmp_0": np.array([[0, 0.9, *BOX]], np.float32),
                "multiclass_nms3_0.tmp_2": np.array([1], np.int32),
            }
        )
    ),
    "YOLOv4": multiplied(
        {
            "boxes": many([side / SIDE for side in BOX])[:, :, None],
            "confs": many([0.05, 0.9, 0.05]),
        },
        "confs",
    ),
    "scores in columns": fixed(
        {
            "boxes": padded(BOX)[None],
            "scores": padded([0.9])[None],
            "labels": np.zeros((1, CANDIDATES, 1), np.int64),
        }
    ),
    "ultralytics v8": with_properties(fixed({"output0": v8()}), **ULTRALYTICS),
    "v8 without properties": fixed({"output0": v8()}),
    "ultralytics segmentation": with_properties(
        fixed({"output0": v8(*[9.0] * 32)}), **(ULTRALYTICS | {"task": "segment"})
    ),
    "ultralytics key points": with_properties(fixed({"output0": v8(*[9.0] * 51)}), **(ULTRALYTICS | {"task": "pose"})),
    "YOLOv5": with_properties(
        fixed({"output0": padded([*CENTER, 0.95, 0.05, 0.95, 0.05])[None]}), stride="32", names=str(NAMES)
    ),
    "v5 without properties": fixed({"output0": padded([*CENTER, 0.95, 0.05, 0.95, 0.05])[None]}),
    "v10": with_properties(fixed({"output0": padded([*BOX, 0.9, 1])[None]}), **(ULTRALYTICS | {"end2end": "True"})),
    "v8 with its own suppression": with_properties(
        fixed({"output0": padded([*BOX, 0.9, 1])[None]}), **(ULTRALYTICS | {"args": "{'nms': True, 'batch': 1}"})
    ),
    "v10 without properties": fixed({"output0": padded([*BOX, 0.9, 0])[None]}),
    "v7": free(fixed({"output": np.array([[0, *BOX, 0, 0.9]], np.float32)})),
    "DETR": fixed(
        {
            "logits": with_background(padded([0.05, 0.9, 0.04, 0])[None], place=3),
            "pred_boxes": padded([side / SIDE for side in CENTER])[None],
        }
    ),
    "RT-DETR": with_properties(
        fixed(
            {
                "logits": np.log(padded([0.05, 9, 0.05])[None]),
                "pred_boxes": padded([side / SIDE for side in CENTER])[None],
            }
        ),
        id2label='{"0": "cat", "1": "dog", "2": "fox"}',
    ),
    "SSD": with_properties(
        ending_in(
            "Softmax",
            {
                "scores": with_background(many([0, 0.04, 0.9, 0.05]), place=0),
                "boxes": many([side / SIDE for side in BOX]),
            },
            "scores",
        ),
        names="cat,dog,fox",
    ),
    "torchvision": fixed(
        {
            "boxes": np.array([BOX], np.float32),
            "labels": np.array([1], np.int64),
            "scores": np.array([0.9], np.float32),
        }
    ),
    "TensorFlow": fixed(
        {
            "detection_boxes": np.array([[[2, 1, 6, 5]]], np.float32) / SIDE,
            "detection_classes": np.array([[1]], np.float32),
            "detection_scores": np.array([[0.9]], np.float32),
            "num_detections": np.array([1], np.float32),
        }
    ),
    "TensorRT's suppression": fixed(
        {
            "num_dets": np.array([[1]], np.int32),
            "det_boxes": np.array([[BOX, [0] * 4]], np.float32),
            "det_scores": np.array([[0.9, 0]], np.float32),
            "det_classes": np.array([[0, -1]], np.int32),
        }
    ),
    "mmdeploy": fixed(
        {"dets": np.array([[[*BOX, 0.9]]], np.float32), "labels": np.array([[0]], np.int64)},
    ),
    "RF-DETR with three classes": with_properties(
        fixed(
            {
                "dets": padded([side / SIDE for side in CENTER])[None],
                "labels": with_background(padded([0.05, 0.9, 0.04, 0])[None], place=3),
            }
        ),
        names="cat,dog,fox",
    ),
}


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


def classifying(scores: list[float], *, ends: str = "Identity", name: str = "scores", **properties: str) -> bytes:
    model = ending_in(ends, {name: np.array([scores], np.float32)}, name)
    return with_properties(model, **properties)


CLASSIFIERS = {
    "softmax": (classifying([1, 2, 3], ends="Softmax"), "probabilities", ["class 0", "class 1", "class 2"]),
    "log softmax": (classifying([1, 2, 3], ends="LogSoftmax"), "logits", ["class 0", "class 1", "class 2"]),
    "logits": (classifying([1, 2, 3]), "logits", ["class 0", "class 1", "class 2"]),
    "ultralytics": (
        classifying([1, 2, 3], ends="Softmax", name="output0", **(ULTRALYTICS | {"task": "classify"})),
        "probabilities",
        NAMES,
    ),
    "n x 1 x 1": (
        fixed({"prob": np.array([0.2, 0.8], np.float32).reshape(1, 2, 1, 1)}),
        "probabilities",
        ["class 0", "class 1"],
    ),
    "sigmoid of one": (classifying([0.5], ends="Sigmoid"), "binary_probability", ["class 0", "class 1"]),
    "logit of one": (classifying([0.5], classes="broken"), "binary_logit", ["not broken", "broken"]),
    "six classes of any number of images": (
        free(ending_in("Softmax", {"output": np.array([[1, 2, 3, 4, 5, 6]], np.float32)}, "output")),
        "probabilities",
        [f"class {number}" for number in range(6)],
    ),
    "two outputs of four classes": (
        ending_in(
            "Softmax",
            {"linear": np.array([[1, 2, 3, 4]], np.float32), "softmax": np.array([[1, 2, 3, 4]], np.float32)},
            "softmax",
        ),
        "logits",
        [f"class {number}" for number in range(4)],
    ),
    "features before the scores": (
        fixed({"features": np.zeros((1, 64, 8, 8), np.float32), "logits": np.array([[1, 2, 3]], np.float32)}),
        "logits",
        ["class 0", "class 1", "class 2"],
    ),
    "log softmax by its name": (
        classifying([1, 2, 3], ends="LogSoftmax", name="log_softmax"),
        "logits",
        ["class 0", "class 1", "class 2"],
    ),
    "names that do not fit": (classifying([1, 2], names=str(NAMES)), "logits", ["class 0", "class 1"]),
}


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
