"""What some models take beside the image: its size, or ones where nothing is masked. No Django; runs in a sandbox.

Both are the same for every image, since every image fills the model's input: RT-DETR's `orig_target_sizes`, YOLOv3's
`image_shape`, PaddleDetection's `im_shape` and `scale_factor`, DETR's `pixel_mask`.
"""

import math
from collections.abc import Iterable

import numpy as np
import onnxruntime

from batchservices.profile import Input
from config.refusals import Refused

TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
MOST = 2**25


def companions_of(ports: Iterable[onnxruntime.NodeArg], shape: Input) -> dict[str, np.ndarray]:
    """The tensors of a model's further inputs, by name.

    Args:
        ports: the inputs of the model.
        shape: the profile's input.

    Raises:
        Refused: unknown_port unless the profile names each input of the model, and no other; input_mismatch.
    """
    known = {port.name: port for port in ports}
    if set(known) != set(filter(None, (shape.name, shape.sizes, shape.ones))):
        raise Refused(
            "unknown_port", "The profile must name the model's only input, or all of them.", field="input.name"
        )
    tensors = {}
    if shape.sizes:
        size = (shape.height, shape.width) if shape.sizes_order == "height_width" else (shape.width, shape.height)
        port = known[shape.sizes]
        sides = _sides(port, "sizes", (2,) if len(port.shape) == 1 else (1, 2))
        if math.prod(sides) != 2:
            raise _mismatch(port, "sizes")
        tensors[port.name] = np.array(size, _type(port, "sizes")).reshape(sides)
    if shape.ones:
        port = known[shape.ones]
        ones = (1,) * len(port.shape)
        if len(port.shape) > 2:
            ones = (*ones[2:], shape.height, shape.width)
        tensors[port.name] = np.ones(_sides(port, "ones", ones), _type(port, "ones"))
    return tensors


def _sides(port: onnxruntime.NodeArg, field: str, free: tuple[int, ...]) -> tuple[int, ...]:
    """The sides that the model fixes, else these."""
    if len(port.shape) != len(free):
        raise _mismatch(port, field)
    sides = tuple(
        side if isinstance(side, int) and side > 0 else own for side, own in zip(port.shape, free, strict=True)
    )
    if math.prod(sides) > MOST:
        raise _mismatch(port, field)
    return sides


def _type(port: onnxruntime.NodeArg, field: str) -> type[np.generic]:
    if port.type not in TYPES:
        raise _mismatch(port, field)
    return TYPES[port.type]


def _mismatch(port: onnxruntime.NodeArg, field: str) -> Refused:
    shape = [side if isinstance(side, int) else None for side in port.shape]
    words = f"The input for {field} takes {port.type} of {shape}, which cannot be filled."
    return Refused("input_mismatch", words, field=f"input.{field}")
