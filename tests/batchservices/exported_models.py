"""Models as they are exported: tiny graphs with the names, shapes and properties of each family, and fixed answers."""

import numpy as np
from onnx import ModelProto
from onnx.helper import make_node
from onnx.numpy_helper import from_array

from tests.corpus.onnx_exports import with_properties
from tests.corpus.onnx_models import SIDE, fixed

NAMES = ["cat", "dog", "fox"]
ULTRALYTICS = {"names": "{0: 'cat', 1: 'dog', 2: 'fox'}", "stride": "32", "imgsz": "[8, 8]", "task": "detect"}
BOX, CENTER = [1, 2, 5, 6], [3, 4, 4, 4]  # seen in the 8 x 8 pixels of the input
CANDIDATES = 90


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
