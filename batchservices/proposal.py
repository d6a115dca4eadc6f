"""A first profile for a model, guessed from its file, for a person to correct. No Django.

Names and shapes say much (a 224 x 224 x 3 input, a Softmax at the end), the range of the pixels they do not: the
proposal takes 0..1, and ImageNet's mean and deviation for convolutional networks on color images, the most common.
"""

import math
from typing import Any

from batchservices.profile import CLASSIFICATION, DETECTION, KINDS

IMAGENET_MEAN = [123.675, 116.28, 103.53]  # of pixels 0..255, red, green, blue
IMAGENET_SCALE = [1 / 58.395, 1 / 57.12, 1 / 57.375]
DEFAULT_SIDE = 224
SURE = frozenset({"Softmax", "Sigmoid", "Normalizer", "ZipMap"})  # what ends in these gives probabilities
BOX_WORDS, SCORE_WORDS, CLASS_WORDS = ("box",), ("score", "prob", "conf"), ("class", "label", "categor")

type Port = dict[str, Any]


def propose_profile(inspection: dict[str, Any]) -> dict[str, Any]:
    """The most likely profile of an inspected model, in the form of `Profile.as_dict`.

    Args:
        inspection: what `batchservices.onnxfile.inspect` returned.

    Returns:
        A profile to show in a form. Class names that the file does not know are "class 0", "class 1", ...; a detector
        whose classes cannot be counted gets one.
    """
    output = _output(inspection["outputs"], inspection["final"])
    names = inspection["class_names"] or [
        f"class {number}" for number in range(_classes(inspection["outputs"], output))
    ]
    return {
        "task": KINDS[output["kind"]].task,
        "class_names": names,
        "input": _input(inspection["inputs"][0], classifies=KINDS[output["kind"]].task == CLASSIFICATION),
        "output": output,
    }


def _input(port: Port, *, classifies: bool) -> dict[str, Any]:
    shape = (port["shape"] or [])[1:]
    dtype = "uint8" if port["dtype"] == "uint8" else "float32"
    if len(shape) == 1:
        layout, (channels, height, width) = "flat", _unfolded(shape[0])
    elif len(shape) == 3 and shape[2] in (1, 3) and shape[0] not in (1, 3):
        layout, (height, width, channels) = "NHWC", shape
    elif len(shape) == 3:
        layout, (channels, height, width) = "NCHW", shape
    else:
        layout, (channels, height, width) = "NCHW", (3, None, None)
    color = "GRAY" if channels == 1 else "RGB"
    like_imagenet = classifies and layout == "NCHW" and color == "RGB" and dtype == "float32"
    mean, scale = (IMAGENET_MEAN, IMAGENET_SCALE) if like_imagenet else ([0.0], [1 / 255])
    if dtype == "uint8":
        scale = [1.0]
    return {
        "name": port["name"],
        "width": width or DEFAULT_SIDE,
        "height": height or DEFAULT_SIDE,
        "layout": layout,
        "color": color,
        "mean": mean,
        "scale": scale,
        "dtype": dtype,
        "resize": "stretch" if classifies else "letterbox",
    }


def _unfolded(length: int | None) -> tuple[int, int | None, int | None]:
    """Channels, height and width of a square image that has this many numbers; else one row of them."""
    for channels in (1, 3):
        if length and length % channels == 0 and math.isqrt(length // channels) ** 2 * channels == length:
            side = math.isqrt(length // channels)
            return channels, side, side
    return 1, 1, length


def _output(ports: list[Port], final: list[str | None]) -> dict[str, Any]:
    by_role = {
        role: next((port["name"] for port in ports if any(word in port["name"].lower() for word in words)), None)
        for role, words in (("boxes", BOX_WORDS), ("scores", SCORE_WORDS), ("classes", CLASS_WORDS))
    }
    boxes = by_role["boxes"] or next((port["name"] for port in ports if (port["shape"] or [])[-1:] == [4]), None)
    if len(ports) >= 3 and boxes:
        rest = [port["name"] for port in ports if port["name"] != boxes]
        scores = by_role["scores"] if by_role["scores"] in rest else rest[0]
        classes = next((name for name in (by_role["classes"], *rest) if name not in (None, boxes, scores)), rest[-1])
        return {"kind": "boxes_scores_classes", "boxes": boxes, "scores": scores, "classes": classes}
    if len(ports) == 2 and ports[0]["dtype"] in ("int64", "str", "object", "str_"):
        return {"kind": "label_and_probabilities", "scores": ports[1]["name"]}
    return {"kind": "probabilities" if final[0] in SURE else "logits", "scores": ports[0]["name"]}


def _classes(ports: list[Port], output: dict[str, Any]) -> int:
    if KINDS[output["kind"]].task == DETECTION:
        return 1
    shape = next(port["shape"] for port in ports if port["name"] == output["scores"])
    return (shape or [1])[-1] or 1
