"""What exporters make of models: properties beside the graph, half precision, more inputs than the image."""

import numpy as np
from onnx import ModelProto, TensorProto
from onnx.helper import make_node

from tests.corpus.onnx_models import SIDE, build


def with_properties(data: bytes, **properties: str) -> bytes:
    """The model with what an exporter writes beside the graph."""
    model = ModelProto.FromString(data)
    for key, value in properties.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def sized(*, order: tuple[int, int] = (0, 1), masked: bool = False) -> bytes:
    """A detector that takes the size of the image beside it, as RT-DETR's own export does, and finds one box: the whole
    image in the pixels of that size. Masked, it also takes a mask, and finds nothing where that is 0."""
    weights = {
        "corner": np.zeros((1, 2), np.float32),
        "order": np.array(order, np.int64),
        "side": np.array([1, 1, 4], np.int64),
        "one": np.array([1, 1], np.int64),
        "classes": np.zeros((1, 1), np.int64),
        "zero": np.zeros((), np.float32),
        "score": np.full((), 0.9, np.float32),
    }
    nodes = [
        make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        make_node("Gather", ["size", "order"], ["far"], axis=1),
        make_node("Concat", ["corner", "far"], ["both"], axis=1),
        make_node("Reshape", ["both", "side"], ["boxes"]),
        make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        make_node("Mul", ["mean", "zero"], ["nothing"]),
        make_node("ReduceMin", ["mask" if masked else "score"], ["shown"], keepdims=0),
        make_node("Mul", ["score", "shown"] if masked else ["shown", "one as float"], ["sure"]),
        make_node("Add", ["sure", "nothing"], ["summed"]),
        make_node("Reshape", ["summed", "one"], ["scores"]),
        make_node("Identity", ["classes"], ["labels"]),
    ]
    weights["one as float"] = np.ones((), np.float32)
    inputs: dict[str, tuple] = {"image": (1, 3, SIDE, SIDE), "orig_target_sizes": (1, 2)}
    if masked:
        inputs["mask"] = ("n", "h", "w")
    outputs = {"labels": (1, 1), "boxes": (1, 1, 4), "scores": (1, 1)}
    model = build(nodes, weights=weights, inputs=inputs, outputs=outputs)
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    return model.SerializeToString()


def half(scores: list[float]) -> bytes:
    """A classifier of half precision that answers these numbers: its input and its output are float16."""
    weights = {"fixed": np.array([scores], np.float16), "zero": np.zeros((), np.float16)}
    nodes = [
        make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        make_node("Mul", ["mean", "zero"], ["nothing"]),
        make_node("Add", ["fixed", "nothing"], ["scores"]),
    ]
    model = build(nodes, weights=weights, outputs={"scores": (1, len(scores))})
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model.SerializeToString()
