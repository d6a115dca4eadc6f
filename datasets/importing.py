"""Images come into a dataset by hand: uploads, folders of a location, manifests.

An import is leased work with a cursor: each chunk's samples, problems, counts and cursor are one transaction. Whatever
is killed, the end is the same.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.doorbell import ring
from config.leases import AWAY, Lease, LeaseLost, breathe, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.sandbox import Sandbox
from config.steps import step
from datasets import blobs, entries, locations, staging
from datasets.creation import add_labels, label_name
from datasets.entries import Entry
from datasets.images import safe_name
from datasets.intake import Incoming, Taken, check_box, take_in
from datasets.models import Dataset, ImportFormat, ImportProblem, ImportTask, Task, TaskStatus
from datasets.models.tasks import TASK_MOVES
from datasets.preparation import Prepared, prepare

CHUNK = 100
CHUNK_SECONDS = 5.0
MAX_PROBLEMS = 1000
WRITERS = 8


def start_import(
    *,
    dataset: Dataset,
    by: User,
    location: str = "",
    uploads: Iterable[tuple[str, BinaryIO]] = (),
    format: str = ImportFormat.IMAGES,
    final_annotation: bool = True,
    difficult_only: bool = False,
) -> ImportTask:
    """Begins an import; a worker does it.

    Args:
        location: a folder or one image, or for manifests the file, as `alias:path`; or else
        uploads: (name, stream) of images and ZIP archives; copied before this returns, decoded by the worker.
        format: one of `ImportFormat`.
        final_annotation: annotated samples become Labeled; else they go to To Be Confirmed.
        difficult_only: of a manifest only the lines that say hard.

    Raises:
        Refused: unknown_format, type_mismatch, nothing_to_import, source_not_found, what `locations.parse` and
            `staging.stage` refuse.
    """
    if format not in ImportFormat.values:
        raise Refused("unknown_format", f"Write one of: {', '.join(ImportFormat.values)}.", field="format")
    if format == ImportFormat.DIRECTORIES and dataset.task != Task.IMAGE_CLASSIFICATION:
        raise Refused(
            "type_mismatch", "Directories as labels are for image classification.", status=409, field="format"
        )
    if location:
        place = locations.parse(location)
        if format == ImportFormat.MANIFEST:
            locations.open_file(place).close()
        elif not locations.has_files(place) and not entries.is_image(place):
            raise Refused("nothing_to_import", f"There are no files in {place}.", field="location")
    elif format == ImportFormat.MANIFEST:
        raise Refused("nothing_to_import", "Name the location of the manifest.", field="location")
    else:
        place = staging.stage(uploads)
    with transaction.atomic():
        task = ImportTask.objects.create(
            dataset=dataset,
            format=format,
            location=str(place),
            uploaded=not location,
            final_annotation=final_annotation,
            difficult_only=difficult_only,
            created_by=by,
        )
        ring("datasets.execute_import", task.pk)
    return task


def stop(*, task: ImportTask, by: User) -> None:
    """Stops an import; what it brought so far stays. Raises Refused "illegal_status_change" where it ended already."""
    with transaction.atomic():
        _end(task, TaskStatus.STOPPED)
    staging.clear(entries.work_folder(task))


def execute(task_id: int) -> None:
    """Goes on with an import until it ends; does nothing where it ended or somebody works on it."""
    task = ImportTask.objects.select_related("dataset", "created_by").get(pk=task_id)
    try:
        lease = claim(ImportTask, task_id)
    except Refused as refused:
        _fail(task, refused)
        return
    if lease is None:
        return
    task.refresh_from_db()
    try:
        with lease.giving_back(), lease.waiting(), lease.renewing():
            _work(task, lease)
    except LeaseLost:
        return
    except Refused as refused:
        if refused.status == AWAY:
            raise
        _fail(task, refused)


def _work(task: ImportTask, lease: Lease) -> None:
    if task.total is None:
        with closing(entries.entries(task)) as listed:
            task.total = sum(1 for _ in listed)
        with transaction.atomic():
            lease.hold(changes={"total": task.total, "status": TaskStatus.RUNNING})
    if task.cursor < task.total:
        with closing(entries.entries(task)) as listed:
            rest = islice(listed, task.cursor, None)
            while chunk := _next_chunk(task, rest):
                _settle(task, lease, chunk)
                breathe()
    step("import.before_clear")
    staging.clear(entries.work_folder(task))
    step("import.cleared")
    with transaction.atomic():
        lease.hold()
        _end(task, TaskStatus.COMPLETED)
        step("import.before_end")
    step("import.ended")


@dataclass
class _Chunk:
    """Entries that were read and decoded, and what came of each."""

    entries: int = 0
    incoming: list[Incoming] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)


def _next_chunk(task: ImportTask, rest: Iterator[Entry]) -> _Chunk | None:
    """Reads, decodes and keeps the next images, for as long as a lease allows; None at the end."""
    chunk = _Chunk()
    end = time.monotonic() + CHUNK_SECONDS
    writes: list[tuple[Entry, Incoming, Future[None]]] = []
    with ThreadPoolExecutor(WRITERS) as pool:  # a bucket's answers take longer than the work between them
        for entry in rest:
            chunk.entries += 1
            with _noted(task, entry, chunk):
                if opened := _opened(task, entry):
                    incoming, data = opened
                    kept = pool.submit(blobs.keep, prepared=incoming.prepared, data=data)
                    writes.append((entry, incoming, kept))
                    if len(writes) > WRITERS:
                        writes[-WRITERS][2].exception()  # waits: few images are in memory at once
            if chunk.entries == CHUNK or time.monotonic() > end:
                break
    for entry, incoming, kept in writes:
        with _noted(task, entry, chunk):
            kept.result()
            chunk.incoming.append(incoming)
    return chunk if chunk.entries else None


@contextmanager
def _noted(task: ImportTask, entry: Entry, chunk: _Chunk) -> Iterator[None]:
    """What is wrong with an entry becomes a line about it; a storage that is away concerns all of them."""
    try:
        yield
    except Refused as refused:
        if refused.status == AWAY:
            raise
        chunk.problems.append(
            ImportProblem(
                task=task,
                line=entry.line,
                file=safe_name(entry.name) if entry.name else "",
                code=refused.code,
                message=refused.message[:500],
            )
        )


def _opened(task: ImportTask, entry: Entry) -> tuple[Incoming, bytes] | None:
    if entry.error:
        raise entry.error
    opened = entry.open() if entry.open else None
    if opened is None:
        return None
    data, tell = opened
    deadline = settings.IMAGE_DEADLINE_SECONDS
    prepared = Prepared(**image_sandbox().call(prepare, data, deadline=deadline))
    incoming = tell(prepared)
    for claimed in incoming.claims:
        label_name(claimed.label)
        check_box(claimed, task.dataset.task, prepared.width, prepared.height, file=incoming.name)
    return incoming, data


def _settle(task: ImportTask, lease: Lease, chunk: _Chunk) -> None:
    """Samples, problems, counts and cursor of a chunk, in one transaction."""
    with transaction.atomic():
        lease.hold()
        names = {claimed.label for incoming in chunk.incoming for claimed in incoming.claims}
        add_labels(dataset=task.dataset, names=sorted(names), by=task.created_by)
        taken = Counter(take_in(dataset=task.dataset, incoming=chunk.incoming))
        room = MAX_PROBLEMS - ImportProblem.objects.filter(task=task).count()
        ImportProblem.objects.bulk_create(chunk.problems[: max(room, 0)])
        ImportTask.objects.filter(pk=task.pk).update(
            cursor=F("cursor") + chunk.entries,
            added=F("added") + taken[Taken.ADDED],
            already_there=F("already_there") + taken.total() - taken[Taken.ADDED],
            failed=F("failed") + len(chunk.problems),
        )
        step("import.chunk.before_commit")
    step("import.chunk.committed")


@cache
def image_sandbox() -> Sandbox:
    """The limited process in which this worker decodes images, kept for all its imports."""
    return Sandbox(imports=["datasets.preparation"], memory=settings.SANDBOX_MEMORY_MIB * 2**20, noun="image")


def _fail(task: ImportTask, refused: Refused) -> None:
    with transaction.atomic():
        changes = _ended() | {"error_code": refused.code, "error": str(refused)}
        rows = ImportTask.objects.filter(pk=task.pk)
        failed = move(rows, moves=TASK_MOVES, to=TaskStatus.FAILED, changes=changes)
    if failed:
        staging.clear(entries.work_folder(task))


def _end(task: ImportTask, status: TaskStatus) -> None:
    rows = ImportTask.objects.filter(pk=task.pk)
    move_one(rows, moves=TASK_MOVES, to=status, changes=_ended())


def _ended() -> dict[str, Any]:
    return {"finished_at": timezone.now(), "lease_token": "", "lease_expires_at": None}
