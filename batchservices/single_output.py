"""Recognizes detectors with one output: a grid of candidates, or rows of boxes found. No Django."""

from typing import Any

from batchservices.cells import cells_of
from batchservices.guesses import GUESS, KNOWN, LIKELY, Guesses, Port, last_sides, shown, unknown
from batchservices.metadata import read_value
from batchservices.profile import MAX_CLASSES

MOST_FOUND = 1000  # a model that suppresses by itself gives no more
MASKS = 32  # numbers per candidate that ultralytics' segmentation models add


def of_one(guesses: Guesses, port: Port, named: int | None, inspection: dict[str, Any]) -> None:
    """Fills the fields of the output from a table (1, a, b), or from rows of 6 or 7. Raises Refused: unknown_output."""
    guesses.family = "ultralytics"
    properties = inspection["properties"]
    rows, columns = last_sides(port)
    if properties.get("task") == "obb":
        raise unknown("The model finds rotated boxes, which cannot be read. Use one that finds upright boxes.")
    ends = _is_end_to_end(properties)
    if columns is not None and ends:
        _of_rows(guesses, port, columns, KNOWN)
    elif "GridSample" in inspection["operators"] and columns is not None and (rows is None or rows <= MOST_FOUND):
        _of_transformer(guesses, port, columns, named)
    elif columns in (6, 7) and columns - 4 != named and (rows is None or rows <= MOST_FOUND):
        _of_rows(guesses, port, columns, LIKELY)
    else:
        _of_grid(guesses, port, named, properties.get("task"))
        if guesses.values["objectness"] and not guesses.values["transposed"] and "stride" not in properties:
            _of_cells(guesses, rows, inspection)


def _of_rows(guesses: Guesses, port: Port, columns: int, sure: str) -> None:
    because = f"One output of {shown(last_sides(port)[0])} x {columns}: a row per box that the model found."
    order = "box score class" if columns != 7 else "batch box class score"
    if columns == 7 and len(port["shape"]) == 4:
        order = "batch class score box"
        guesses.say(LIKELY, "Caffe's rows hold parts of the image's sides.", box_unit="normalized")
        guesses.family = "ssd"
    elif columns == 7 and "flat_predictions" in port["name"]:
        order = "batch box score class"
        guesses.family = ""
    elif columns == 6 and "nms" in port["name"]:
        order = "class score box"  # PaddlePaddle names outputs by its operators
        guesses.family = "rtdetr"
    guesses.say(sure, because, kind="rows", boxes=port["name"], columns=order)
    guesses.say(sure, "Rows of boxes found hold corners.", box_format="xyxy")
    if columns > 7:
        guesses.say(LIKELY, "More columns than a box, a score and a class have.", extra=columns - 6)


def _of_transformer(guesses: Guesses, port: Port, columns: int, named: int | None) -> None:
    """ultralytics' RT-DETR: centers and sizes as parts of the image, since 8.4 with the surest class alone."""
    guesses.family = "rtdetr"
    because = f"Few rows, and the graph samples as RT-DETR does: {shown(last_sides(port)[0])} x {columns}."
    if columns == 6 and named != 2:
        guesses.say(LIKELY, because, kind="rows", boxes=port["name"], columns="box score class")
    else:
        guesses.say(LIKELY, because, kind="grid", boxes=port["name"], transposed=False, objectness=False, extra=0)
        guesses.classes = columns - 4
    guesses.say(LIKELY, because, box_format="cxcywh", box_unit="normalized", suppression="none")


def _of_grid(guesses: Guesses, port: Port, named: int | None, task: str | None) -> None:
    rows, columns = last_sides(port)
    transposed = columns is None or (rows is not None and rows < columns)
    numbers = rows if transposed else columns
    because = f"One output of {shown(rows)} x {shown(columns)}: a candidate has {numbers or 'some'} numbers."
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


def _of_cells(guesses: Guesses, rows: int | None, inspection: dict[str, Any]) -> None:
    """YOLOX has one candidate per cell, where YOLOv5 and YOLOv7 have three, and decodes boxes with Exp, or not at all;
    YOLOv6, which has one too, decodes them with Sub."""
    operators = set(inspection["operators"])
    sides = [port["shape"][-2:] for port in inspection["inputs"] if len(port["shape"] or ()) == 4]
    if "Exp" in operators:
        because = "One candidate per cell, and boxes made with Exp, as YOLOX has it."
    elif "Sub" not in operators:
        because = "One candidate per cell, and nothing that decodes boxes: YOLOX without decode_in_inference."
    else:
        return
    if rows is None or not sides or None in sides[0] or cells_of(rows, width=sides[0][1], height=sides[0][0]) is None:
        return
    guesses.family = "yolox"
    guesses.say(LIKELY, because, box_format="cxcywh" if "Exp" in operators else "cells")
    guesses.say(GUESS, "The usual overlap for YOLOX.", iou_threshold=0.45)


def _is_end_to_end(properties: dict[str, str]) -> bool:
    arguments = read_value(properties.get("args", ""))
    suppresses = isinstance(arguments, dict) and arguments.get("nms") is True
    return suppresses or properties.get("end2end", "").lower() == "true"
