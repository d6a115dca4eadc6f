"""The one door for model files: what is in an ONNX file, found without running it. No Django; runs in a
sandbox.

A model is a program by a stranger. Before a runtime sees it, this door refuses what could reach beyond it:
data kept in other files (wherever in the graph they are named), operators of other domains, versions nobody
here knows.
"""

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, NodeProto, TensorProto

from batchservices.metadata import read_class_names, read_properties
from config.refusals import Refused

MAX_BYTES = 300 * 2**20
MAX_NODES = 50_000
MAX_PORTS = 64
MIN_OPSET, MAX_OPSET = 7, 26  # what the runtime supports
MIN_IR_VERSION, MAX_IR_VERSION = 3, 13
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})

POOLS = frozenset({"GlobalAveragePool", "GlobalMaxPool", "ReduceMean"})
PRODUCTS = frozenset({"MatMul", "Gemm"})
SELECTORS = frozenset({"NonMaxSuppression", "TopK"})  # a detector's end: no one vector describes its image
SHAPERS = frozenset({"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})
SHAPERS |= {"QuantizeLinear", "DequantizeLinear"}
WEIGHTED = PRODUCTS | {"Conv", "ConvTranspose", "QLinearConv", "QLinearMatMul", "LSTM", "GRU"}
SEARCH_LIMIT = 64  # nodes looked at, from the outputs backwards, for the last layer


def inspect(data: bytes) -> dict[str, Any]:
    """What a model file holds, after all checks that need no runtime.

    Args:
        data: the file.

    Returns:
        inputs, outputs: lists of {name, dtype, shape}; dtype as numpy calls it (None: no tensor), shape a
            list with None for a free side (None: unknown).
        opset, ir_version, nodes: numbers.
        producer: who wrote it.
        final: per output the last operator that computes, shapes and casts left aside ("Softmax", "Gemm",
            ...).
        activations_tensor: the tensor that enters the last layer, or None where there is none (forests,
            logistic regression, detectors).
        class_names: as the file itself names its classes, or None.
        properties: what its exporter wrote into it, by name, as text.
        operators: the operators it is made of, each once.
        first: per input the first operator that computes with it, shapes and casts left aside.

    Raises:
        Refused: too_large, invalid_model, external_data_forbidden, unsupported_operator, unsupported_opset.
    """
    model = read(data)
    graph = model.graph
    return {
        "inputs": [_port(port) for port in _inputs(graph)],
        "outputs": [_port(port) for port in graph.output],
        "opset": _opset(model),
        "ir_version": model.ir_version,
        "nodes": len(graph.node),
        "producer": _readable(f"{model.producer_name} {model.producer_version}".strip()),
        "final": [_final_operator(graph, port.name) for port in graph.output],
        "activations_tensor": _activations_tensor(graph),
        "class_names": read_class_names(model),
        "properties": read_properties(model),
        "operators": sorted({node.op_type for node in graph.node}),
        "first": {port.name: _first_operator(graph, port.name) for port in _inputs(graph)},
    }


def with_output(data: bytes, tensor: str | None) -> bytes:
    """The checked model as bytes for the runtime, with one of its inner tensors as a further, last output.

    The model is written anew from what was read, so that the runtime sees exactly what was checked.

    Raises:
        Refused: as `inspect`; unknown_tensor.
    """
    model = read(data)
    if tensor and tensor not in {port.name for port in model.graph.output}:
        if not any(tensor in node.output for node in model.graph.node):
            raise Refused("unknown_tensor", "The model computes no tensor of that name.", field="activations_tensor")
        model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return model.SerializeToString()


def read(data: bytes) -> ModelProto:
    """The checked model. Raises as `inspect`."""
    if len(data) > MAX_BYTES:
        raise Refused("too_large", f"The model is larger than {MAX_BYTES // 2**20} MiB.", status=413, field="file")
    try:
        model = ModelProto.FromString(data)
    except DecodeError:
        raise _invalid("The file is not an ONNX model.") from None
    model.DiscardUnknownFields()
    if not model.HasField("graph") or not model.graph.node or not model.graph.output:
        raise _invalid("The file is not an ONNX model: it has no graph that computes anything.")
    if not 1 <= len(_inputs(model.graph)) <= MAX_PORTS or len(model.graph.output) > MAX_PORTS:
        raise _invalid("The model needs at least one input, and has too many inputs or outputs.")
    _check_parts(model)
    _check_versions(model)
    return model


def _check_parts(model: ModelProto) -> None:
    """Walks every message of the file, whatever field holds it: subgraphs, functions and training
    included."""
    nodes = 0
    for part in _parts(model):
        if isinstance(part, TensorProto):
            if part.data_location == TensorProto.EXTERNAL or part.external_data:
                raise Refused(
                    "external_data_forbidden",
                    "The model keeps data in other files. Save it as one file, with its weights inside: with "
                    "PyTorch by torch.onnx.export(..., external_data=False).",
                    field="file",
                )
        elif isinstance(part, NodeProto):
            nodes += 1
            if nodes > MAX_NODES:
                raise Refused("too_large", f"The model has more than {MAX_NODES:,} nodes.", field="file")
            _check_operator(part)
    if model.functions:
        raise Refused("unsupported_operator", "The model defines functions; export it with them inlined.", field="file")


def _check_operator(node: NodeProto) -> None:
    if node.domain not in DOMAINS:
        words = f"Operators of {_readable(node.domain)} are not supported."
        if node.domain.startswith("com.microsoft"):
            words += " They come from optimizing or quantizing a model for one runtime: take the file from before that."
        raise Refused("unsupported_operator", words, field="file")
    domain = "" if node.domain == "ai.onnx" else node.domain
    if not onnx.defs.has(node.op_type, domain):
        raise Refused("unsupported_operator", f"There is no operator {_readable(node.op_type)}.", field="file")


def _check_versions(model: ModelProto) -> None:
    opset, version = _opset(model), model.ir_version
    if not (MIN_OPSET <= opset <= MAX_OPSET and MIN_IR_VERSION <= version <= MAX_IR_VERSION):
        raise Refused(
            "unsupported_opset",
            f"The model uses opset {opset} in file format {version}; opsets {MIN_OPSET} to {MAX_OPSET} in "
            f"formats {MIN_IR_VERSION} to {MAX_IR_VERSION} are supported.",
            field="file",
        )


def _parts(message: Message) -> Iterator[Message]:
    """Every message below this one. Plain numbers and texts are never walked, so weights cost nothing."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if isinstance(value, Message) else value)
            elif field.type == field.TYPE_STRING and any(
                isinstance(text, bytes) or "\0" in text
                for text in ([value] if isinstance(value, str | bytes) else value)
            ):
                raise _invalid("The file is not an ONNX model: a name in it is no text.")
        yield part


def _opset(model: ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions:
        raise Refused("unsupported_opset", "The model does not say which opset it uses.", field="file")
    return max(versions)


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """What must be fed: old files list their weights among the inputs."""
    weights = {tensor.name for tensor in graph.initializer}
    return [port for port in graph.input if port.name not in weights]


def _port(port: onnx.ValueInfoProto) -> dict[str, Any]:
    shape: list[int | None] | None = None
    dtype = None
    if port.type.HasField("tensor_type"):
        tensor = port.type.tensor_type
        try:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        except (KeyError, ValueError):
            dtype = None
        if tensor.HasField("shape"):
            shape = [side.dim_value if side.dim_value > 0 else None for side in tensor.shape.dim]
    return {"name": port.name, "dtype": dtype, "shape": shape}


def _producers(graph: onnx.GraphProto) -> dict[str, NodeProto]:
    return {name: node for node in graph.node for name in node.output if name}


def _constants(graph: onnx.GraphProto) -> set[str]:
    """Tensors that no input changes: weights, and what is computed from weights alone. Nodes come in
    order."""
    constants = {tensor.name for tensor in graph.initializer} | {""}
    for node in graph.node:
        has_subgraph = any(attribute.HasField("g") for attribute in node.attribute)  # it may read outer data
        if constants.issuperset(node.input) and not has_subgraph:
            constants.update(node.output)
    return constants


def _final_operator(graph: onnx.GraphProto, output: str) -> str | None:
    producers, name = _producers(graph), output
    for _ in range(SEARCH_LIMIT):
        node = producers.get(name)
        if node is None:
            return None
        if node.op_type not in SHAPERS or not node.input:
            return node.op_type
        name = node.input[0]
    return None


def _first_operator(graph: onnx.GraphProto, name: str) -> str | None:
    """Nodes come in order, so one walk follows the input through whatever only shapes it."""
    names = {name}
    for node in graph.node:
        if names.intersection(node.input):
            if node.op_type not in SHAPERS:
                return node.op_type
            names.update(node.output)
    return None


def _activations_tensor(graph: onnx.GraphProto) -> str | None:
    """The data that enters the last matrix product before an output, or what a global pooling gives.

    The nearest to the outputs wins. A product that works on the input itself (logistic regression) has no
    layer before it: None.
    """
    if any(node.op_type in SELECTORS for node in graph.node) or len(graph.output) > 2:
        return None
    producers, constants = _producers(graph), _constants(graph)
    waiting = [port.name for port in graph.output]
    seen: set[str] = set()
    while waiting and len(seen) < SEARCH_LIMIT:
        name = waiting.pop(0)
        node = producers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        data = [tensor for tensor in node.input if tensor not in constants]
        if node.op_type in POOLS:
            return name
        if node.op_type in PRODUCTS and len(data) == 1:
            return data[0] if _is_learned(data[0], producers, constants) else None
        waiting.extend(data)
    return None


def _is_learned(name: str, producers: dict[str, NodeProto], constants: set[str]) -> bool:
    """Whether a layer with weights lies between the input and this tensor."""
    waiting, seen = [name], set()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type in WEIGHTED:
            return True
        waiting.extend(tensor for tensor in node.input if tensor not in constants)
    return False


def _readable(text: str) -> str:
    """A stranger's word, fit for a sentence: short, no control characters, no path."""
    return "".join(letter for letter in text if letter.isprintable() and letter not in "/\\")[:64]


def _invalid(message: str) -> Refused:
    return Refused("invalid_model", message, field="file")
