"""Recognizes what a model's outputs are from their names, shapes and last operators, and how sure that is. No Django.

Names come first where exporters agree on them: with three classes, RF-DETR's scores have the same last side as its
boxes. Shapes come next, then what the graph is made of.
"""

from typing import Any

from batchservices.guesses import GUESS, KNOWN, LIKELY, SURE, Guesses, Port, unknown
from batchservices.parallel_outputs import boxes_port, of_several
from batchservices.profile import MAX_CLASSES
from batchservices.single_output import of_one
from config.refusals import Refused

LABEL_TYPES = ("int64", "int32", "str", "object", "str_")
HEADS = frozenset({"Gemm", "MatMul", "QLinearMatMul", "Softmax", "LogSoftmax", "Sigmoid", "GlobalAveragePool"})
"""What a classifier ends in, and rows of boxes never do."""

MAPS = frozenset({"Softmax", "Sigmoid", "LogSoftmax", "ArgMax", "LayerNormalization", "Relu", "Gelu", "Tanh"})
"""What segmentation, text recognition and feature extractors end in, and raw boxes never do."""


def recognize(inspection: dict[str, Any]) -> Guesses:
    """The fields of a profile's output.

    Args:
        inspection: what `batchservices.onnxfile.inspect` returned.

    Raises:
        Refused: several_labels for a head that scores each class by itself; unknown_output for what is neither
            scores nor boxes.
    """
    ports, finals = inspection["outputs"], inspection["final"]
    named = len(inspection["class_names"] or ()) or None
    task = inspection["properties"].get("task", "")
    guesses = Guesses()
    if len(ports) == 2 and ports[0]["dtype"] in LABEL_TYPES and len(ports[0]["shape"] or [None]) == 1:
        because = "Two outputs, the first of them a label: scikit-learn's form."
        guesses.say(KNOWN, because, kind="label_and_probabilities", scores=ports[1]["name"])
        guesses.classes = _width(ports[1])
    elif len(ports) > 2 and ports[0]["dtype"] in LABEL_TYPES and all(len(port["shape"] or ()) == 1 for port in ports):
        raise unknown(
            f"The model gives a label and {len(ports) - 1} outputs with one number each. Export it with the "
            'probabilities in one output: options={"zipmap": False} of skl2onnx.'
        )
    elif task != "classify" and (boxes := boxes_port(ports, finals)) is not None:
        of_several(guesses, boxes, ports, inspection, named)
    elif task != "classify" and _is_table(ports[0], finals[0]) and not _are_features(ports):
        _refuse_parts(ports)
        _refuse_maps(ports[0], finals[0])
        of_one(guesses, ports[0], named, inspection)
    else:
        _of_classifier(guesses, inspection, named)
    if guesses.classes is not None and not 1 <= guesses.classes <= MAX_CLASSES:
        raise unknown(f"The model's outputs have {guesses.classes:,} classes; 1 to {MAX_CLASSES:,} can be used.")
    return guesses


def _are_features(ports: list[Port]) -> bool:
    """Whether the first output is a map of features that scores per class stand beside."""
    return len(ports[0]["shape"]) > 3 and any(_width(port) not in (None, 1) for port in ports[1:])


def _refuse_parts(ports: list[Port]) -> None:
    """A YOLO cut off before its candidates are put together: a grid of its own for each size of things."""
    grids = [port for port in ports if len(port["shape"] or ()) > 3]
    if len(grids) > 1 and len(grids) == len(ports) and len({str(port["shape"]) for port in grids}) > 1:
        raise unknown(
            f"The model gives its candidates in {len(grids)} grids, an output for each. Export it so that it decodes "
            "them and puts them together in one output."
        )


def _refuse_maps(port: Port, final: str | None) -> None:
    if final in MAPS or (len(port["shape"]) > 3 and port["shape"][-1] not in (6, 7)):
        raise unknown("The model's output is neither a score per class nor boxes. If it is, write down its profile.")


def _of_classifier(guesses: Guesses, inspection: dict[str, Any], named: int | None) -> None:
    ports = inspection["outputs"]
    place = next((number for number, port in enumerate(ports) if _width(port) not in (None, 1)), 0)
    port, final = ports[place], inspection["final"][place]
    classes = _width(port)
    if classes == 1:
        kind = "binary_probability" if final in SURE else "binary_logit"
        guesses.say(LIKELY, f"One number, and the graph ends in {final}.", kind=kind, scores=port["name"])
        guesses.classes = 2
        return
    if final == "Sigmoid" and not (classes is None and named == 1):
        raise Refused(
            "several_labels",
            "The model ends in a Sigmoid over its classes: it scores each by itself, so that an image may have several "
            "labels or none. Only models with one label per image can be used.",
            field="output.kind",
        )
    says_so = any(word in port["name"].lower() for word in ("prob", "softmax"))
    sure = final in SURE or (says_so and final != "LogSoftmax")
    because = f"The graph ends in {final}." if final else "The end of the graph does not show it."
    guesses.say(LIKELY if final else GUESS, because, kind="probabilities" if sure else "logits", scores=port["name"])
    guesses.classes = classes


def _is_table(port: Port, final: str | None) -> bool:
    """Whether this is more than a score per class: (1, a, b) with both above 1, or rows of 6 or 7."""
    shape = port["shape"] or []
    if len(shape) == 2:  # a classifier of a free batch may have 6 or 7 classes
        name = port["name"].lower()
        named = name.startswith(("output", "det", "box")) or "predictions" in name or "nms" in name
        return shape[1] in (6, 7) and shape[0] is None and named and final not in HEADS
    return len(shape) >= 3 and all(side != 1 for side in shape[-2:])


def _width(port: Port) -> int | None:
    """How many scores an output (1, n) or (1, n, 1, 1) has."""
    sides = [side for side in (port["shape"] or [])[1:] if side != 1]
    if len(sides) > 1 or port["shape"] is None:
        return None
    return sides[0] if sides else 1
