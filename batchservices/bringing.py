"""Images come into a dataset chunk by chunk: read, prepared in the sandbox, kept, taken in; each exactly once."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from django.db import transaction
from django.db.models import F

from batchservices import child
from batchservices.models import CollectionTask
from config.leases import AWAY, CHUNK_SECONDS, Lease, breathe
from config.refusals import Refused
from config.steps import step
from datasets import blobs, holds, locations
from datasets.images import MAX_BYTES
from datasets.intake import Incoming, Taken, take_in
from datasets.preparation import Prepared

CHUNK_IMAGES = 60  # each costs some eight rows
PROBLEMS = 20
WRITERS = 8
"""Files written at once: each waits for the disk, or for the network."""


@dataclass(frozen=True)
class Candidate:
    """An image that shall come into the dataset.

    Attributes:
        name, location: as the run or the listing has them.
        sha256: what its bytes were; "" where nobody has read them yet.
        error: why it cannot be read, where that is known already.
        incoming: makes of the prepared image what intake takes.
    """

    name: str
    location: str
    sha256: str
    incoming: Callable[[Prepared], Incoming]
    error: Refused | None = None


def bring(lease: Lease, task: CollectionTask, candidates: Iterator[Candidate], *, hold_key: str) -> None:
    """Takes in the candidates from the task's cursor on; cursor, counts and samples move in one transaction.

    Args:
        lease: on the task.
        task: as it stands in the database.
        candidates: all that are left, in an order that does not change.
        hold_key: of the hold on the dataset, which shows the progress.

    Raises:
        LeaseLost: stopped, or taken over.
        Refused: unknown_label: the dataset lost a label since the mapping was made; with the status 503, the storage
            or the sandbox are away.
    """
    problems = task.error.splitlines()
    done = task.cursor
    while True:
        with lease.renewing():
            incoming, failed = prepared(candidates)
        if not incoming and not failed:
            return
        problems += failed
        with transaction.atomic():
            lease.hold(changes={"error": "\n".join(problems[:PROBLEMS])})
            taken = Counter(take_in(dataset=task.dataset, incoming=incoming))
            done += len(incoming) + len(failed)
            CollectionTask.objects.filter(pk=task.pk).update(
                cursor=done,
                added=F("added") + taken[Taken.ADDED],
                already_there=F("already_there") + taken[Taken.ALREADY_THERE] + taken[Taken.UPDATED],
                already_labeled=F("already_labeled") + taken[Taken.ALREADY_LABELED],
                failed=F("failed") + len(failed),
            )
            holds.progress(dataset=task.dataset, key=hold_key, done=done, total=task.total)
            step("collection.chunk.before_commit")
        step("collection.chunk.committed")
        breathe()


def prepared(candidates: Iterator[Candidate]) -> tuple[list[Incoming], list[str]]:
    """The next chunk: images whose bytes are kept, and a line about each that could not be."""
    read: list[tuple[Candidate, Prepared, Future[None]]] = []
    incoming: list[Incoming] = []
    failed: list[str] = []
    started = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        for candidate in islice(candidates, CHUNK_IMAGES):
            try:
                each, data = _read(candidate)
                read.append((candidate, each, pool.submit(blobs.keep, prepared=each, data=data)))
            except Refused as error:
                failed.append(_line(candidate, error))
            if time.monotonic() - started > CHUNK_SECONDS:
                break
    for candidate, each, kept in read:
        try:
            kept.result()
            incoming.append(candidate.incoming(each))
        except Refused as error:
            failed.append(_line(candidate, error))
    step("collection.bytes.kept")
    return incoming, failed


def _line(candidate: Candidate, error: Refused) -> str:
    """What stands in the task's report; raises the error again where it is no fault of the image."""
    if error.status == AWAY:
        raise error
    return f"{candidate.name}: {error.message}"


def _read(candidate: Candidate) -> tuple[Prepared, bytes]:
    if candidate.error is not None:
        raise candidate.error
    data = locations.read(locations.parse(candidate.location), limit=MAX_BYTES)
    prepared = child.prepare(data)
    if candidate.sha256 and prepared.sha256 != candidate.sha256:
        raise Refused("changed_since_the_run", "The file was changed since the run predicted it.")
    return prepared, data
