"""What Synchronize Data to Dataset brings: every image of the input location, unlabeled."""

from collections.abc import Iterator
from functools import partial
from itertools import islice

from django.db import transaction

from batchservices.bringing import Candidate
from batchservices.inputs import Input, list_inputs
from batchservices.models import COLLECTION_MOVES, CollectionStatus, CollectionTask
from config.leases import Lease
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets.intake import Incoming
from datasets.models import Origin, Status
from datasets.preparation import Prepared

LISTED = 1000
"""After so many inputs of a listing the task is asked whether it was stopped."""


def count_inputs(lease: Lease, task: CollectionTask) -> None:
    """Says how much there is to do, and begins. Raises LeaseLost: stopped, or taken over; Refused "no_input"."""
    total = 0
    with lease.renewing():
        for _ in list_inputs(task.input_location):
            total += 1
            if total % LISTED == 0:
                lease.hold(progress=False)
    if not total:
        raise Refused("no_input", f"There are no images in {task.input_location} any more.")
    with transaction.atomic():
        lease.hold(changes={"total": total})
        move_one(CollectionTask.objects.filter(pk=task.pk), moves=COLLECTION_MOVES, to=CollectionStatus.IMPORTING)
        step("collection.count.before_commit")
    step("collection.counted")


def candidates_of_inputs(task: CollectionTask) -> Iterator[Candidate]:
    """From the cursor on, in the listing's order. What arrives while a dead worker is replaced may wait for the next
    time."""
    for each in islice(list_inputs(task.input_location), task.cursor, None):
        yield Candidate(each.name, each.location, "", partial(_incoming, each), error=each.error)


def _incoming(each: Input, prepared: Prepared) -> Incoming:
    return Incoming(
        prepared=prepared,
        name=each.name.rpartition("/")[2],
        source=each.location,
        origin=Origin.SYNCHRONIZE,
        status=Status.UNLABELED,
    )
