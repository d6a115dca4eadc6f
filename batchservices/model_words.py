"""What a profile means, in words: for the fields of its form, and for a model's page."""

from typing import Any

from batchservices.profile import DETECTION, KINDS, PORTS, RAW
from config.figures import table_rows

FIELD_WORDS: dict[str, tuple[str, str]] = {
    "input.name": ("Input", "Where the image goes in."),
    "input.width": ("Width", "Pixels the image is resized to."),
    "input.height": ("Height", "Pixels the image is resized to."),
    "input.layout": ("Layout", "How the numbers of the image are ordered."),
    "input.color": ("Color", "Which color comes first."),
    "input.mean": ("Mean", "Taken from each pixel of 0 to 255; one number, or one per channel."),
    "input.scale": ("Scale", "Multiplied with what remains; one number, or one per channel."),
    "input.dtype": ("Type of number", ""),
    "input.resize": ("Resize", "What happens to an image of another shape."),
    "input.sizes": ("Input for the size", "A second input that is told how large the image is."),
    "input.sizes_order": ("It takes first", ""),
    "input.ones": ("Input for ones", "A further input that is all 1: a mask, or a scale."),
    "output.kind": ("The model gives", "What its numbers mean."),
    "output.scores": ("Output with the scores", ""),
    "output.boxes": ("Output with the boxes", ""),
    "output.classes": ("Output with the classes", ""),
    "output.box_format": ("A box is", ""),
    "output.box_unit": ("Boxes count in", ""),
    "output.score_threshold": ("Least confidence", "Boxes below it are no part of a prediction; 0 to 1."),
    "output.count": ("Output with their number", "Where the model fills up with boxes that do not count."),
    "output.indices": ("Output with the chosen", "Rows of image, class and box."),
    "output.activation": ("Scores become 0 to 1 by", "Where the model did not do it itself."),
    "output.background": ("A score for nothing", "Whether one of the scores stands for nothing at all."),
    "output.objectness": ("With an objectness", "The fifth number of a candidate says how surely there is anything."),
    "output.transposed": ("Numbers before candidates", "Each candidate is a column instead of a row."),
    "output.columns": ("A row holds", ""),
    "output.suppression": ("Of overlapping boxes", "Whether only the surest stays."),
    "output.iou_threshold": ("They overlap from", "Intersection over union, 0 to 1."),
    "output.most_boxes": ("At most", "Boxes of an image, the surest."),
    "output.extra": (
        "Numbers after the scores",
        "How many each candidate has beyond box and scores: mask coefficients, key points.",
    ),
    "output.class_offset": ("First class", "The number that stands for the first class name, 0 or 1 mostly."),
}
VALUE_WORDS = {
    "NCHW": "NCHW: one channel after the other (PyTorch)",
    "NHWC": "NHWC: one pixel after the other (TensorFlow)",
    "flat": "flat: one row of numbers",
    "RGB": "RGB: red, green, blue",
    "BGR": "BGR: blue, green, red (OpenCV)",
    "GRAY": "gray: one channel",
    "CHW": "CHW: one channel after the other, without a batch",
    "letterbox_centered": "keep its shape, gray on both sides (YOLO)",
    "binary_probability": "one probability, of the second of two classes",
    "binary_logit": "one number, of the second of two classes (logit)",
    "boxes_scores": "boxes, and a score per box and class (SSD, DETR)",
    "grid": "candidates with box and scores in one output (YOLO)",
    "rows": "one output with a row per box",
    "selected": "boxes, scores, and which of them (ONNX's own suppression)",
    "none": "nothing",
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "first": "the first",
    "last": "the last",
    "per_class": "the surest of each class stays",
    "agnostic": "the surest of any class stays",
    "width_height": "width, then height",
    "height_width": "height, then width",
    "cells": "in cells of its grid, not decoded (YOLOX)",
    "uint8": "uint8: whole numbers from 0 to 255",
    "stretch": "stretch it to the size",
    "letterbox": "keep its shape, gray at the right and below",
    "probabilities": "a probability per class",
    "logits": "a number per class, softmax is ours (logits)",
    "label_and_probabilities": "a label and a probability per class (scikit-learn)",
    "boxes_scores_classes": "boxes, scores and classes",
    "xyxy": "xmin, ymin, xmax, ymax",
    "yxyx": "ymin, xmin, ymax, xmax",
    "xywh": "xmin, ymin, width, height",
    "cxcywh": "center x, center y, width, height",
    "pixel": "pixels of the model's input",
    "normalized": "parts of the model's input, 0 to 1",
}
OTHER_WORDS = {
    ("suppression", "none"): "all stay",
    ("background", "none"): "no score does",
    ("activation", "none"): "the model itself",
}
NAMED = frozenset({*PORTS, "name", "sizes", "ones"})
"""Fields that name an input or an output of the model."""
DETECTORS = frozenset(kind for kind, about in KINDS.items() if about.task == DETECTION)
FOR_KINDS: dict[str, frozenset[str]] = {
    "kind": frozenset(KINDS),
    "activation": RAW,
    "background": RAW,
    "objectness": frozenset({"grid"}),
    "transposed": frozenset({"grid"}),
    "columns": frozenset({"rows"}),
    "extra": frozenset({"grid", "rows"}),
    "class_offset": DETECTORS - RAW,
    **{port: frozenset(kind for kind, about in KINDS.items() if port in (*about.needs, *about.may)) for port in PORTS},
}


def kinds_with(part: str) -> frozenset[str]:
    """The kinds of output for which a field of the output means anything."""
    return FOR_KINDS.get(part, DETECTORS)


def value_words(part: str, value: str) -> str:
    """A word of a profile, for people."""
    return OTHER_WORDS.get((part, value), VALUE_WORDS.get(value, value))


def profile_lines(profile: dict[str, Any]) -> list[tuple[str, str]]:
    """A profile as the rows of a table, in the words of its form.

    Args:
        profile: as `batchservices.profile.Profile.as_dict`, or {}.
    """
    kind = profile.get("output", {}).get("kind", "")
    lines = []
    for section in ("input", "output"):
        for part, value in profile.get(section, {}).items():
            key = f"{section}.{part}"
            if value == "" or (part == "sizes_order" and not profile["input"].get("sizes")):
                continue
            if section == "output" and kind not in kinds_with(part):
                continue
            label, _ = FIELD_WORDS.get(key, (part.replace("_", " ").capitalize(), ""))
            spoken = isinstance(value, str) and part not in NAMED
            lines.append((label, value_words(part, value) if spoken else table_rows(value)[0][1]))
    return lines


def shape_words(port: dict[str, Any]) -> str:
    """What goes through an input or an output of a model: "float32 · 1 × 3 × any × any"."""
    shape = port.get("shape")
    sides = "of unknown shape" if shape is None else " × ".join("any" if side is None else str(side) for side in shape)
    return f"{port.get('dtype') or 'no numbers'} · {sides}"
