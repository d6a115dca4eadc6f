"""Recognizes what a model's outputs are from their names, shapes and last operators, and how sure that is. No Django.

Names come first where exporters agree on them: with three classes, RF-DETR's scores have the same last side as its
boxes. Shapes come next, then what the graph is made of.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from batchservices.metadata import read_value
from batchservices.profile import MAX_CLASSES
from config.refusals import Refused

KNOWN, LIKELY, GUESS = "known", "likely", "guess"
SURE = frozenset({"Softmax", "Sigmoid", "Normalizer", "ZipMap"})  # what ends in these gives probabilities
LABEL_TYPES = ("int64", "int32", "str", "object", "str_")
MOST_FOUND = 1000  # a model that suppresses by itself gives no more
MASKS = 32  # numbers per candidate that ultralytics' segmentation models add

type Port = dict[str, Any]


@dataclass
class Guesses:
    """Fields of a profile with the reasons for their values.

    Attributes:
        values: by field, without the prefix "output." or "input.".
        why: by field {"sure": known (the file says so), likely or guess, "because": one sentence}.
        classes: how many classes the outputs have, None where they do not tell.
        family: who trains such models: ultralytics, detr, rtdetr, ssd, torchvision, tensorflow, or "".
    """

    values: dict[str, Any] = field(default_factory=dict)
    why: dict[str, dict[str, str]] = field(default_factory=dict)
    classes: int | None = None
    family: str = ""

    def say(self, sure: str, because: str, **values: Any) -> None:
        """Sets fields, all for one reason."""
        self.values |= values
        self.why |= {name: {"sure": sure, "because": because} for name in values}


def recognize(inspection: dict[str, Any]) -> Guesses:
    """The fields of a profile's output.

    Args:
        inspection: what `batchservices.onnxfile.inspect` returned.

    Raises:
        Refused: several_labels for a head that scores each class by itself; unknown_output for what is neither
            scores nor boxes.
    """
    ports = inspection["outputs"]
    named = len(inspection["class_names"] or ()) or None
    task = inspection["properties"].get("task", "")
    guesses = Guesses()
    if len(ports) == 2 and ports[0]["dtype"] in LABEL_TYPES and len(ports[0]["shape"] or [None]) == 1:
        because = "Two outputs, the first of them a label: scikit-learn's form."
        guesses.say(KNOWN, because, kind="label_and_probabilities", scores=ports[1]["name"])
        guesses.classes = _width(ports[1])
    elif task != "classify" and (boxes := _boxes_port(ports)) is not None:
        _of_several(guesses, boxes, ports, inspection, named)
    elif task != "classify" and _is_table(ports[0]):
        _refuse_maps(ports[0], inspection["final"][0])
        _of_one(guesses, ports[0], named, inspection)
    else:
        _of_classifier(guesses, inspection, named)
    if guesses.classes is not None and not 1 <= guesses.classes <= MAX_CLASSES:
        raise _unknown(f"The model's outputs have {guesses.classes:,} classes; 1 to {MAX_CLASSES:,} can be used.")
    return guesses


def _refuse_maps(port: Port, final: str | None) -> None:
    """Segmentation and text recognition end in a table of probabilities, which raw boxes never are."""
    if final in ("Softmax", "Sigmoid", "LogSoftmax", "ArgMax") or (
        len(port["shape"]) > 3 and port["shape"][-1] not in (6, 7)
    ):
        raise _unknown("The model's output is neither a score per class nor boxes. If it is, write down its profile.")


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
    sure = final in SURE or any(word in port["name"].lower() for word in ("prob", "softmax"))
    because = f"The graph ends in {final}." if final else "The end of the graph does not show it."
    guesses.say(LIKELY if final else GUESS, because, kind="probabilities" if sure else "logits", scores=port["name"])
    guesses.classes = classes


def _of_one(guesses: Guesses, port: Port, named: int | None, inspection: dict[str, Any]) -> None:
    """A grid of candidates, or rows of boxes found."""
    guesses.family = "ultralytics"
    rows, columns = _last_sides(port)
    if inspection["properties"].get("task") == "obb":
        raise _unknown("The model finds rotated boxes, which cannot be read. Use one that finds upright boxes.")
    if columns is not None and _is_end_to_end(inspection["properties"]):
        _of_rows(guesses, port, columns, KNOWN)
    elif columns in (6, 7) and columns - 4 != named and (rows is None or rows <= MOST_FOUND):
        _of_rows(guesses, port, columns, LIKELY)
    else:
        _of_grid(guesses, port, named, inspection["properties"].get("task"))


def _of_rows(guesses: Guesses, port: Port, columns: int, sure: str) -> None:
    because = f"One output of {_shown(_last_sides(port)[0])} x {columns}: a row per box that the model found."
    order = "box score class" if columns != 7 else "batch box class score"
    if columns == 7 and len(port["shape"]) == 4:
        order = "batch class score box"
        guesses.say(LIKELY, "Caffe's rows hold parts of the image's sides.", box_unit="normalized")
        guesses.family = "ssd"
    guesses.say(sure, because, kind="rows", boxes=port["name"], columns=order)
    guesses.say(sure, "Rows of boxes found hold corners.", box_format="xyxy")
    if columns > 7:
        guesses.say(LIKELY, "More columns than a box, a score and a class have.", extra=columns - 6)


def _of_grid(guesses: Guesses, port: Port, named: int | None, task: str | None) -> None:
    rows, columns = _last_sides(port)
    transposed = columns is None or (rows is not None and rows < columns)
    numbers = rows if transposed else columns
    because = f"One output of {_shown(rows)} x {_shown(columns)}: a candidate has {numbers or 'some'} numbers."
    guesses.say(LIKELY, because, kind="grid", boxes=port["name"], transposed=transposed)
    guesses.say(LIKELY, "Raw candidates hold centers and sizes.", box_format="cxcywh")
    guesses.say(LIKELY, "The usual overlap for such models.", suppression="per_class", iou_threshold=0.7)
    masks = MASKS if task == "segment" else 0
    beyond = None if named is None or numbers is None else numbers - 4 - named
    if beyond is not None and beyond >= 0:
        objectness = beyond in (1, 1 + MASKS) and task is None  # models that tell their task have none
        extra = beyond - objectness
        parts = ["a box", *["an objectness"] * objectness, f"{named} classes", *[f"{extra} more"] * bool(extra)]
        because = f"{numbers} numbers are {', '.join(parts)}."
        guesses.say(KNOWN, because, objectness=objectness, extra=extra)
        guesses.classes = named
        return
    because = "Grids of v8 and later have candidates as columns, and no objectness."
    if not transposed:
        because = "Grids of v5 to v7 have candidates as rows, with an objectness."
    guesses.say(LIKELY, because, objectness=not transposed, extra=masks)
    before = 4 if transposed else 5
    if numbers is not None and before + masks < numbers <= MAX_CLASSES:
        guesses.classes = numbers - before - masks


def _of_several(
    guesses: Guesses, boxes: Port, ports: list[Port], inspection: dict[str, Any], named: int | None
) -> None:
    """Boxes apart from their scores."""
    rest = [port for port in ports if port is not boxes]
    ends = zip(rest, (inspection["final"][ports.index(port)] for port in rest), strict=True)
    indices = next((port for port, final in ends if final == "NonMaxSuppression" and port["dtype"] == "int64"), None)
    count = _called(rest, ("num", "count")) if len(rest) > 2 else None
    rest = [port for port in rest if port is not count and port is not indices]
    classes = _called(rest, ("class", "label", "categor"))
    scores = _called(rest, ("score", "prob", "conf", "logit"))
    names = ", ".join(port["name"] for port in ports)[:200]
    if indices is not None and scores is not None:
        because = "The graph ends in ONNX's own suppression, whose rows are image, class and box."
        guesses.say(KNOWN, because, kind="selected", boxes=boxes["name"], scores=scores["name"])
        guesses.say(KNOWN, because, indices=indices["name"], box_format="yxyx")
        guesses.say(GUESS, "Nothing shows the unit.", box_unit="pixel")
        guesses.classes = _last_sides(scores)[0]
    elif (boxes["shape"] or [])[-1:] == [5] and rest:
        because = "Boxes of five numbers beside labels: mmdeploy's form."
        labels = (classes or rest[0])["name"]
        guesses.say(LIKELY, because, kind="scored_boxes", boxes=boxes["name"], classes=labels, box_unit="pixel")
    elif len(rest) >= 2:
        scores = scores or next(port for port in rest if port is not classes)
        classes = next(port for port in (classes, *rest) if port is not None and port is not scores)
        sure = LIKELY if "score" in scores["name"].lower() else GUESS
        guesses.say(sure, f"The outputs are {names}.", kind="boxes_scores_classes", boxes=boxes["name"])
        guesses.say(sure, f"The outputs are {names}.", scores=scores["name"], classes=classes["name"])
        if count is not None:
            guesses.say(sure, f"The outputs are {names}.", count=count["name"])
        _of_framework(guesses, boxes, inspection["operators"])
    elif not rest:
        raise _unknown("The model's outputs are boxes without scores.")
    else:
        because = f"The outputs are {names}: a score per box and class."
        guesses.say(LIKELY, because, kind="boxes_scores", boxes=boxes["name"], scores=rest[0]["name"])
        _of_queries(guesses, rest[0], inspection, ports.index(rest[0]), named)


def _of_framework(guesses: Guesses, boxes: Port, operators: Iterable[str]) -> None:
    if boxes["name"].startswith("detection_"):
        guesses.family = "tensorflow"
        because = "TensorFlow's detectors name their outputs so."
        guesses.say(KNOWN, because, box_format="yxyx", box_unit="normalized", class_offset=1)
    elif "RoiAlign" in operators or len(boxes["shape"] or ()) == 2:
        guesses.family = "torchvision"
        because = "torchvision's detectors give corners in pixels, and count classes from 1."
        guesses.say(LIKELY, because, box_format="xyxy", box_unit="pixel", class_offset=1)
    else:
        guesses.family = "rtdetr" if "GridSample" in operators else ""
        guesses.say(GUESS, "The most common.", box_format="xyxy", box_unit="pixel")


def _of_queries(guesses: Guesses, scores: Port, inspection: dict[str, Any], place: int, named: int | None) -> None:
    """DETR and its kin, or SSD."""
    queries, width = _last_sides(scores)
    final, name = inspection["final"][place], scores["name"].lower()
    activated = final in SURE or (final is None and any(word in name for word in ("score", "prob", "conf")))
    activated = activated or (final not in (None, "Add", "Gemm", "MatMul") and "score" in name)
    if "logit" in name or "pred" in name or (queries or MOST_FOUND + 1) <= MOST_FOUND:
        picks = not {"GridSample", "TopK"}.isdisjoint(inspection["operators"])
        softmax = named + 1 == width if named and width and width - named in (0, 1) else not picks
        guesses.family = "detr" if softmax else "rtdetr"
        because = "Few queries, as DETR and its kin have; each finds one thing."
        guesses.say(LIKELY, because, box_format="cxcywh", box_unit="normalized", suppression="none")
        because = "As DETR has it: the last score stands for no object."
        if not softmax:
            because = "As RT-DETR and Deformable DETR have it: each class is scored by itself."
        guesses.say(
            KNOWN if named else LIKELY, because, activation="softmax" if softmax else "sigmoid",
            background="last" if softmax else "none",
        )  # fmt: skip
    else:
        guesses.family = "ssd"
        because = "Many boxes with a score per class, as SSD has."
        guesses.say(LIKELY, because, suppression="per_class", iou_threshold=0.45)
        guesses.say(GUESS, because, box_format="xyxy", box_unit="normalized")
        background = named + 1 == width if named and width else final != "Sigmoid"
        because = "There is a score more than classes." if named and background else "SSD's first score is background."
        if not background:
            because = "There is a score per class, and none more." if named else "Each class is scored by itself."
        guesses.say(KNOWN if named else GUESS, because, background="first" if background else "none")
    if activated:
        guesses.say(KNOWN if final in SURE else LIKELY, f"The graph ends in {final}.", activation="none")
    elif guesses.family == "ssd":
        guesses.say(GUESS, "The end of the graph does not show it.", activation="softmax")
    if width is not None:
        guesses.classes = max(width - (guesses.values["background"] != "none"), 1)


def _boxes_port(ports: list[Port]) -> Port | None:
    """The output with boxes where scores have another: by its name, else by its last side."""
    if len(ports) < 2:
        return None
    called = _called(ports, ("box",)) or next((port for port in ports if port["name"].lower() == "dets"), None)
    return called or next((port for port in ports if (port["shape"] or [])[-1:] in ([4], [5])), None)


def _called(ports: Iterable[Port], words: tuple[str, ...]) -> Port | None:
    return next((port for port in ports if any(word in port["name"].lower() for word in words)), None)


def _is_table(port: Port) -> bool:
    """Whether this is more than a score per class: (1, a, b) with both above 1, or rows of 6 or 7."""
    shape = port["shape"] or []
    if len(shape) == 2:  # a classifier of a free batch may have 6 or 7 classes
        return shape[1] in (6, 7) and shape[0] is None and port["name"].lower().startswith(("output", "det", "box"))
    return len(shape) >= 3 and all(side != 1 for side in shape[-2:])


def _is_end_to_end(properties: dict[str, str]) -> bool:
    arguments = read_value(properties.get("args", ""))
    suppresses = isinstance(arguments, dict) and arguments.get("nms") is True
    return suppresses or properties.get("end2end", "").lower() == "true"


def _width(port: Port) -> int | None:
    """How many scores an output (1, n) or (1, n, 1, 1) has."""
    sides = [side for side in (port["shape"] or [])[1:] if side != 1]
    if len(sides) > 1 or port["shape"] is None:
        return None
    return sides[0] if sides else 1


def _last_sides(port: Port) -> tuple[int | None, int | None]:
    sides = [None, None, *(port["shape"] or [])]
    return sides[-2], sides[-1]


def _unknown(words: str) -> Refused:
    return Refused("unknown_output", words, field="output.kind")


def _shown(side: int | None) -> str:
    return "any" if side is None else str(side)
