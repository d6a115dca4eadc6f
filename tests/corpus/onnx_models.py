"""Models as strangers write them, small and in memory: honest ones and hostile ones."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto
from onnx.helper import (
    make_function,
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor_value_info,
    np_dtype_to_tensor_dtype,
)
from onnx.numpy_helper import from_array
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

SIDE = 8
CLASSES = ("cat", "dog", "fox")
OPSET = 17


def build(nodes: list, *, outputs: dict[str, tuple] | None = None, weights: dict[str, np.ndarray] | None = None,
          inputs: dict[str, tuple] | None = None, opset: int = OPSET) -> ModelProto:  # fmt: skip
    """A model of these nodes; its input is "image" (1, 3, SIDE, SIDE), its output "scores" (1, 3), if not told."""
    shape_in = inputs or {"image": (1, 3, SIDE, SIDE)}
    shape_out = outputs or {"scores": (1, len(CLASSES))}
    graph = make_graph(
        nodes,
        "graph",
        [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shape_in.items()],
        [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shape_out.items()],
        [from_array(array, name) for name, array in (weights or {}).items()],
    )
    return make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=9)


def conv_net(*, ends: str = "Softmax") -> bytes:
    """Conv, Relu, GlobalAveragePool, Flatten, Gemm, and a Softmax or nothing."""
    random = np.random.default_rng(0)
    weights = {
        "kernel": random.normal(size=(5, 3, 3, 3)).astype(np.float32),
        "last": random.normal(size=(5, 3)).astype(np.float32),
        "bias": np.zeros(3, np.float32),
    }
    nodes = [
        make_node("Conv", ["image", "kernel"], ["features"]),
        make_node("Relu", ["features"], ["rectified"]),
        make_node("GlobalAveragePool", ["rectified"], ["pooled"]),
        make_node("Flatten", ["pooled"], ["flat"]),
        make_node("Gemm", ["flat", "last", "bias"], ["logits"]),
        make_node(ends, ["logits"], ["scores"]),
    ]
    return build(nodes, weights=weights).SerializeToString()


def fully_convolutional() -> bytes:
    """No matrix product at all: what the global pool gives enters the last convolution."""
    random = np.random.default_rng(0)
    weights = {
        "kernel": random.normal(size=(5, 3, 3, 3)).astype(np.float32),
        "last": random.normal(size=(3, 5, 1, 1)).astype(np.float32),
    }
    nodes = [
        make_node("Conv", ["image", "kernel"], ["features"]),
        make_node("GlobalAveragePool", ["features"], ["pooled"]),
        make_node("Conv", ["pooled", "last"], ["classes"]),
        make_node("Flatten", ["classes"], ["flat"]),
        make_node("Softmax", ["flat"], ["scores"]),
    ]
    return build(nodes, weights=weights).SerializeToString()


def says(scores: list[float] | np.ndarray) -> bytes:
    """A classifier that answers these numbers, whatever it sees."""
    answer = np.array([scores], np.float32)
    return fixed({"scores": answer})


def detects(boxes: list, scores: list[float], classes: list[float]) -> bytes:
    """A detector that answers these boxes (n, 4), scores (n,) and class numbers (n,), whatever it sees."""
    return fixed(
        {
            "boxes": np.array(boxes, np.float32).reshape(1, -1, 4),
            "scores": np.array([scores], np.float32),
            "classes": np.array([classes], np.float32),
        }
    )


def fixed(answers: dict[str, np.ndarray]) -> bytes:
    """A model whose outputs are these arrays, whatever it sees."""
    nodes = [
        make_node("ReduceSum", ["image"], ["sum"], keepdims=0),
        make_node("Mul", ["sum", "zero"], ["nothing"]),
    ]
    for name, answer in answers.items():
        to = np_dtype_to_tensor_dtype(answer.dtype)
        nodes.append(make_node("Cast", ["nothing"], [f"no {name}"], to=to))
        nodes.append(make_node("Add", [f"fixed {name}", f"no {name}"], [name]))
    weights = {f"fixed {name}": answer for name, answer in answers.items()} | {"zero": np.zeros((), np.float32)}
    model = build(nodes, weights=weights, outputs={name: answer.shape for name, answer in answers.items()})
    for port in model.graph.output:
        port.type.tensor_type.elem_type = np_dtype_to_tensor_dtype(answers[port.name].dtype)
    return model.SerializeToString()


@cache
def scikit_learn(kind: str, *, zipmap: bool = True) -> bytes:
    """A scikit-learn classifier of (n, 64) images of 3 classes: "mlp", "logistic" or "forest"."""
    random = np.random.default_rng(0)
    X, y = random.uniform(0, 1, (90, SIDE * SIDE)).astype(np.float32), np.repeat(CLASSES, 30)
    estimator = {
        "mlp": MLPClassifier((16,), max_iter=200, tol=1e-2, random_state=0),
        "logistic": LogisticRegression(max_iter=50),
        "forest": RandomForestClassifier(5, random_state=0),
    }[kind].fit(X, y)
    return to_onnx(estimator, X[:1], options={id(estimator): {"zipmap": zipmap}}).SerializeToString()


def tells_sides(*, gain: float = 4.0) -> bytes:
    """A classifier that says "cat" where the left half is brighter, "dog" where the right one is, the surer the more:
    mirrored, it says the other. The input is scaled to 0..1."""
    side = np.where(np.arange(SIDE) < SIDE / 2, 1.0, -1.0) * gain / (3 * SIDE * SIDE / 2)
    weights = {"side": np.broadcast_to(side, (1, 3, SIDE, SIDE)).astype(np.float32)}
    weights |= {"turn": np.array([[1, -1, 0]], np.float32), "never": np.array([[0, 0, -20]], np.float32)}
    nodes = [
        make_node("Mul", ["image", "side"], ["pulled"]),
        make_node("ReduceSum", ["pulled"], ["pull"], keepdims=0),
        make_node("Mul", ["turn", "pull"], ["odds"]),
        make_node("Add", ["odds", "never"], ["logits"]),
        make_node("Softmax", ["logits"], ["scores"]),
    ]
    return build(nodes, weights=weights).SerializeToString()


def follows(*, renames: bool = False, score: float = 0.8) -> bytes:
    """A detector that finds one box of 4 by 4 pixels, around the middle of the light from left to right; a "cat", or if
    it `renames` a "dog" where that is in the right half."""
    weights: dict[str, np.ndarray] = {
        "places": np.broadcast_to(np.arange(SIDE) + 0.5, (1, 1, 1, SIDE)).astype(np.float32),
        "base": np.array([[[-2, 2, 2, 6]]], np.float32),
        "across": np.array([[[1, 0, 1, 0]]], np.float32),
        "score": np.array([[score]], np.float32),
        "middle": np.array(SIDE / 2 if renames else SIDE * 2, np.float32),
        "row": np.array([1, 1], np.int64),
    }
    nodes = [
        make_node("Mul", ["image", "places"], ["pulled"]),
        make_node("ReduceSum", ["pulled"], ["pull"], keepdims=0),
        make_node("ReduceSum", ["image"], ["light"], keepdims=0),
        make_node("Div", ["pull", "light"], ["center"]),
        make_node("Mul", ["across", "center"], ["moved"]),
        make_node("Add", ["base", "moved"], ["boxes"]),
        make_node("Identity", ["score"], ["scores"]),
        make_node("Greater", ["center", "middle"], ["right"]),
        make_node("Cast", ["right"], ["class"], to=TensorProto.FLOAT),
        make_node("Reshape", ["class", "row"], ["classes"]),
    ]
    outputs = {"boxes": (1, 1, 4), "scores": (1, 1), "classes": (1, 1)}
    return build(nodes, weights=weights, outputs=outputs).SerializeToString()


def raw_grid() -> bytes:
    """A detector's raw grid, (1, 6, 16): in each image a "cat" of 4 by 4 pixels, confidence 0.55, around the middle of
    the light from left to right, and a "dog" of 2 by 2 pixels, confidence 0.9, at the bottom right."""
    base, mover = np.zeros((1, 6, 16), np.float32), np.zeros((1, 6, 16), np.float32)
    base[0, :, 0] = [0, SIDE / 2, 4, 4, 0.55, 0]
    base[0, :, 1] = [SIDE - 1, SIDE - 1, 2, 2, 0, 0.9]
    mover[0, 0, 0] = 1
    places = np.broadcast_to(np.arange(SIDE) + 0.5, (1, 1, 1, SIDE)).astype(np.float32)
    nodes = [
        make_node("Mul", ["image", "places"], ["pulled"]),
        make_node("ReduceSum", ["pulled"], ["pull"], keepdims=0),
        make_node("ReduceSum", ["image"], ["light"], keepdims=0),
        make_node("Div", ["pull", "light"], ["center"]),
        make_node("Mul", ["mover", "center"], ["moved"]),
        make_node("Add", ["base", "moved"], ["candidates"]),
    ]
    weights = {"places": places, "base": base, "mover": mover}
    return build(nodes, weights=weights, outputs={"candidates": base.shape}).SerializeToString()


# ---- hostile ----


def _external(location: str) -> TensorProto:
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[1, 3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def _identity() -> ModelProto:
    return build([make_node("Identity", ["weights"], ["scores"])])


def _with_initializer(location: str) -> ModelProto:
    model = _identity()
    model.graph.initializer.append(_external(location))
    return model


def _undeclared() -> ModelProto:
    """External by its entries alone, without saying so in its location field."""
    model = _with_initializer("weights.bin")
    model.graph.initializer[0].data_location = TensorProto.DEFAULT
    return model


def _sparse(part: str) -> ModelProto:
    model = _identity()
    sparse = model.graph.sparse_initializer.add(dims=[1, 3])
    getattr(sparse, part).CopyFrom(_external("../secret"))
    return model


def _attribute() -> ModelProto:
    return build([make_node("Constant", [], ["scores"], value=_external("settings.py"))])


def _attributes() -> ModelProto:
    model = build([make_node("Identity", ["image"], ["scores"])])
    model.graph.node[0].attribute.add(name="many", type=onnx.AttributeProto.TENSORS).tensors.append(_external("a"))
    return model


def _subgraph() -> ModelProto:
    branch = GraphProto(name="branch", initializer=[_external(".env")])
    branch.node.append(make_node("Identity", ["weights"], ["inner"]))
    branch.output.append(make_tensor_value_info("inner", TensorProto.FLOAT, (1, 3)))
    node = make_node("If", ["condition"], ["scores"], then_branch=branch, else_branch=branch)
    return build([node], weights={"condition": np.array(True)})


def _function() -> ModelProto:
    model = build([make_node("Local", [], ["scores"], domain="here")])
    constant = make_node("Constant", [], ["inner"], value=_external(".env"))
    model.functions.append(make_function("here", "Local", [], ["inner"], [constant], [make_opsetid("", OPSET)]))
    return model


def _training() -> ModelProto:
    model = build([make_node("Identity", ["image"], ["scores"])])
    model.training_info.add().initialization.initializer.append(_external(".env"))
    return model


EXTERNAL: dict[str, Callable[[], ModelProto]] = {
    "relative": lambda: _with_initializer("weights.bin"),
    "traversal": lambda: _with_initializer("../../secret"),
    "absolute": lambda: _with_initializer("/etc/passwd"),
    "environment": lambda: _with_initializer(".env"),
    "memory address": lambda: _with_initializer("*/_ORT_MEM_ADDR_/*"),
    "undeclared": _undeclared,
    "sparse values": lambda: _sparse("values"),
    "sparse indices": lambda: _sparse("indices"),
    "attribute": _attribute,
    "attributes": _attributes,
    "subgraph": _subgraph,
    "function": _function,
    "training": _training,
}


def custom_domain() -> bytes:
    return build([make_node("Anything", ["image"], ["scores"], domain="evil.example")]).SerializeToString()


def contributed() -> bytes:
    """An operator of the runtime's own domain, where its overflows were found."""
    return build(
        [make_node("EmbedLayerNormalization", ["image"], ["scores"], domain="com.microsoft")]
    ).SerializeToString()


