"""The profile that is proposed for a file reads its answers right, and says how sure each part is and why."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto
from onnx.helper import make_node
from PIL import Image

from batchservices import inference, onnxfile
from batchservices.profile import Profile
from batchservices.proposal import propose
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


DETECTORS = {
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


@pytest.mark.parametrize("masked", [False, True])
def test_a_model_that_takes_the_size_or_a_mask_beside_the_image_gets_them(masked: bool) -> None:
    model = onnx_exports.sized(masked=masked)
    profile = propose(onnxfile.inspect(model))["profile"]
    assert profile["input"]["sizes"] == "orig_target_sizes"
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
    found = inference.predict_image(square())
    assert np.allclose(found["boxes"], [[0, 0, 80, 80]])
    assert np.isclose(found["confidences"][0], 0.9)


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
    ],
    ids=["text recognition", "segmentation", "segmentation of logits", "rotated boxes"],
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
