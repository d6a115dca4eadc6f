"""What a model file says about itself beside its graph: its properties, and the names of its classes. No Django.

Exporters leave properties as text: ultralytics writes `names`, `imgsz`, `stride`, `task` and others, in Python's
notation; Windows ML's tools write `Image.BitmapPixelFormat` and `Image.NominalPixelRange`; many write a list of classes
under a name of their own.
"""

import ast
import json
from collections.abc import Iterable
from typing import Any

from onnx import GraphProto, ModelProto

MAX_CLASSES = 10_000
MAX_NAME = 256
MAX_PROPERTIES = 64
MAX_VALUE = 1000
MAX_NAMES_TEXT = 2**20
NAMES_KEYS = ("names", "class_names", "classes", "labels", "id2label", "categories")


def read_properties(model: ModelProto) -> dict[str, str]:
    """The properties that are short enough to show: at most 64, of at most 1,000 printable characters."""
    properties = {}
    for entry in list(model.metadata_props)[:MAX_PROPERTIES]:
        if len(entry.key) <= MAX_NAME and len(entry.value) <= MAX_VALUE and (entry.key + entry.value).isprintable():
            properties[entry.key] = entry.value
    return properties


def read_value(text: str) -> Any:
    """A property as JSON, else as a Python literal, else the text itself."""
    for read, faults in (
        (json.loads, (ValueError, RecursionError)),
        (ast.literal_eval, (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)),
    ):
        try:
            return read(text)
        except faults:
            continue
    return text


def read_class_names(model: ModelProto) -> list[str] | None:
    """The names of the classes in the order of the outputs, or None: from a property, else as scikit-learn's exporter
    leaves them."""
    properties = {entry.key.lower(): entry.value for entry in model.metadata_props if len(entry.value) < MAX_NAMES_TEXT}
    for key in NAMES_KEYS:
        if key in properties and (names := _listed(read_value(properties[key]))):
            return names
    return _of_scikit_learn(model.graph)


def _listed(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = [part.strip() for part in (value.splitlines() if "\n" in value.strip() else value.split(","))]
        value = [part for part in value if part]
    if isinstance(value, dict):
        if all(isinstance(name, int) for name in value.values()):  # the name first, then its number
            value = {number: name for name, number in value.items()}
        numbers = {int(key): name for key, name in value.items() if str(key).isascii() and str(key).isdecimal()}
        if len(numbers) < len(value) or not numbers or max(numbers) >= MAX_CLASSES:
            return None
        value = [numbers.get(number, f"class {number}") for number in range(max(numbers) + 1)]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str | int) for name in value):
        return None
    return _readable(map(str, value))


def _of_scikit_learn(graph: GraphProto) -> list[str] | None:
    """An attribute of the last node, or the table its label is taken from."""
    for node in reversed(graph.node):
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
                return _readable(map(_text, attribute.strings or attribute.ints))
    tables = {node.input[0] for node in graph.node if node.op_type == "ArrayFeatureExtractor" and node.input}
    for tensor in graph.initializer:
        if tensor.name in tables and len(tensor.dims) == 1 and tensor.dims[0] <= MAX_CLASSES:
            return _readable(map(_text, tensor.string_data or tensor.int64_data or tensor.int32_data))
    return None


def _text(value: bytes | int) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _readable(values: Iterable[str]) -> list[str] | None:
    """The names if people can read them all, each once: COCO's table says "N/A" for each number it left out."""
    names: list[str] = []
    taken: set[str] = set()
    for number, value in enumerate(values):
        name = f"{value} ({number})" if value in taken else value
        if number >= MAX_CLASSES or not name.strip() or not name.isprintable() or len(name) > MAX_NAME or name in taken:
            return None
        names.append(name)
        taken.add(name)
    return names or None
