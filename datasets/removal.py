"""Datasets go: at once for everybody, and then piece by piece, however much they held.

Bytes and files of published versions stay.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import PROTECT, F, ProtectedError
from django.utils import timezone

from config.doorbell import ring
from config.leases import CHUNK_ROWS, Lease, LeaseLost, breathe, claim
from config.lifecycle import move
from config.refusals import Refused
from config.steps import step
from datasets import counters, holds
from datasets.models import (
    Annotation,
    Dataset,
    DatasetRemoval,
    DatasetVersion,
    ImportTask,
    ReviewEvent,
    Sample,
    TaskStatus,
)
from datasets.models.tasks import TASK_MOVES

TASK = "datasets.execute_removal"
AT_ONCE = 200  # samples, and events, that a request clears away itself
CHUNK_SAMPLES = 100  # each takes some ten rows with it


@transaction.atomic
def delete_dataset(*, dataset: Dataset, by: User | None) -> DatasetRemoval | None:
    """Removes a dataset with its samples and its history: nobody finds it any more, and its name is free.

    Returns:
        The removal by which a worker clears away what a large one held; None where nothing is left to do.

    Raises:
        Refused: dataset_in_use (409), in words, while something fills or needs it.
    """
    if Dataset.objects.select_for_update().filter(pk=dataset.pk).first() is None:
        return None
    _refuse_while_needed(dataset)
    total = counters.counts(dataset).total
    if total <= AT_ONCE and not ReviewEvent.objects.filter(dataset=dataset)[AT_ONCE:].exists():
        while sum(_clear(dataset.pk)):
            pass
        _drop(dataset)
        return None
    try:
        with transaction.atomic():
            DatasetVersion.objects.filter(dataset=dataset).delete()
    except ProtectedError:
        raise _needed(dataset) from None
    ImportTask.objects.filter(dataset=dataset).delete()
    removal = DatasetRemoval.objects.create(dataset=dataset, name=dataset.name, total=total, created_by=by)
    # no name that people may give looks like this one
    Dataset.objects.filter(pk=dataset.pk).update(removed_at=timezone.now(), name=f"~{dataset.pk}")
    ring(TASK, removal.pk)
    return removal


def _refuse_while_needed(dataset: Dataset) -> None:
    hold = next(iter(holds.standing(dataset)), None)
    busy = (
        ImportTask.objects.filter(dataset=dataset, status__in=ImportTask.WORKING).exists()
        or DatasetVersion.objects.filter(dataset=dataset, status__in=DatasetVersion.WORKING).exists()
    )
    if hold or busy:
        words = hold.words if hold else "An import or a publishing of it is going on."
        raise Refused("dataset_in_use", f"{dataset.name} cannot be deleted now: {words}", status=409)
    for relation in Dataset._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{relation.field.name: dataset})
        if relation.on_delete is PROTECT and rows.exists():
            raise _needed(dataset)


def _needed(dataset: Dataset) -> Refused:
    words = f"{dataset.name} cannot be deleted: a batch service or a collection task names it."
    return Refused("dataset_in_use", words, status=409)


def _drop(dataset: Dataset) -> None:
    try:
        with transaction.atomic():
            dataset.delete()
    except ProtectedError:
        raise _needed(dataset) from None


def execute(removal_id: int) -> None:
    """Goes on with clearing away wherever that stands; harmless however often it is called."""
    try:
        lease = claim(DatasetRemoval, removal_id)
        if lease is None:
            return
        with lease.giving_back():
            _go_on(lease)
    except LeaseLost:
        return
    except Refused as refused:
        _end(removal_id, TaskStatus.FAILED, error_code=refused.code, error=str(refused))


def _go_on(lease: Lease) -> None:
    rows = DatasetRemoval.objects.filter(pk=lease.pk)
    move(rows, moves=TASK_MOVES, to=TaskStatus.RUNNING)
    dataset = Dataset.everything.get(removal=lease.pk)
    left = True
    while left:
        with transaction.atomic():
            lease.hold()
            samples, events = _clear(dataset.pk)
            left = bool(samples or events)
            rows.update(done=F("done") + samples)
            if not left:
                _drop(dataset)
                _end(lease.pk, TaskStatus.COMPLETED)
            step("removal.chunk.before_commit")
        step("removal.chunk.committed")
        breathe()


def _clear(dataset_id: int) -> tuple[int, int]:
    """Deletes some samples, or before them some events; says how many of each. Nothing is left where both are 0."""
    events = ReviewEvent.objects.filter(dataset=dataset_id).order_by("-id").values_list("pk", flat=True)
    if latest := list(events[:CHUNK_ROWS]):
        # an event protects what it undoes, which is older than it
        ReviewEvent.objects.filter(pk__in=latest, undoes__isnull=False).delete()
        ReviewEvent.objects.filter(pk__in=latest).delete()
        return 0, len(latest)
    samples = Sample.objects.filter(dataset=dataset_id).order_by("id").values_list("pk", flat=True)
    chosen = list(samples[:CHUNK_SAMPLES])
    Annotation.objects.filter(sample__in=chosen).delete()  # they protect their labels
    Sample.objects.filter(pk__in=chosen).delete()
    return len(chosen), 0


def _end(removal_id: int, status: TaskStatus, *, error_code: str = "", error: str = "") -> None:
    changes = {
        "error_code": error_code,
        "error": error,
        "finished_at": timezone.now(),
        "lease_token": "",
        "lease_expires_at": None,
    }
    move(DatasetRemoval.objects.filter(pk=removal_id), moves=TASK_MOVES, to=status, changes=changes)
