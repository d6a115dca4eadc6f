"""The predictions of a run as pages of cards: in the order of the inputs, least sure first, or hardest first.

Every page is a keyset page along an index; nothing is counted. What sorts by hardness is the newest mining of the run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from batchservices.models import BatchRun, CollectionKind, ItemStatus, RunItem
from batchservices.predictions import Detection, from_modelarts
from config.refusals import Refused
from datasets.creation import PALETTE
from datasets.models import Blob
from hardexamples.models import Mining, MiningItem, MiningStatus

PAGE = 48
SURE = 0.5
ORDERS = {"position": "In the order of the input", "confidence": "Least sure first", "coefficient": "Hardest first"}
DESCENDING = frozenset({"coefficient"})


@dataclass(frozen=True)
class Box:
    """A box in pixels of the upright image, in the color of its class; `doubtful` ones are drawn dashed."""

    x: float
    y: float
    width: float
    height: float
    label: str
    color: str
    confidence: float
    doubtful: bool


@dataclass(frozen=True)
class Card:
    """One input with what was predicted; `mined` where a filter has looked at it, `pictured` where a dataset has it."""

    item: RunItem
    boxes: Sequence[Box]
    mined: MiningItem | None
    pictured: bool


@dataclass(frozen=True)
class Browsed:
    """A page: its cards, its order, and the query strings of its neighbors, "" where there is none."""

    cards: Sequence[Card]
    order: str
    previous: str
    following: str


def mining_of(run: BatchRun) -> Mining | None:
    """The newest finished mining of a run."""
    tasks = run.collection_tasks.filter(kind=CollectionKind.FILTER, mining__status=MiningStatus.FINISHED)
    task = tasks.select_related("mining").first()
    return task.mining if task is not None else None


def browse(run: BatchRun, asked: dict[str, str]) -> Browsed:
    """One page of the predictions of a run.

    Args:
        run: whose.
        asked: what the address says: `sort` of `ORDERS`, `label`, and `after` or `before`; nonsense is passed over.
    """
    mining = mining_of(run)
    order = asked.get("sort", "position")
    if order not in ORDERS or (order == "coefficient" and mining is None):
        order = "position"
    done = run.items.filter(status=ItemStatus.DONE)
    label = asked.get("label")
    if label is not None:
        done = done.filter(predicted_label=label)
    rows: QuerySet[Any] = done
    if order == "coefficient" and mining is not None:
        rows = mining.items.all()
        rows = rows.filter(position__in=done.values("position")) if label is not None else rows
    elif order == "confidence":
        rows = done.filter(confidence__isnull=False)
    back = "before" in asked
    keys, more = _keys(rows, order, _cursor(asked.get("before" if back else "after", ""), order), back=back)
    kept = {"tab": "predictions"} | ({"label": label} if label is not None else {})
    kept |= {"sort": order} if order != "position" else {}
    has_previous, has_next = (more, True) if back else ("after" in asked, more)
    return Browsed(
        cards=cards(run, [position for _, position in keys], mining),
        order=order,
        previous="?" + urlencode(kept | {"before": _words(keys[0], order)}) if keys and has_previous else "",
        following="?" + urlencode(kept | {"after": _words(keys[-1], order)}) if keys and has_next else "",
    )


def _keys(
    rows: QuerySet[Any], order: str, cursor: tuple[float, int] | None, *, back: bool
) -> tuple[list[tuple[float, int]], bool]:
    """Sort value and position of each row of a page, and whether more follow in the direction of turning."""
    down = (order in DESCENDING) != back
    if order == "position":
        rows = rows.order_by("-position" if back else "position")
        if cursor is not None:
            rows = rows.filter(**{"position__lt" if back else "position__gt": cursor[1]})
        found = [(0.0, position) for position in rows.values_list("position", flat=True)[: PAGE + 1]]
    else:
        rows = rows.order_by(f"-{order}" if down else order, "-position" if back else "position")
        if cursor is not None:
            value, position = cursor
            beyond = Q(**{f"{order}__lt" if down else f"{order}__gt": value})
            beyond |= Q(**{"position__lt" if back else "position__gt": position})
            # the first condition lets the index begin at the cursor
            rows = rows.filter(Q(**{f"{order}__lte" if down else f"{order}__gte": value}) & beyond)
        found = list(rows.values_list(order, "position")[: PAGE + 1])
    page = found[:PAGE]
    return (page[::-1] if back else page), len(found) > PAGE


def _cursor(text: str, order: str) -> tuple[float, int] | None:
    """What `_words` wrote; None for anything else."""
    value, _, position = text.rpartition("~")
    if not (position.isascii() and position.isdecimal() and len(position) < 10):
        return None
    if order == "position":
        return (0.0, int(position)) if not value else None
    try:
        number = float(value)
    except ValueError:
        return None
    return (number, int(position)) if math.isfinite(number) else None


def _words(key: tuple[float, int], order: str) -> str:
    return str(key[1]) if order == "position" else f"{key[0]!r}~{key[1]}"


def cards(run: BatchRun, positions: Sequence[int], mining: Mining | None) -> list[Card]:
    """The cards of inputs at positions, in that order, with three queries for all of them."""
    rows = RunItem.objects.filter(run=run, position__in=positions).defer("probabilities")
    items = {item.position: item for item in rows}
    mined = {row.position: row for row in mining.items.filter(position__in=positions)} if mining else {}
    kept = Blob.objects.filter(sha256__in=[item.sha256 for item in items.values()], samples__isnull=False)
    pictured = set(kept.values_list("sha256", flat=True))
    classes = {name: number for number, name in enumerate(run.profile.get("class_names", ()))}
    return [
        Card(
            item,
            boxes_of(item, classes),
            mined[position] if position in mined and mined[position].sha256 == item.sha256 else None,
            item.sha256 in pictured,
        )
        for position in positions
        if (item := items.get(position)) is not None
    ]


def boxes_of(item: RunItem, classes: dict[str, int]) -> list[Box]:
    """What a detector found, the largest first so that none hides another; nothing for a classifier."""
    try:
        said = from_modelarts(item.prediction)
    except Refused:
        return []
    if not isinstance(said, Detection):
        return []
    found = [
        Box(
            x=xmin,
            y=ymin,
            width=xmax - xmin,
            height=ymax - ymin,
            label=name,
            color=PALETTE[classes.get(name, 0) % len(PALETTE)],
            confidence=sure,
            doubtful=sure < SURE,
        )
        for name, (xmin, ymin, xmax, ymax), sure in zip(said.labels, said.boxes, said.confidences, strict=True)
    ]
    return sorted(found, key=lambda box: -box.width * box.height)
