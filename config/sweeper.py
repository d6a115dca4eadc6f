"""Rings again for work whose doorbell was lost or whose worker died, lets filters learn from new reviews, and starts
the services that are due. Any number of sweepers may run."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from batchservices.models import BatchRun, CollectionTask, InferenceModel, RunComparison
from batchservices.running import end_overdue
from batchservices.schedules import start_due
from config.api.repeats import forget_expired
from config.doorbell import ring
from config.leases import LeasedWork
from datasets.models import DatasetRemoval, DatasetVersion, Hold, ImportTask
from hardexamples.learning_work import TASK, ask_to_learn, due
from hardexamples.models import FilterReport
from labeling.models import AutoLabelingTask, LabelingSimulation, ReviewLease, ReviewTask

log = logging.getLogger("hardmine.sweeper")

# long work and the task that goes on with it
WORK: tuple[tuple[type[LeasedWork], str], ...] = (
    (InferenceModel, "batchservices.execute_check"),
    (BatchRun, "batchservices.execute_run"),
    (CollectionTask, "batchservices.execute_collection"),
    (RunComparison, "batchservices.execute_comparison"),
    (ImportTask, "datasets.execute_import"),
    (DatasetVersion, "datasets.execute_publishing"),
    (DatasetRemoval, "datasets.execute_removal"),
    (ReviewTask, "labeling.execute_review"),
    (AutoLabelingTask, "labeling.execute_auto_labeling"),
    (LabelingSimulation, "labeling.execute_simulation"),
    (FilterReport, TASK),
)


def sweep(*, quiet_seconds: float | None = None) -> int:
    """Rings for every unfinished work that nobody holds and that nobody has rung for of late; ends runs whose
    time is over; starts services that are due; asks filters to learn that have not read all reviews; forgets expired
    leases and answers.

    Args:
        quiet_seconds: how long a work must have been without a sign of life, and how long a ring is given to be heard;
            None: a third of a lease.

    Returns:
        How many bells were rung.
    """
    end_overdue()
    now = timezone.now()
    quiet = now - timedelta(seconds=settings.LEASE_SECONDS / 3 if quiet_seconds is None else quiet_seconds)
    rung = 0
    for model, task in WORK:
        free = Q(lease_token="") | Q(lease_expires_at__lt=now)
        silent = Q(heartbeat_at=None) | Q(heartbeat_at__lt=quiet)
        waiting = Q(rung_at=None, created_at__lt=quiet) | Q(rung_at__lt=quiet)
        unfinished = Q(status__in=model.WORKING)
        rows = model._default_manager.filter(unfinished & free & silent & waiting)
        for pk in rows.values_list("pk", flat=True)[:500]:
            # who sets the mark rings: two sweepers at once do not ring twice
            if rows.filter(pk=pk).update(rung_at=now):
                log.info("Ringing again for %s %s.", model._meta.verbose_name, pk)
                ring(task, pk, times=settings.WORKER_PROCESSES if model is BatchRun else 1)
                rung += 1
    for chosen in due():
        ask_to_learn(chosen=chosen, by=None)
        rung += 1
    ReviewLease.objects.filter(expires_at__lt=now).delete()
    Hold.objects.filter(expires_at__lt=now).delete()
    forget_expired()
    _empty_log()
    for started in start_due(now=now):
        log.info("%s was due: %s", started.service, started.words)
    return rung


def _empty_log() -> None:
    """Moves what was written from SQLite's log into its file, which makes nobody wait; else some page's write would."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
