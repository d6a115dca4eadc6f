"""Learning from reviews as work: who asks for it, the worker that does it, and when filters learn by themselves."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from config.doorbell import ring
from config.leases import LeaseLost, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from datasets.models import ReviewEvent
from hardexamples.learning import learn
from hardexamples.models import (
    LEARNING_MOVES,
    FilterReport,
    HardExampleFilter,
    LearningStatus,
    Mining,
    MiningStatus,
)

PAUSE = timedelta(minutes=10)  # between two times that a filter learns by itself
TASK = "hardexamples.execute_learning"


def ask_to_learn(*, chosen: HardExampleFilter, by: User | None) -> FilterReport:
    """Lets a worker read what people have decided since the last time. Asked twice, it is done once.

    Args:
        chosen: the filter.
        by: who asks; None for the sweeper.
    """
    with transaction.atomic():
        report = FilterReport.objects.get_or_create(filter=chosen)[0]
        anew = {"error": "", "error_code": "", "attempts": 0, "rung_at": None, "heartbeat_at": None}
        asked = {**anew, "created_at": timezone.now(), "started_at": None, "finished_at": None}
        rows = FilterReport.objects.filter(pk=report.pk)
        if move(rows, moves=LEARNING_MOVES, to=LearningStatus.WAITING, changes=asked):
            ring(TASK, report.pk)
    report.refresh_from_db()
    return report


def execute(report_id: int) -> None:
    """Learns; does nothing where that is done or somebody does it."""
    try:
        lease = claim(FilterReport, report_id)
    except Refused as refused:
        failed = {"error": str(refused), "error_code": refused.code, "finished_at": timezone.now()}
        rows = FilterReport.objects.filter(pk=report_id)
        move(rows, moves=LEARNING_MOVES, to=LearningStatus.FAILED, changes=failed)
        return
    if lease is None:
        return
    rows = FilterReport.objects.filter(pk=report_id)
    chosen = HardExampleFilter.objects.get(report=report_id)
    try:
        with lease.giving_back(), lease.renewing():
            move_one(rows, moves=LEARNING_MOVES, to=LearningStatus.READING)
            learn(chosen=chosen, by=None, hold=lease.hold)
            with transaction.atomic():
                lease.hold(changes={"finished_at": timezone.now()})
                move_one(rows, moves=LEARNING_MOVES, to=LearningStatus.FINISHED)
            lease.release()
    except LeaseLost:
        return


def due() -> QuerySet[HardExampleFilter]:
    """The filters that shall learn by themselves: used at least once, with events that they have not read, and not
    while people are at it all the time."""
    latest = ReviewEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    if latest is None:
        return HardExampleFilter.objects.none()
    used = Exists(Mining.objects.filter(filter=OuterRef("pk"), status=MiningStatus.FINISHED))
    rested = Q(report__finished_at=None) | Q(report__finished_at__lt=timezone.now() - PAUSE)
    behind = Q(report__last_event__lt=latest, report__status__in=LEARNING_MOVES[LearningStatus.WAITING]) & rested
    return HardExampleFilter.objects.filter(Q(report=None) | behind).filter(used)
