"""How to feed a model and how to read it: pre- and post-processing as plain, validated data.

A model file does not say what its numbers mean. Its profile does: which pixels go in (size, color order,
range, layout) and what comes out (probabilities, logits, scikit-learn's pair of outputs, or boxes with scores
and classes).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from config.refusals import Refused

CLASSIFICATION = "image_classification"
DETECTION = "object_detection"
TASKS = (CLASSIFICATION, DETECTION)
LAYOUTS = ("NCHW", "NHWC", "flat")
COLORS = {"RGB": 3, "BGR": 3, "GRAY": 1}
DTYPES = ("float32", "uint8")
RESIZES = ("stretch", "letterbox")
KINDS = {
    "probabilities": CLASSIFICATION,
    "logits": CLASSIFICATION,
    "label_and_probabilities": CLASSIFICATION,
    "boxes_scores_classes": DETECTION,
}
BOX_FORMATS = ("xyxy", "yxyx", "xywh", "cxcywh")
BOX_UNITS = ("pixel", "normalized")
MAX_CLASSES = 10_000
MAX_NAME = 256
MAX_SIDE = 4096


@dataclass(frozen=True)
class Input:
    """What one image becomes: tensor = (pixel - mean) * scale, pixel from 0 to 255, in the model's color
    order.

    Attributes:
        name: the model's input.
        width, height: pixels the image is resized to.
        layout: NCHW (1, channels, height, width), NHWC (1, height, width, channels) or flat (1, height *
            width * channels).
        color: RGB, BGR or GRAY (ITU-R 601 luma).
        mean, scale: one number for all channels, or one per channel.
        dtype: float32, or uint8 with mean 0 and scale 1.
        resize: stretch (to width x height whatever the shape) or letterbox (keep the shape, pad with gray 114
            on the right and below).
    """

    name: str
    width: int
    height: int
    layout: str = "NCHW"
    color: str = "RGB"
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    dtype: str = "float32"
    resize: str = "stretch"


@dataclass(frozen=True)
class Output:
    """How the answer reads.

    Attributes:
        kind: a key of `KINDS`.
        scores: the output with probabilities, logits, or the boxes' scores; (1, classes) or (1, boxes).
        boxes: detection: the output with boxes, (1, boxes, 4).
        classes: detection: the output with class numbers, (1, boxes).
        box_format: xyxy, yxyx, xywh (corner and size) or cxcywh (center and size).
        box_unit: pixels of the model's input, or normalized to 0..1 of it.
        score_threshold: boxes below it are not part of the prediction.
        class_offset: the number that stands for the first class name.
    """

    kind: str
    scores: str
    boxes: str = ""
    classes: str = ""
    box_format: str = "xyxy"
    box_unit: str = "pixel"
    score_threshold: float = 0.25
    class_offset: int = 0


@dataclass(frozen=True)
class Profile:
    """A model's task, the names of its classes in the order of its outputs, its input and its output."""

    task: str
    class_names: tuple[str, ...]
    input: Input
    output: Output

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The profile in a JSON object as `as_dict` writes it; keys with a default may be missing.

        Raises:
            Refused: bad_profile with the field: unknown or missing keys, wrong types or values,
                contradictions.
        """
        top = _Fields(data, "", cls)
        profile = cls(
            task=top.choice("task", TASKS),
            class_names=top.take("class_names", _class_names),
            input=_input(_Fields(top.values.get("input"), "input.", Input)),
            output=_output(_Fields(top.values.get("output"), "output.", Output)),
        )
        if KINDS[profile.output.kind] != profile.task:
            raise _refused("output.kind", f"does not fit the task {profile.task}")
        return profile

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values: dicts, lists, str, int, float."""
        plain = asdict(self)
        plain["class_names"] = list(self.class_names)
        plain["input"] |= {"mean": list(self.input.mean), "scale": list(self.input.scale)}
        return plain


