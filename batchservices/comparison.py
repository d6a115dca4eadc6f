"""Two runs over the same inputs, compared: a worker goes through both in blocks, and keeps what differs."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from batchservices.browsing import mining_of
from batchservices.compared import (
    COMPARISON_MOVES,
    Change,
    ComparedInput,
    ComparisonStatus,
    RunComparison,
)
from batchservices.differences import Contents, Difference, of_boxes, of_hardness, of_labels
from batchservices.models import ACTIVE_RUN, BatchRun, ItemStatus, RunItem
from batchservices.predictions import Detection, from_modelarts
from config.doorbell import ring
from config.leases import Lease, LeaseLost, breathe, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.steps import step
from datasets.models import Task
from hardexamples.models import Mining

log = logging.getLogger("hardmine.comparison")

COMPARISON = "batchservices.execute_comparison"
BLOCK = 500
LABELS_KEPT = 10_000


@dataclass(frozen=True)
class _Input:
    position: int
    sha256: str
    label: str
    found: Detection | None


def compare(*, run: BatchRun, other: BatchRun, by: User | None) -> RunComparison:
    """Compares a run with another one, over the inputs that have the same bytes. Asked twice, it is done once, unless
    one of them has gone on since.

    Args:
        run: the later one, or the one that is looked at.
        other: what it is compared with.
        by: who asks.

    Raises:
        Refused: same_run, type_mismatch, still_running (409), nothing_predicted.
    """
    if run.pk == other.pk:
        raise Refused("same_run", "Choose another run to compare with.", field="other")
    if run.model.task != other.model.task:
        words = f"Run {other.pk} is for {other.model.get_task_display().lower()}; only alike can be compared."
        raise Refused("type_mismatch", words, field="other")
    for each in (run, other):
        if each.status in ACTIVE_RUN:
            words = f"Run {each.pk} goes on still. Compare when it has ended."
            raise Refused("still_running", words, status=409, field="other")
        if not each.done:
            raise Refused("nothing_predicted", f"Run {each.pk} has no predictions.", field="other")
    with transaction.atomic():
        BatchRun.objects.select_for_update().get(pk=run.pk)
        found = RunComparison.objects.filter(run=run, other=other).first()
        if found is not None and not _outdated(found):
            return found
        if found is not None:
            found.delete()
        both = mining_of(run) is not None and mining_of(other) is not None
        made = RunComparison.objects.create(run=run, other=other, hardness=both, created_by=by)
        ring(COMPARISON, made.pk)
    return made


def _outdated(found: RunComparison) -> bool:
    if found.status == ComparisonStatus.FAILED:
        return True
    runs = (found.run, found.other)
    minings = [mining for run in runs if (mining := mining_of(run)) is not None]
    if found.hardness != (len(minings) == len(runs)):
        return True
    ends = [run.finished_at for run in runs] + [mining.finished_at for mining in minings]
    return any(end is not None and end > found.created_at for end in ends)


def execute(comparison_id: int) -> None:
    """Goes on with a comparison wherever it stands; harmless however often it is called."""
    rows = RunComparison.objects.filter(pk=comparison_id)
    try:
        lease = claim(RunComparison, comparison_id)
        if lease is not None:
            with lease.giving_back():
                _execute(lease, rows.select_related("run__model", "other").get())
    except LeaseLost:
        log.info("Comparison %s was taken over, or the worker stops.", comparison_id)
    except Refused as error:
        log.warning("Comparison %s failed: %s", comparison_id, error)
        failed = {"error": str(error), "error_code": error.code, "finished_at": timezone.now(), "lease_token": ""}
        move(rows, moves=COMPARISON_MOVES, to=ComparisonStatus.FAILED, changes=failed)


def _execute(lease: Lease, made: RunComparison) -> None:
    run, other, end = made.run, made.other, made.run.total
    minings = (mining_of(run), mining_of(other)) if made.hardness else (None, None)
    counts, labels = Counter(made.counts), Counter({(old, new): count for old, new, count in made.labels})
    with lease.renewing():
        theirs = _contents(other)
    for block in _blocks(run, made.cursor):
        found = theirs.find([each.sha256 for each in block])
        partners = {each.position: each for each in _read(other, [int(place) for place in found if place >= 0])}
        flags = [_flagged(mining, places) for mining, places in zip(minings, _places(block, found), strict=True)]
        rows = []
        for each, place in zip(block, found, strict=True):
            partner = partners.get(int(place))
            if partner is None:
                rows.append(_row(made, Change.ONLY_AFTER, each.position, each.position, None))
                counts[Change.ONLY_AFTER] += 1
                continue
            difference = _between(partner, each)
            kinds = difference.kinds | of_hardness(flags[1].get(partner.position), flags[0].get(each.position))
            rows += [_row(made, kind, each.position, each.position, partner.position) for kind in sorted(kinds)]
            counts.update(kinds or ["same"])
            labels.update(difference.labels)
        _settle(lease, rows, block[-1].position + 1, counts, labels)
    with lease.renewing():
        ours = _contents(run)
    for block in _blocks(other, max(made.cursor - end, 0)):
        alone = [one for one, at in zip(block, ours.find([each.sha256 for each in block]), strict=True) if at < 0]
        counts.update({Change.ONLY_BEFORE: len(alone)} if alone else {})
        rows = [_row(made, Change.ONLY_BEFORE, end + one.position, None, one.position) for one in alone]
        _settle(lease, rows, end + block[-1].position + 1, counts, labels)
    with transaction.atomic():
        lease.hold(changes={"finished_at": timezone.now()})
        move_one(RunComparison.objects.filter(pk=made.pk), moves=COMPARISON_MOVES, to=ComparisonStatus.FINISHED)
        step("comparison.finished.before_commit")
    lease.release()


def _settle(
    lease: Lease, rows: Sequence[ComparedInput], cursor: int, counts: Counter, labels: Counter[tuple[str, str]]
) -> None:
    most = [[old, new, count] for (old, new), count in labels.most_common(LABELS_KEPT)]
    with transaction.atomic():
        lease.hold(changes={"cursor": cursor, "counts": dict(counts), "labels": most})
        ComparedInput.objects.bulk_create(rows)
        step("comparison.chunk.before_commit")
    step("comparison.chunk.committed")
    breathe()


def _row(
    made: RunComparison, change: str, place: int, position: int | None, other_position: int | None
) -> ComparedInput:
    return ComparedInput(comparison=made, change=change, place=place, position=position, other_position=other_position)


def _between(before: _Input, after: _Input) -> Difference:
    if before.found is not None and after.found is not None:
        return of_boxes(before.found, after.found)
    return of_labels(before.label, after.label)


def _places(block: Sequence[_Input], found: Any) -> tuple[list[int], list[int]]:
    return [each.position for each in block], [int(place) for place in found if place >= 0]


def _flagged(mining: Mining | None, positions: Sequence[int]) -> dict[int, bool]:
    if mining is None:
        return {}
    return dict(mining.items.filter(position__in=positions).values_list("position", "flagged"))


def _contents(run: BatchRun) -> Contents:
    rows = _done(run).values_list("sha256", "position").iterator(chunk_size=BLOCK)
    sha256s, positions = [], []
    for sha256, position in rows:
        # 64 bits are compared; the rest would be most of the memory of a million inputs
        sha256s.append(sha256[:16])
        positions.append(position)
    return Contents(sha256s, positions)


def _blocks(run: BatchRun, start: int) -> Iterator[list[_Input]]:
    while rows := list(_inputs(run, _done(run).filter(position__gte=start).order_by("position")[:BLOCK])):
        yield rows
        start = rows[-1].position + 1


def _read(run: BatchRun, positions: Sequence[int]) -> Iterator[_Input]:
    return _inputs(run, _done(run).filter(position__in=positions))


def _done(run: BatchRun) -> Any:
    return RunItem.objects.filter(run=run, status=ItemStatus.DONE)


def _inputs(run: BatchRun, rows: Any) -> Iterator[_Input]:
    if run.profile["task"] == Task.IMAGE_CLASSIFICATION:
        for position, sha256, label in rows.values_list("position", "sha256", "predicted_label"):
            yield _Input(position, sha256, label, None)
        return
    for position, sha256, prediction in rows.values_list("position", "sha256", "prediction"):
        found = from_modelarts(prediction)
        yield _Input(position, sha256, "", found if isinstance(found, Detection) else None)
