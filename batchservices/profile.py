"""How to feed a model and how to read it: pre- and post-processing as plain, validated data.

A model file does not say what its numbers mean. Its profile does: which pixels go in (size, color order, range, layout)
and what comes out: a score per class, or boxes in one of the forms that detectors are exported with. `docs/models.md`
shows the profile of each kind.
"""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Self

from batchservices.fields import Fields, flag, fraction, name, names, numbers, refused, text, whole
from batchservices.predictions import MAX_BOXES

CLASSIFICATION = "image_classification"
DETECTION = "object_detection"
TASKS = (CLASSIFICATION, DETECTION)
LAYOUTS = ("NCHW", "NHWC", "CHW", "flat")
COLORS = {"RGB": 3, "BGR": 3, "GRAY": 1}
DTYPES = ("float32", "float16", "float64", "uint8", "int8", "int32", "int64")
RESIZES = ("stretch", "letterbox", "letterbox_centered")
BOX_FORMATS = ("xyxy", "yxyx", "xywh", "cxcywh", "cells")
BOX_UNITS = ("pixel", "normalized")
ACTIVATIONS = ("none", "softmax", "sigmoid")
BACKGROUNDS = ("none", "first", "last")
COLUMNS = (
    "box score class", "batch box class score", "batch box score class", "class score box", "batch class score box",
)  # fmt: skip
SIZES_ORDERS = ("width_height", "height_width")
SUPPRESSIONS = ("none", "per_class", "agnostic")
PORTS = ("scores", "boxes", "classes", "count", "indices")
MAX_CLASSES = 10_000
MAX_SIDE = 4096


@dataclass(frozen=True)
class Kind:
    """A form of output: the task it serves, and which of `PORTS` it must and may name."""

    task: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


KINDS = {
    "probabilities": Kind(CLASSIFICATION, ("scores",)),
    "logits": Kind(CLASSIFICATION, ("scores",)),
    "label_and_probabilities": Kind(CLASSIFICATION, ("scores",)),
    "binary_probability": Kind(CLASSIFICATION, ("scores",)),
    "binary_logit": Kind(CLASSIFICATION, ("scores",)),
    "boxes_scores_classes": Kind(DETECTION, ("boxes", "scores", "classes"), ("count",)),
    "scored_boxes": Kind(DETECTION, ("boxes", "classes")),
    "boxes_scores": Kind(DETECTION, ("boxes", "scores")),
    "grid": Kind(DETECTION, ("boxes",)),
    "rows": Kind(DETECTION, ("boxes",)),
    "selected": Kind(DETECTION, ("boxes", "scores", "indices")),
}
RAW = frozenset({"grid", "boxes_scores"})
"""Kinds of output that may hold one thing many times, so that suppression is ours."""


@dataclass(frozen=True)
class Input:
    """What one image becomes: tensor = (pixel - mean) * scale, pixel from 0 to 255, in the model's color order.

    Attributes:
        name: the model's input.
        width, height: pixels the image is resized to.
        layout: NCHW (1, channels, height, width), NHWC (1, height, width, channels), CHW (channels, height, width) or
            flat (1, height * width * channels).
        color: RGB, BGR or GRAY (ITU-R 601 luma).
        mean, scale: one number for all channels, or one per channel.
        dtype: a type of `DTYPES`; uint8 with mean 0 and scale 1. Other whole numbers are rounded.
        resize: stretch (to width x height whatever the shape), letterbox (keep the shape, pad with gray 114 on the
            right and below) or letterbox_centered (pad alike on both sides, as ultralytics does; an odd pixel goes to
            the right or below).
        sizes: a second input that is told the size of what the model sees, so that boxes come in its pixels; or "".
        sizes_order: what that input takes first.
        ones: a further input that is all 1 (a mask of the pixels that count, a scale that is none); or "".
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
    sizes: str = ""
    sizes_order: str = "width_height"
    ones: str = ""


@dataclass(frozen=True)
class Output:
    """How the answer reads.

    Attributes:
        kind: a key of `KINDS`.
            probabilities, logits: (1, classes). label_and_probabilities: scikit-learn's second output.
            binary_probability, binary_logit: one number, for the second of two classes.
            boxes_scores_classes: boxes (1, n, 4), scores (1, n), classes (1, n), after the model's own suppression.
            scored_boxes: boxes with their score as a fifth number, (1, n, 5), and classes (1, n): mmdeploy's.
            boxes_scores: boxes (1, n, 4) and a score per box and class, (1, n, classes): SSD and DETR.
            grid: one output, per candidate its box, perhaps an objectness, and a score per class: raw YOLO.
            rows: one output, a row per box found with the columns in `columns`.
            selected: boxes (1, n, 4), scores (1, classes, n), and rows of (image, class, box) as ONNX's own
                NonMaxSuppression gives them.
        scores, boxes, classes: outputs; of grid and rows, `boxes` is the only one.
        count: boxes_scores_classes: the output with how many of the boxes count, or "".
        indices: selected: the output with the chosen ones.
        box_format: xyxy, yxyx, xywh (corner and size), cxcywh (center and size), or, for grids, cells
            (`batchservices.cells`).
        box_unit: pixels of the model's input, or normalized to 0..1 of it.
        activation: boxes_scores and grid: what turns the scores into 0..1, where the model did not.
        background: boxes_scores and grid: whether the first or the last score stands for nothing at all.
        objectness: grid: the fifth number of a candidate says how surely there is anything; scores are multiplied by
            it.
        transposed: grid: (1, numbers, candidates) instead of (1, candidates, numbers).
        extra: grid and rows: numbers after those, that are not read (mask coefficients, key points).
        columns: rows: what the columns are; "batch" is the number of the image, "box" four columns.
        score_threshold: boxes below it are not part of the prediction.
        class_offset: the number that stands for the first class name.
        suppression: whether of overlapping boxes only the surest stays: none, per_class or agnostic (of any class).
        iou_threshold: from which overlap on (intersection over union).
        most_boxes: how many boxes stay after suppression, the surest.
    """

    kind: str
    scores: str = ""
    boxes: str = ""
    classes: str = ""
    count: str = ""
    indices: str = ""
    box_format: str = "xyxy"
    box_unit: str = "pixel"
    activation: str = "none"
    background: str = "none"
    objectness: bool = False
    transposed: bool = False
    extra: int = 0
    columns: str = COLUMNS[0]
    score_threshold: float = 0.25
    class_offset: int = 0
    suppression: str = "none"
    iou_threshold: float = 0.5
    most_boxes: int = 300

    @property
    def ports(self) -> dict[str, str]:
        """The model's outputs that are read: the field that names one, and its name."""
        kind = KINDS[self.kind]
        named = {field: getattr(self, field) for field in (*kind.needs, *kind.may)}
        return {field: port for field, port in named.items() if port}


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
            Refused: bad_profile with the field: unknown or missing keys, wrong types or values, contradictions.
        """
        top = Fields(data, "", cls)
        profile = cls(
            task=top.choice("task", TASKS),
            class_names=top.take("class_names", partial(names, most=MAX_CLASSES)),
            input=_input(Fields(top.values.get("input"), "input.", Input)),
            output=_output(Fields(top.values.get("output"), "output.", Output)),
        )
        if KINDS[profile.output.kind].task != profile.task:
            raise refused("output.kind", f"does not fit the task {profile.task}")
        if profile.output.box_format == "cells" and (profile.output.kind, profile.output.box_unit) != ("grid", "pixel"):
            raise refused("output.box_format", "cells are of a grid, and become pixels")
        if profile.output.kind.startswith("binary_") and len(profile.class_names) != 2:
            raise refused("class_names", "must be two: the one that the number is not about, then the one it is")
        return profile

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values: dicts, lists, str, int, float, bool."""
        plain = asdict(self)
        plain["class_names"] = list(self.class_names)
        plain["input"] |= {"mean": list(self.input.mean), "scale": list(self.input.scale)}
        return plain


