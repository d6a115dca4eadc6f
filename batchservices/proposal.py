"""A first profile for a model, guessed from its file, for a person to correct. No Django.

Every guess tells how sure it is and why: `known` (the file says so), `likely` or `guess`. What most often needs a look
is the range of the pixels, since few files tell it.
"""

import math
from typing import Any

from batchservices.guesses import GUESS, KNOWN, LIKELY, Guesses, Port, signature
from batchservices.metadata import read_value
from batchservices.profile import CLASSIFICATION, DETECTION, DTYPES, KINDS, MAX_SIDE
from batchservices.recognition import recognize
from config.refusals import Refused

IMAGENET_MEAN = [123.675, 116.28, 103.53]  # of pixels 0..255, red, green, blue
IMAGENET_SCALE = [1 / 58.395, 1 / 57.12, 1 / 57.375]
DEFAULT_SIDES = {CLASSIFICATION: 224, DETECTION: 640}
PIXEL_TYPES = ("float32", "float16", "uint8", "float64", "int8")
"""What images are given in; whole numbers of more bytes are mostly something else."""
ARITHMETIC = frozenset({"Sub", "Mul", "Div", "Add", "BatchNormalization"})
WINDOWS_RANGES = {  # mean and scale for what Windows ML calls these
    "Normalized_0_1": (0.0, 1 / 255),
    "Normalized_1_1": (127.5, 1 / 127.5),
    "NominalRange_0_255": (0.0, 1.0),
}


def propose(inspection: dict[str, Any]) -> dict[str, Any]:
    """The most likely profile of an inspected model.

    Args:
        inspection: what `batchservices.onnxfile.inspect` returned.

    Returns:
        profile: in the form of `Profile.as_dict`, to show in a form. Class names that the file does not know are
            "class 0", "class 1", ...; a detector whose classes cannot be counted gets one.
        why: by field ("class_names", "input.resize", "output.kind", ...) {"sure": known, likely or guess, "because":
            one sentence}; fields that are not there have their usual value.

    Raises:
        Refused: several_labels, unknown_output, unknown_input.
    """
    output = recognize(inspection)
    task = KINDS[output.values["kind"]].task
    names, named = _class_names(inspection["class_names"], output)
    fed = _input(inspection, output, task)
    why = {"class_names": named}
    why |= {f"input.{field}": reason for field, reason in fed.why.items()}
    why |= {f"output.{field}": reason for field, reason in output.why.items()}
    profile = {"task": task, "class_names": names, "input": fed.values, "output": output.values}
    return {"profile": with_names(profile, names), "why": why}