def _input(fields: "_Fields") -> Input:
    defaults = Input(name="", width=1, height=1)
    color = fields.choice("color", tuple(COLORS), defaults.color)
    result = Input(
        name=fields.take("name", _name),
        width=fields.take("width", _side),
        height=fields.take("height", _side),
        layout=fields.choice("layout", LAYOUTS, defaults.layout),
        color=color,
        mean=fields.take("mean", lambda value: _numbers(value, COLORS[color]), defaults.mean),
        scale=fields.take("scale", lambda value: _numbers(value, COLORS[color]), defaults.scale),
        dtype=fields.choice("dtype", DTYPES, defaults.dtype),
        resize=fields.choice("resize", RESIZES, defaults.resize),
    )
    if result.dtype == "uint8" and (any(result.mean) or set(result.scale) != {1.0}):
        raise _refused("input.dtype", "uint8 takes pixels as they are: mean 0 and scale 1")
    if 0.0 in result.scale:
        raise _refused("input.scale", "may not be 0: the model would see nothing")
    return result


def _output(fields: "_Fields") -> Output:
    defaults = Output(kind="", scores="")
    kind = fields.choice("kind", tuple(KINDS))
    detects = KINDS[kind] == DETECTION
    result = Output(
        kind=kind,
        scores=fields.take("scores", _name),
        boxes=fields.take("boxes", _name if detects else _text, None if detects else ""),
        classes=fields.take("classes", _name if detects else _text, None if detects else ""),
        box_format=fields.choice("box_format", BOX_FORMATS, defaults.box_format),
        box_unit=fields.choice("box_unit", BOX_UNITS, defaults.box_unit),
        score_threshold=fields.take("score_threshold", _fraction, defaults.score_threshold),
        class_offset=fields.take("class_offset", _offset, defaults.class_offset),
    )
    if detects and len({result.boxes, result.scores, result.classes}) < 3:
        raise _refused("output.boxes", "boxes, scores and classes must be three different outputs")
    return result


class _Fields:
    """The keys of one JSON object, taken one by one; errors name the field."""

    def __init__(self, values: Any, prefix: str, target: type) -> None:
        self.prefix = prefix
        if not isinstance(values, Mapping):
            raise _refused(prefix.rstrip(".") or "profile", "must be an object")
        self.values = values
        unknown = sorted(str(key) for key in values if key not in target.__annotations__)
        if unknown:
            raise _refused(f"{prefix}{unknown[0][:MAX_NAME]}", "is not a known field")

    def take[T](self, key: str, read: Callable[[Any], T], default: T | None = None) -> T:
        if key not in self.values:
            if default is None:
                raise _refused(f"{self.prefix}{key}", "is missing")
            return default
        try:
            return read(self.values[key])
        except ValueError as error:
            raise _refused(f"{self.prefix}{key}", str(error)) from None

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        def read(value: Any) -> str:
            if not isinstance(value, str) or value not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            return value

        return self.take(key, read, default)


def _refused(field: str, words: str) -> Refused:
    return Refused("bad_profile", f"In the profile, {field} {words}.", field=field)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME or not value.isprintable():
        raise ValueError(f"must be text of at most {MAX_NAME} printable characters")
    return value


def _name(value: Any) -> str:
    if not _text(value).strip():
        raise ValueError("must not be empty")
    return value


def _class_names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_CLASSES:
        raise ValueError(f"must be a list of 1 to {MAX_CLASSES:,} names")
    names = tuple(_name(name) for name in value)
    if len(set(names)) < len(names):
        raise ValueError("names a class twice")
    return names


def _side(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_SIDE:
        raise ValueError(f"must be a whole number from 1 to {MAX_SIDE}")
    return value


def _offset(value: Any) -> int:
    if type(value) is not int or abs(value) > MAX_CLASSES:
        raise ValueError("must be a whole number")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 1e6:
        raise ValueError("must be finite numbers of at most a million")
    return float(value)


def _numbers(value: Any, channels: int) -> tuple[float, ...]:
    numbers = tuple(map(_number, value)) if isinstance(value, list | tuple) else (_number(value),)
    if len(numbers) not in (1, channels):
        raise ValueError(f"must be one number, or {channels} of them")
    return numbers


def _fraction(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError("must be from 0 to 1")
    return number