def unknown_operator() -> bytes:
    return build([make_node("Abrakadabra", ["image"], ["scores"])]).SerializeToString()


def of_versions(*, opset: int = OPSET, ir_version: int = 9) -> bytes:
    model = onnx.load_from_string(conv_net())
    model.opset_import[0].version = opset
    model.ir_version = ir_version
    return model.SerializeToString()


def many_nodes(number: int) -> bytes:
    names = ["image", *(f"t{index}" for index in range(number - 1)), "scores"]
    return build([make_node("Relu", [a], [b]) for a, b in pairwise(names)]).SerializeToString()


def endless() -> bytes:
    """Loops 2^62 times."""
    body = make_graph(
        [make_node("Identity", ["go on"], ["still"]), make_node("Add", ["before", "before"], ["after"])],
        "body",
        [
            make_tensor_value_info("trip", TensorProto.INT64, ()),
            make_tensor_value_info("go on", TensorProto.BOOL, ()),
            make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            make_tensor_value_info("still", TensorProto.BOOL, ()),
            make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        make_node("Loop", ["trips", "yes", "mean"], ["end"], body=body),
        make_node("Add", ["end", "zeros"], ["scores"]),
    ]
    weights = {"trips": np.array(2**62), "yes": np.array(True), "zeros": np.zeros((1, 3), np.float32)}
    return build(nodes, weights=weights).SerializeToString()


def four_terabytes() -> bytes:
    """About a hundred bytes that ask for 4 TB, only once there is an image."""
    nodes = [
        make_node("Shape", ["image"], ["shape"]),
        make_node("Mul", ["shape", "factor"], ["huge"]),
        make_node("ConstantOfShape", ["huge"], ["filled"]),
        make_node("ReduceSum", ["filled"], ["sum"], keepdims=0),
        make_node("Add", ["sum", "zeros"], ["scores"]),
    ]
    weights = {"factor": np.array([1, 2**18, 2**6, 2**6]), "zeros": np.zeros((1, 3), np.float32)}
    return build(nodes, weights=weights, inputs={"image": ("n", 3, SIDE, SIDE)}).SerializeToString()


def wrong_shapes() -> bytes:
    """Valid by its file; its product cannot be computed."""
    nodes = [make_node("MatMul", ["image", "weights"], ["scores"])]
    return build(nodes, weights={"weights": np.zeros((5, 3), np.float32)}).SerializeToString()


def runtime_format() -> bytes:
    """A model that the runtime takes for its own, unchecked format: its fifth to eighth bytes are ORTM."""
    rest = ModelProto.FromString(conv_net())
    rest.ClearField("ir_version")
    rest.ClearField("producer_name")
    return b"\x08\x09\x12\x04ORTM" + rest.SerializeToString()


def random_answer() -> bytes:
    """A classifier that answers something else every time."""
    nodes = [
        make_node("RandomUniformLike", ["zeros"], ["noise"]),
        make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        make_node("Mul", ["mean", "zero"], ["nothing"]),
        make_node("Add", ["noise", "nothing"], ["logits"]),
        make_node("Softmax", ["logits"], ["scores"]),
    ]
    weights = {"zeros": np.zeros((1, 3), np.float32), "zero": np.zeros((), np.float32)}
    return build(nodes, weights=weights).SerializeToString()


def string_output() -> bytes:
    graph = make_graph(
        [make_node("Constant", [], ["scores"], value=from_array(np.array([["a", "b", "c"]], dtype=object)))],
        "graph",
        [make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [make_tensor_value_info("scores", TensorProto.STRING, (1, 3))],
    )
    return make_model(graph, opset_imports=[make_opsetid("", OPSET)], ir_version=9).SerializeToString()