def _input(fields: Fields) -> Input:
    defaults = Input(name="", width=1, height=1)
    color = fields.choice("color", tuple(COLORS), defaults.color)
    side = partial(whole, least=1, most=MAX_SIDE)
    result = Input(
        name=fields.take("name", name),
        width=fields.take("width", side),
        height=fields.take("height", side),
        layout=fields.choice("layout", LAYOUTS, defaults.layout),
        color=color,
        mean=fields.take("mean", lambda value: numbers(value, COLORS[color]), defaults.mean),
        scale=fields.take("scale", lambda value: numbers(value, COLORS[color]), defaults.scale),
        dtype=fields.choice("dtype", DTYPES, defaults.dtype),
        resize=fields.choice("resize", RESIZES, defaults.resize),
        sizes=fields.take("sizes", text, defaults.sizes),
        sizes_order=fields.choice("sizes_order", SIZES_ORDERS, defaults.sizes_order),
        ones=fields.take("ones", text, defaults.ones),
    )
    if result.name in (result.sizes, result.ones) or (result.sizes and result.sizes == result.ones):
        raise refused("input.sizes", "and ones must be other inputs than the image's, and than each other")
    if result.dtype == "uint8" and (any(result.mean) or set(result.scale) != {1.0}):
        raise refused("input.dtype", "uint8 takes pixels as they are: mean 0 and scale 1")
    if 0.0 in result.scale:
        raise refused("input.scale", "may not be 0: the model would see nothing")
    return result


def _output(fields: Fields) -> Output:
    defaults = Output(kind="")
    kind = fields.choice("kind", tuple(KINDS))
    needs = KINDS[kind].needs
    ports = {port: fields.take(port, name if port in needs else text, None if port in needs else "") for port in PORTS}
    if len({ports[port] for port in needs}) < len(needs):
        raise refused("output.boxes", f"must be another output than the others: {', '.join(needs)}")
    return Output(
        kind=kind,
        **ports,
        box_format=fields.choice("box_format", BOX_FORMATS, defaults.box_format),
        box_unit=fields.choice("box_unit", BOX_UNITS, defaults.box_unit),
        activation=fields.choice("activation", ACTIVATIONS, defaults.activation),
        background=fields.choice("background", BACKGROUNDS, defaults.background),
        objectness=fields.take("objectness", flag, defaults.objectness),
        transposed=fields.take("transposed", flag, defaults.transposed),
        extra=fields.take("extra", partial(whole, least=0, most=MAX_CLASSES), defaults.extra),
        columns=fields.choice("columns", COLUMNS, defaults.columns),
        score_threshold=fields.take("score_threshold", fraction, defaults.score_threshold),
        class_offset=fields.take("class_offset", partial(whole, least=-MAX_CLASSES, most=MAX_CLASSES), 0),
        suppression=fields.choice("suppression", SUPPRESSIONS, "per_class" if kind in RAW else "none"),
        iou_threshold=fields.take("iou_threshold", fraction, defaults.iou_threshold),
        most_boxes=fields.take("most_boxes", partial(whole, least=1, most=MAX_BOXES), defaults.most_boxes),
    )
