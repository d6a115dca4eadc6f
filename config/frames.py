"""The words between a process and its sandbox: JSON with raw buffers, nothing that can run.

A frame is 8 bytes (big endian) with the length of a JSON header, the header, and then the raw bytes of every
buffer the header names. Values are what JSON knows, bytes, and numpy arrays of the plain number types; tuples
arrive as lists. Whoever reads treats the other end as hostile: lengths are checked before memory is taken,
nothing is unpickled.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

HEADER_LIMIT = 32 * 2**20
FRAME_LIMIT = 512 * 2**20
DTYPES = frozenset(["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]) | {
    "bool",
    "float16",
    "float32",
    "float64",
}
_MARK = "$buffer"  # a JSON object with this key stands for a buffer

type Buffer = bytes | bytearray | memoryview


class BadFrame(ValueError):  # noqa: N818  the name is what arrived
    """The other end sent something that is no frame, or one beyond the limits."""


def pack(value: Any) -> list[Buffer]:
    """A frame as a list of pieces to write one after another; arrays and bytes are not copied.

    Args:
        value: None, bool, int, float, str, bytes, numpy arrays and scalars, lists, tuples and dicts (keys:
            str) of them.

    Raises:
        BadFrame: a value of another type, an array of another dtype than `DTYPES`, or more than `FRAME_LIMIT`
            bytes.
    """
    buffers: list[Buffer] = []
    tree = _take_out(value, buffers)
    header = json.dumps({"tree": tree, "buffers": [len(buffer) for buffer in buffers]}).encode()
    if len(header) > HEADER_LIMIT or sum(map(len, buffers)) > FRAME_LIMIT:
        raise BadFrame("The frame is too large.")
    return [len(header).to_bytes(8, "big"), header, *buffers]


def unpack(read: Callable[[int], bytearray]) -> Any:
    """Reads one frame and returns its value; arrays are writable and own their memory.

    Args:
        read: returns exactly as many bytes as asked for; called only with lengths inside the limits.

    Raises:
        BadFrame: the bytes are no frame or break a limit.
    """
    length = int.from_bytes(read(8), "big")
    if length > HEADER_LIMIT:
        raise BadFrame("The header is too large.")
    try:
        header = json.loads(bytes(read(length)))
        lengths = header["buffers"]
        tree = header["tree"]
        if not all(type(size) is int and size >= 0 for size in lengths) or sum(lengths) > FRAME_LIMIT:
            raise BadFrame("The buffers are too large.")
        buffers = iter([read(size) for size in lengths])
        value = _put_back(tree, buffers)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        StopIteration,
        RecursionError,
    ) as error:
        raise BadFrame("The frame is malformed.") from error
    if next(buffers, None) is not None:
        raise BadFrame("The frame holds a buffer that nothing names.")
    return value


def _take_out(value: Any, buffers: list[Buffer]) -> Any:
    """The value with every buffer replaced by its description, in the order of `buffers`."""
    if isinstance(value, np.generic):  # first: np.float64 is a float as well
        return _take_out(value.item(), buffers)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        buffers.append(memoryview(value).cast("B") if isinstance(value, memoryview) else value)
        return {_MARK: "bytes"}
    if isinstance(value, np.ndarray):
        if value.dtype.name not in DTYPES:
            raise BadFrame(f"Arrays of {value.dtype.name} do not cross.")
        buffers.append(memoryview(np.ascontiguousarray(value).reshape(-1).view(np.uint8)))
        return {_MARK: value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, list | tuple):
        return [_take_out(item, buffers) for item in value]
    if isinstance(value, dict) and _MARK not in value and all(isinstance(key, str) for key in value):
        return {key: _take_out(item, buffers) for key, item in value.items()}
    raise BadFrame(f"Values of {type(value).__name__} do not cross.")


def _put_back(tree: Any, buffers: Iterator[bytearray]) -> Any:
    """The value that `_take_out` was given."""
    if isinstance(tree, list):
        return [_put_back(item, buffers) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if _MARK not in tree:
        return {key: _put_back(item, buffers) for key, item in tree.items()}
    kind, buffer = tree[_MARK], next(buffers)
    if kind == "bytes":
        return bytes(buffer)
    if kind not in DTYPES:
        raise BadFrame("An array of a type that does not cross.")
    shape, dtype = tree["shape"], np.dtype(kind)
    if len(shape) > 32 or not all(type(side) is int and side >= 0 for side in shape):
        raise BadFrame("An array of an impossible shape.")
    if math.prod(shape) * dtype.itemsize != len(buffer):
        raise BadFrame("An array whose bytes do not fill its shape.")
    return np.frombuffer(buffer, dtype).reshape(shape)
