"""How a run begins: the list of its inputs, frozen chunk by chunk."""

from django.conf import settings
from django.db import transaction

from batchservices.inputs import list_inputs
from batchservices.models import RUN_MOVES, BatchRun, ItemStatus, RunItem, RunStatus
from config.doorbell import ring
from config.leases import CHUNK_ROWS, Lease, breathe
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step

RUN = "batchservices.execute_run"


def freeze(lease: Lease, run: BatchRun) -> None:
    """Freezes the list of inputs. A worker that died halfway left items nobody worked on: the list is made anew.

    Args:
        lease: on the run.
        run: that is preparing; then it is running.

    Raises:
        LeaseLost: it was stopped, or somebody else prepares it.
        Refused: no_input; as `batchservices.inputs.list_inputs`.
    """
    while stale := list(run.items.values_list("pk", flat=True)[:CHUNK_ROWS]):
        with transaction.atomic():
            lease.hold(progress=False)
            RunItem.objects.filter(pk__in=stale).delete()
        breathe()
    total = failed = 0
    chunk: list[RunItem] = []
    for each in list_inputs(run.input_location):
        item = RunItem(run=run, position=total, name=each.name, location=each.location, etag=each.etag)
        if each.error is not None:
            item.status, item.error_code, item.error = ItemStatus.FAILED, each.error.code, str(each.error)[:500]
            failed += 1
        chunk.append(item)
        total += 1
        if len(chunk) == CHUNK_ROWS:
            _keep(lease, chunk)
            chunk = []
    _keep(lease, chunk)
    if not total:
        raise Refused("no_input", f"There are no images in {run.input_location} any more.")
    with transaction.atomic():
        lease.hold(changes={"total": total, "failed": failed})
        move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=RunStatus.RUNNING)
        lease.release()
        if settings.WORKER_PROCESSES > 1:
            ring(RUN, run.pk, times=settings.WORKER_PROCESSES - 1)
        step("run.prepare.before_commit")
    step("run.prepared")


def _keep(lease: Lease, chunk: list[RunItem]) -> None:
    with transaction.atomic():
        lease.hold(progress=False)
        RunItem.objects.bulk_create(chunk)
        step("run.list.before_commit")
    step("run.list.committed")
    breathe()
