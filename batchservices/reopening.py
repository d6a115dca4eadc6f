"""A run that has ended is opened again: what failed becomes pending, chunk by chunk, before workers go on with it."""

from django.db import transaction
from django.db.models import F, Q, QuerySet

from batchservices.freezing import set_going
from batchservices.models import BatchRun, ItemStatus, RunItem
from config.leases import CHUNK_ROWS, Lease, breathe
from config.steps import step


def unpredicted(run: BatchRun) -> QuerySet[RunItem]:
    """The inputs of a run that can be tried again. One that is nowhere, such as a bad line of a manifest, cannot."""
    return run.items.exclude(location="").exclude(status=ItemStatus.DONE)


def reopen(lease: Lease, run: BatchRun) -> None:
    """Makes what failed pending again, and gives back what was in work when the run ended; then the run is running.

    The run's counter moves with each chunk, so that whoever takes over counts nothing twice.

    Raises:
        LeaseLost: stopped, or taken over.
    """
    again = unpredicted(run).filter(Q(status=ItemStatus.FAILED) | Q(status=ItemStatus.LEASED))
    while rows := list(again.order_by("status", "position").values_list("pk", "status")[:CHUNK_ROWS]):
        failed = sum(status == ItemStatus.FAILED for _, status in rows)
        with transaction.atomic():
            lease.hold(changes={"failed": F("failed") - failed})
            RunItem.objects.filter(pk__in=[pk for pk, _ in rows]).update(
                status=ItemStatus.PENDING, lease_token="", lease_expires_at=None, attempts=0, error_code="", error=""
            )
            step("run.reopen.before_commit")
        step("run.reopen.committed")
        breathe()
    set_going(lease, run, {"retrying": False})
