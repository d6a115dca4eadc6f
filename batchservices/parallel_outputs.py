"""Recognizes detectors whose boxes and scores are outputs of their own. No Django."""

from collections.abc import Iterable
from typing import Any

from batchservices.guesses import GUESS, KNOWN, LIKELY, SURE, Guesses, Port, called, last_sides, readable, unknown

MOST_QUERIES = 1000  # DETR and its kin have 100 to 900, an SSD thousands of boxes
SCORES = frozenset({"Softmax", "LogSoftmax", "Gemm", "MatMul", "Add"})
"""What scores end in rather than boxes, where both have four columns."""


def boxes_port(ports: list[Port], finals: list[str | None]) -> Port | None:
    """The output with boxes where scores have another: by its name, else by its last side.

    Raises:
        Refused: unknown_output where boxes come in several outputs, a part in each.
    """
    if len(ports) < 2:
        return None
    fours = [port for port in ports if (port["shape"] or [])[-1:] == [4]]
    if len(fours) > 1 and len({last_sides(port)[0] for port in fours} - {None}) > 1:
        names = ", ".join(readable(port["name"]) for port in fours)[:200]
        words = f"The model gives its boxes in several outputs, a part in each ({names}). Export it with all in one."
        raise unknown(words)
    by_name = called(ports, ("box",)) or next((port for port in ports if port["name"].lower() == "dets"), None)
    if by_name is not None:
        return by_name
    alone = any(len(port["shape"] or ()) == 1 for port in ports)  # a row per box found, and no batch
    likely = [
        (final in SCORES, number)
        for number, (port, final) in enumerate(zip(ports, finals, strict=True))
        if (port["shape"] or [])[-1:] in ([4], [5]) and (len(port["shape"]) > 2 or alone)
    ]
    return ports[min(likely)[1]] if likely else None


def of_several(guesses: Guesses, boxes: Port, ports: list[Port], inspection: dict[str, Any], named: int | None) -> None:
    """Fills the fields of the output from boxes apart from their scores. Raises Refused: unknown_output."""
    finals = dict(zip((port["name"] for port in ports), inspection["final"], strict=True))
    rest = [port for port in ports if port is not boxes]
    indices = next(
        (port for port in rest if finals[port["name"]] == "NonMaxSuppression" and port["dtype"] == "int64"), None
    )
    count = called(rest, ("num", "count")) if len(rest) > 2 else None
    rest = [port for port in rest if port is not count and port is not indices]
    beside, tables = _beside(boxes, rest)
    classes = called(beside, ("class", "label", "categor")) or _whole_numbers(beside)
    scores = called([port for port in rest if port is not classes], ("score", "prob", "conf", "logit"))
    names = ", ".join(readable(port["name"]) for port in ports)[:200]
    if indices is not None and scores is not None:
        because = "The graph ends in ONNX's own suppression, whose rows are image, class and box."
        guesses.say(KNOWN, because, kind="selected", boxes=boxes["name"], scores=scores["name"])
        guesses.say(KNOWN, because, indices=indices["name"], box_format="yxyx")
        guesses.say(GUESS, "Nothing shows the unit.", box_unit="pixel")
        guesses.classes = last_sides(scores)[0]
    elif (boxes["shape"] or [])[-1:] == [5] and rest:
        because = "Boxes of five numbers beside labels: mmdeploy's form."
        labels = (classes or (beside or rest)[0])["name"]
        guesses.say(LIKELY, because, kind="scored_boxes", boxes=boxes["name"], classes=labels, box_unit="pixel")
    elif len(beside) >= 2:
        scores = called([port for port in beside if port is not classes], ("score", "prob", "conf", "logit"))
        scores = scores or next(port for port in beside if port is not classes)
        classes = next(port for port in (classes, *beside) if port is not None and port is not scores)
        told = "score" in scores["name"].lower() or _whole_numbers([classes]) is not None
        sure = LIKELY if told and _whole_numbers([scores]) is None else GUESS
        guesses.say(sure, f"The outputs are {names}.", kind="boxes_scores_classes", boxes=boxes["name"])
        guesses.say(sure, f"The outputs are {names}.", scores=scores["name"], classes=classes["name"])
        if count is not None:
            guesses.say(sure, f"The outputs are {names}.", count=count["name"])
        _of_framework(guesses, boxes, inspection["operators"])
    elif not rest:
        raise unknown("The model's outputs are boxes without scores.")
    else:
        scores = _table_of_scores(boxes, tables or rest, finals)
        because = f"The outputs are {names}: a score per box and class."
        guesses.say(LIKELY, because, kind="boxes_scores", boxes=boxes["name"], scores=scores["name"])
        _of_queries(guesses, boxes, scores, inspection, ports.index(scores), named)


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


