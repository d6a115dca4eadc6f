"""Inputs and a model for the benchmark of inference, made up, the same each time: nothing is downloaded."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

SIDE = 224
CLASSES = tuple(f"class {number:03}" for number in range(1000))
INPUT = {
    "name": "image",
    "width": SIDE,
    "height": SIDE,
    "mean": [123.675, 116.28, 103.53],
    "scale": [1 / 58.395, 1 / 57.12, 1 / 57.375],
}
PROFILE = {
    "task": "image_classification",
    "class_names": list(CLASSES),
    "input": INPUT,
    "output": {"kind": "logits", "scores": "scores"},
}
SMALL_CLASSES = 10
SMALL_PROFILE = {
    "task": "image_classification",
    "class_names": list(CLASSES[:SMALL_CLASSES]),
    "input": {"name": "image", "width": 64, "height": 64, "scale": [1 / 255]},
    "output": {"kind": "logits", "scores": "scores"},
}
QUALITY = 60  # of the noise that `photographs` carry: about 450 kB at 1,920 x 1,080

# Sandler et al. (2018), MobileNetV2, table 2: expansion, channels, repeats, stride
BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
FIRST, LAST = 32, 1280


class _Network:
    """Nodes and random weights of a graph, layer after layer."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.nodes: list = []
        self.weights: list = [from_array(np.float32(0), "zero"), from_array(np.float32(6), "six")]
        self.value = "image"

    def convolution(self, into: int, out: int, *, side: int = 1, stride: int = 1, groups: int = 1,
                    bounded: bool = True) -> None:  # fmt: skip
        """A convolution with its bias (as batch normalization is folded in), and ReLU6."""
        name = f"layer{len(self.nodes)}"
        scale = np.sqrt(2 * groups / (into * side * side))
        kernel = self.rng.normal(scale=scale, size=(out, into // groups, side, side)).astype(np.float32)
        self.weights += [from_array(kernel, f"{name}_kernel"), from_array(np.zeros(out, np.float32), f"{name}_bias")]
        self.node("Conv", f"{name}_kernel", f"{name}_bias", group=groups, strides=[stride] * 2, pads=[side // 2] * 4)
        if bounded:
            self.node("Clip", "zero", "six")

    def node(self, operator: str, *others: str, **attributes: object) -> None:
        """One node on the newest value."""
        name = f"value{len(self.nodes)}"
        self.nodes.append(make_node(operator, [self.value, *others], [name], **attributes))
        self.value = name


def mobile_network() -> bytes:
    """A classifier of MobileNetV2's size as ONNX: 3.5 million random weights, 300 million multiplications."""
    network = _Network()
    network.convolution(3, FIRST, side=3, stride=2)
    channels = FIRST
    for expansion, out, repeats, first_stride in BLOCKS:
        for repeat in range(repeats):
            before, stride, inner = network.value, first_stride if repeat == 0 else 1, expansion * channels
            if expansion > 1:
                network.convolution(channels, inner)
            network.convolution(inner, inner, side=3, stride=stride, groups=inner)
            network.convolution(inner, out, bounded=False)
            if stride == 1 and channels == out:
                network.node("Add", before)
            channels = out
    network.convolution(channels, LAST)
    network.node("GlobalAveragePool")
    network.node("Flatten")
    head = network.rng.normal(scale=0.03, size=(LAST, len(CLASSES))).astype(np.float32)
    network.weights.append(from_array(head, "head"))
    network.nodes.append(make_node("MatMul", [network.value, "head"], ["scores"]))
    graph = make_graph(
        network.nodes,
        "mobile",
        [make_tensor_value_info("image", TensorProto.FLOAT, ("n", 3, SIDE, SIDE))],
        [make_tensor_value_info("scores", TensorProto.FLOAT, ("n", len(CLASSES)))],
        network.weights,
    )
    return make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=9).SerializeToString()


def small_network() -> bytes:
    """A classifier of 64-pixel images that costs next to nothing: what is left is the cost of the service."""
    weights = np.random.default_rng(0).normal(size=(3, SMALL_CLASSES)).astype(np.float32)
    graph = make_graph(
        [
            make_node("GlobalAveragePool", ["image"], ["pooled"]),
            make_node("Flatten", ["pooled"], ["flat"]),
            make_node("MatMul", ["flat", "weights"], ["scores"]),
        ],
        "small",
        [make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 64, 64))],
        [make_tensor_value_info("scores", TensorProto.FLOAT, (1, SMALL_CLASSES))],
        [from_array(weights, "weights")],
    )
    return make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=9).SerializeToString()


def write_photographs(folder: Path, *, count: int, width: int, height: int, quality: int = QUALITY) -> None:
    """JPEG files of soft shapes under noise; 32 scenes, each file with bytes of its own behind the end of its image."""
    scenes = list(_scenes(min(count, 32), width, height, quality))
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(scenes[number % len(scenes)] + number.to_bytes(4, "big"))


def _scenes(count: int, width: int, height: int, quality: int) -> Iterator[bytes]:
    rng = np.random.default_rng(1)
    for _ in range(count):
        shapes = rng.integers(0, 255, (max(4, height // 18), max(4, width // 18), 3), np.uint8)
        soft = cv2.resize(shapes, (width, height), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(soft + rng.normal(0, 14, (height, width, 1)), 0, 255).astype(np.uint8)
        yield cv2.imencode(".jpg", noisy, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
