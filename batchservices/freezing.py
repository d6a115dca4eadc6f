"""How a run begins: the list of its inputs, frozen chunk by chunk, with what earlier runs said about them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from batchservices.foreign_results import answered_inputs
from batchservices.inputs import Input, list_inputs
from batchservices.keeping import Earlier
from batchservices.models import RUN_MOVES, BatchRun, ItemStatus, RunItem, RunStatus
from config import statements
from config.doorbell import ring
from config.leases import CHUNK_ROWS, Lease, breathe
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets.formats.jsonlines import strict_loads

RUN = "batchservices.execute_run"
CHUNK_BYTES = 4_000_000
COLUMNS = [field for field in RunItem._meta.concrete_fields if not field.primary_key]


def freeze(lease: Lease, run: BatchRun) -> None:
    """Freezes the list of inputs. A worker that died halfway left items nobody worked on: the list is made anew.

    Args:
        lease: on the run.
        run: that is preparing; then it is running.

    Raises:
        LeaseLost: it was stopped, or somebody else prepares it.
        Refused: no_input; as `batchservices.inputs.list_inputs` and `batchservices.foreign_results.answered_inputs`.
    """
    _begin_anew(lease, run)
    earlier = Earlier(run)
    total = 0
    size = 0
    chunk: list[RunItem] = []
    for each in _inputs_of(lease, run):
        item = RunItem(run=run, position=total, name=each.name, location=each.location, etag=each.etag)
        if each.error is not None:
            item.status, item.error_code, item.error = ItemStatus.FAILED, each.error.code, str(each.error)[:500]
        elif each.said:
            item.said = strict_loads(each.said.encode())
        chunk.append(item)
        total, size = total + 1, size + len(each.said)
        if len(chunk) == CHUNK_ROWS or size > CHUNK_BYTES:
            _keep(lease, earlier, chunk)
            chunk, size = [], 0
    _keep(lease, earlier, chunk)
    if not total:
        raise Refused("no_input", f"There are no images in {run.input_location} any more.")
    set_going(lease, run, {"total": total, "kept_from": earlier.runs[0] if earlier.runs else None})


def set_going(lease: Lease, run: BatchRun, changes: Mapping[str, Any]) -> None:
    """The run is not preparing any more: whoever is called may lease its inputs. Raises LeaseLost as `freeze`."""
    with transaction.atomic():
        lease.hold(changes=dict(changes))
        move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=RunStatus.RUNNING)
        lease.release()
        if settings.WORKER_PROCESSES > 1:
            ring(RUN, run.pk, times=settings.WORKER_PROCESSES - 1)
        step("run.prepare.before_commit")
    step("run.prepared")


def _inputs_of(lease: Lease, run: BatchRun) -> Iterator[Input]:
    if run.results_location:
        held = partial(lease.hold, progress=False)
        return answered_inputs(run.results_location, run.input_location, between=held)
    return list_inputs(run.input_location)


def _begin_anew(lease: Lease, run: BatchRun) -> None:
    while stale := list(run.items.values_list("pk", "status", "kept")[:CHUNK_ROWS]):
        with transaction.atomic():
            lease.hold(progress=False, changes=_counts(-1, [(status, kept) for _, status, kept in stale]))
            RunItem.objects.filter(pk__in=[pk for pk, _, _ in stale]).delete()
        breathe()


def _counts(sign: int, items: Iterable[tuple[str, bool]]) -> dict[str, Any]:
    """The run's counts with these items (status, kept) more (1) or less (-1)."""
    found = Counter(items)
    done = {kept: found[ItemStatus.DONE, kept] for kept in (True, False)}
    return {
        "done": F("done") + sign * (done[True] + done[False]),
        "kept": F("kept") + sign * done[True],
        "failed": F("failed") + sign * found[ItemStatus.FAILED, False],
    }


def _keep(lease: Lease, earlier: Earlier, chunk: list[RunItem]) -> None:
    earlier.keep(chunk)
    with transaction.atomic():
        lease.hold(progress=False, changes=_counts(1, [(item.status, item.kept) for item in chunk]))
        statements.insert(RunItem, [field.name for field in COLUMNS], map(_values, chunk))
        step("run.list.before_commit")
    step("run.list.committed")
    breathe()


def _values(item: RunItem) -> list[Any]:
    return [getattr(item, field.attname) for field in COLUMNS]
