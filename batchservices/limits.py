"""What a run may take: how many workers at once, and for how long."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from batchservices.models import ACTIVE_RUN, BatchRun, ItemStatus, RunItem
from config.refusals import Refused


def has_room(run: BatchRun, token: str) -> bool:
    """Whether a worker may lease items: it works on the run already, or fewer than the run's processes do.

    Inside the transaction that leases; the run's row is held, so that two workers do not take the last place.
    """
    if not run.processes:
        return True
    BatchRun.objects.select_for_update().filter(pk=run.pk).values_list("pk").first()
    at_work = RunItem.objects.filter(run=run, status=ItemStatus.LEASED, lease_expires_at__gte=timezone.now())
    return at_work.exclude(lease_token=token).values("lease_token").distinct().count() < run.processes


def check_time(run: BatchRun) -> None:
    """Raises Refused "run_timeout" (409) for a run that has taken longer than it may."""
    if not run.timeout_minutes:
        return
    started_at = BatchRun.objects.values_list("started_at", flat=True).get(pk=run.pk)
    if started_at is not None and timezone.now() - started_at > timedelta(minutes=run.timeout_minutes):
        words = f"The run took longer than the {run.timeout_minutes:,} minutes it may take. What was predicted is kept."
        raise Refused("run_timeout", f"{words} Go on with it, or give the service more time.", status=409)


def limited() -> list[BatchRun]:
    """The runs at work whose time is limited."""
    started = BatchRun.objects.filter(status__in=ACTIVE_RUN, timeout_minutes__gt=0, started_at__isnull=False)
    return list(started.order_by(F("started_at").asc())[:500])