def with_names(profile: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The profile with these names for its classes. Lists that begin with the background, as torchvision's do, count
    from 0 where others count from 1."""
    output = profile["output"]
    if names[0].strip("_ ").lower() == "background" and output.get("class_offset") == 1:
        output = {**output, "class_offset": 0}
    return {**profile, "class_names": names, "output": output}


def _class_names(names: list[str] | None, output: Guesses) -> tuple[list[str], dict[str, str]]:
    if names and output.values["kind"].startswith("binary_") and len(names) == 1:
        return [f"not {names[0]}", names[0]], {"sure": LIKELY, "because": "The file names the one class."}
    if names and output.classes in (None, len(names)):
        return names, {"sure": KNOWN, "because": "The file names its classes."}
    if output.classes is None:
        return ["class 0"], {"sure": GUESS, "because": "The file does not say how many classes there are."}
    words = f"The file names {len(names)}, the outputs have {output.classes}." if names else "The file has no names."
    return [f"class {number}" for number in range(output.classes)], {"sure": GUESS, "because": words}


def _input(inspection: dict[str, Any], output: Guesses, task: str) -> Guesses:
    port = _image_port(inspection["inputs"])
    fed = Guesses(values={"name": port["name"], "dtype": port["dtype"] or "float32"})
    color = _lay_out(fed, port, inspection["properties"], task, output)
    _size_up(fed, output, task)
    _range(fed, inspection, output, port["name"], color)
    for other in inspection["inputs"]:
        if other is not port:
            _accompany(fed, other)
    return fed


def _accompany(fed: Guesses, port: Port) -> None:
    """A further input: a size, or ones."""
    name = port["name"].lower()
    if "mask" in name or "scale" in name:
        fed.say(LIKELY, f"The model also takes {port['name']}: nothing is masked or scaled.", ones=port["name"])
    elif (port["shape"] or [])[-1:] == [2] or "size" in name or "shape" in name:
        order = "width_height" if "orig" in name or "target" in name else "height_width"
        because = f"The model also takes {port['name']}, the size that its boxes refer to."
        fed.say(LIKELY, because, sizes=port["name"], sizes_order=order)
    else:
        raise Refused(
            "unknown_input",
            f"The model also takes {signature([port])}. It can be given the image's size or ones, and "
            "nothing else: export it without that input, or write down its profile.",
            field="input.name",
        )


def _image_port(ports: list[Port]) -> Port:
    """The input that takes the image: four sides, one of them a channel per color; else a row of numbers. Raises
    Refused."""
    usable = [port for port in ports if port["dtype"] in (*DTYPES, None)]
    ranked = sorted(usable, key=lambda port: (port["dtype"] not in PIXEL_TYPES, -len(port["shape"] or ())))
    image = next((port for port in ranked if _is_image(port["shape"])), None)
    if image is None and len(ports) == 1 and usable and (ports[0]["shape"] is None or len(ports[0]["shape"]) == 2):
        image = ports[0]
    if image is None:
        raise Refused(
            "unknown_input",
            f"The model takes no image: {signature(ports)}. An image has a number per pixel and color, gray or of "
            "three colors.",
            field="input.name",
        )
    return image


def _is_image(shape: list[int | None] | None) -> bool:
    match shape or []:
        case [_, channels, _, other]:
            return channels in (1, 3, None) or other in (1, 3)
        case [channels, _, _]:
            return channels in (1, 3, None)
    return False


def _lay_out(fed: Guesses, port: Port, properties: dict[str, str], task: str, output: Guesses) -> str:
    """Layout, width and height; returns the color."""
    shape = port["shape"] or []
    match shape[1:]:
        case [length]:
            layout, (channels, height, width) = "flat", _unfolded(length)
        case [height, width, (1 | 3) as channels] if height not in (1, 3):
            layout = "NHWC"
        case [channels, height, width]:
            layout = "NCHW"
        case [height, width] if shape[0] in (1, 3) or task == DETECTION:
            layout, channels = "CHW", shape[0]
        case _:
            layout, channels, height, width = "NCHW", 3, None, None
    fed.say(KNOWN, f"The input is {' x '.join('any' if side is None else str(side) for side in shape)}.", layout=layout)
    told = read_value(properties.get("imgsz", ""))
    if isinstance(told, int):
        told = [told, told]
    usable = isinstance(told, list | tuple) and len(told) == 2
    if usable and all(type(side) is int and 0 < side <= MAX_SIDE for side in told) and not (height and width):
        fed.say(KNOWN, "The file says imgsz.", width=told[1], height=told[0])
    elif height and width:
        fed.say(KNOWN, "The input has this size.", width=width, height=height)
    else:
        side = width or height or DEFAULT_SIDES[task]
        fed.say(GUESS, "The input takes any size; this one is usual.", width=width or side, height=height or side)
    color = "GRAY" if channels == 1 else "RGB"
    if output.family == "yolox" and channels != 1:
        color = "BGR"
        fed.say(LIKELY, "YOLOX is trained on what OpenCV reads.", color=color)
    elif properties.get("Image.BitmapPixelFormat", "").startswith("Bgr"):
        color = "BGR"
        fed.say(KNOWN, "The file says Image.BitmapPixelFormat.", color=color)
    else:
        because = "One channel." if channels == 1 else f"{channels or 'Any number of'} channels."
        fed.say(KNOWN if color == "GRAY" else LIKELY, because, color=color)
    return color


def _size_up(fed: Guesses, output: Guesses, task: str) -> None:
    if task == CLASSIFICATION:
        fed.say(LIKELY, "Classifiers see the whole image.", resize="stretch")
    elif output.family == "ultralytics":
        fed.say(LIKELY, "ultralytics pads alike on both sides.", resize="letterbox_centered")
    elif output.family == "yolox":
        fed.say(LIKELY, "YOLOX pads on the right and below.", resize="letterbox")
    elif output.family in ("", "torchvision"):
        fed.say(GUESS, "Detectors mostly keep the image's shape.", resize="letterbox")
    else:
        fed.say(LIKELY, "Detectors of this kind stretch the image.", resize="stretch")


def _range(fed: Guesses, inspection: dict[str, Any], output: Guesses, name: str, color: str) -> None:
    properties, first = inspection["properties"], inspection["first"][name]
    told = WINDOWS_RANGES.get(properties.get("Image.NominalPixelRange", ""))
    if fed.values["dtype"] == "uint8":
        fed.say(KNOWN, "The input takes bytes.", mean=[0.0], scale=[1.0])
    elif told:
        fed.say(KNOWN, "The file says Image.NominalPixelRange.", mean=[told[0]], scale=[told[1]])
    elif output.family == "yolox":
        fed.say(LIKELY, "YOLOX takes pixels from 0 to 255.", mean=[0.0], scale=[1.0])
    elif output.family == "ultralytics" or "stride" in properties:
        fed.say(LIKELY, "ultralytics feeds pixels from 0 to 1.", mean=[0.0], scale=[1 / 255])
    elif output.family in ("torchvision", "rtdetr"):
        fed.say(LIKELY, f"Models like {output.family} take pixels from 0 to 1.", mean=[0.0], scale=[1 / 255])
    elif first in ARITHMETIC:
        because = f"The graph begins with {first}, so it seems to scale pixels by itself."
        fed.say(GUESS, because, mean=[0.0], scale=[1.0])
    elif output.family in ("", "detr") and (fed.values["layout"], color) == ("NCHW", "RGB") and not _detects(output):
        fed.say(GUESS, "ImageNet's mean and deviation, the most common.", mean=IMAGENET_MEAN, scale=IMAGENET_SCALE)
    else:
        fed.say(GUESS, "Nothing shows the range of the pixels; 0 to 1 is common.", mean=[0.0], scale=[1 / 255])


def _detects(output: Guesses) -> bool:
    """Whether this is a detector, DETR left aside, which is trained as classifiers are."""
    return KINDS[output.values["kind"]].task == DETECTION and output.family != "detr"


def _unfolded(length: int | None) -> tuple[int, int | None, int | None]:
    """Channels, height and width of a square image that has this many numbers; else one row of them."""
    for channels in (1, 3):
        if length and length % channels == 0 and math.isqrt(length // channels) ** 2 * channels == length:
            side = math.isqrt(length // channels)
            return channels, side, side
    return 1, 1, length