def _of_queries(
    guesses: Guesses, boxes: Port, scores: Port, inspection: dict[str, Any], place: int, named: int | None
) -> None:
    """DETR and its kin, or SSD."""
    queries, width = last_sides(scores)
    if (
        boxes["shape"]
        and scores["shape"]
        and len(scores["shape"]) < len(boxes["shape"])
        and width == last_sides(boxes)[0]
    ):
        queries, width = width, 1
    final, name = inspection["final"][place], scores["name"].lower()
    activated = final in SURE or (final is None and any(word in name for word in ("score", "prob", "conf")))
    says_so = any(word in name for word in ("score", "prob", "conf"))
    activated = activated or (final not in (None, "Add", "Gemm", "MatMul") and says_so)
    if "logit" in name or "pred" in name or (queries or MOST_QUERIES + 1) <= MOST_QUERIES:
        picks = not {"GridSample", "TopK"}.isdisjoint(inspection["operators"])
        softmax = named + 1 == width if named and width and width - named in (0, 1) else not picks and width != 1
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
        background = named + 1 == width if named and width else width != 1 and final not in ("Sigmoid", "Mul")
        because = "There is a score more than classes." if named and background else "SSD's first score is background."
        if not background:
            because = "There is a score per class, and none more." if named else "Each class is scored by itself."
        guesses.say(KNOWN if named else GUESS, because, background="first" if background else "none")
    if activated:
        guesses.say(KNOWN if final in SURE else LIKELY, f"The graph ends in {final}.", activation="none")
    elif guesses.family == "ssd":
        activation = "sigmoid" if width == 1 else "softmax"
        guesses.say(GUESS, "The end of the graph does not show it.", activation=activation)
    if width is not None:
        guesses.classes = max(width - (guesses.values["background"] != "none"), 1)


def _beside(boxes: Port, rest: list[Port]) -> tuple[list[Port], list[Port]]:
    """The outputs with one number per box, and those with several. What does not tell its shape may be either."""
    if boxes["shape"] is None or any(port["shape"] is None for port in rest):
        return (rest, []) if len(rest) > 1 else ([], rest)
    sides = _sides(boxes)
    beside = [port for port in rest if _sides(port) == sides - 1]
    return beside, [port for port in rest if _sides(port) == sides]


def _sides(port: Port) -> int:
    return sum(side != 1 for side in port["shape"])


def _whole_numbers(ports: Iterable[Port]) -> Port | None:
    return next((port for port in ports if (port["dtype"] or "").startswith(("int", "uint"))), None)


def _table_of_scores(boxes: Port, tables: list[Port], finals: dict[str, str | None]) -> Port:
    """By name, else with a row per box; never what a decoder leaves beside its answer."""
    named = called(tables, ("score", "prob", "conf", "logit", "class", "label"))
    rows = last_sides(boxes)[0]
    fitting = [port for port in tables if last_sides(port)[0] == rows and finals[port["name"]] != "LayerNormalization"]
    return named or (fitting or tables)[0]
