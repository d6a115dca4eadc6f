"""How the labeling of a dataset goes on: who decided how much and when, and what people corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from datasets.models import Dataset, Outcome, ReviewEvent, Verb

SPANS = {
    "day": ("24 hours", timedelta(hours=24)),
    "week": ("7 days", timedelta(days=7)),
    "month": ("30 days", timedelta(days=30)),
}
PAUSE = timedelta(minutes=10)  # nobody sits before one image for longer
FEWEST = 5  # decisions that tell a pace
MOST_MOMENTS = 10_000
_DECIDED = (Verb.CONFIRM, Verb.REJECT)


@dataclass(frozen=True)
class Reviewer:
    """What one person decided: images, those of them that were corrected, and the images per hour at work."""

    name: str
    decided: int
    corrected: int
    per_hour: float | None
    last: datetime


@dataclass(frozen=True)
class Progress:
    """What was decided in a span of time.

    Attributes:
        columns: (moment, images) by hour, or by day where the span is long; without gaps.
        reviewers: who decided most comes first.
        corrections: (outcome in words, images, share of all) of confirmed and rejected images.
        decided: images in all.
    """

    columns: Sequence[tuple[datetime, int]]
    reviewers: Sequence[Reviewer]
    corrections: Sequence[tuple[str, int, float]]
    decided: int


def progress_of(dataset: Dataset, *, span: str) -> Progress:
    """What people decided about a dataset of late; what was undone does not count.

    Args:
        span: a key of `SPANS`.
    """
    now = timezone.now()
    length = SPANS[span][1]
    events = ReviewEvent.objects.filter(
        dataset=dataset, verb__in=_DECIDED, undone_by__isnull=True, at__gte=now - length
    ).order_by()
    outcomes = dict(events.values_list("outcome").annotate(number=Count("id")))
    decided = sum(outcomes.values())
    return Progress(
        columns=_columns(events, now, length),
        reviewers=_reviewers(events),
        corrections=[
            (outcome.label, outcomes[outcome], outcomes[outcome] / decided)
            for outcome in Outcome
            if outcomes.get(outcome)
        ],
        decided=decided,
    )


def _columns(events: QuerySet[ReviewEvent], now: datetime, length: timedelta) -> list[tuple[datetime, int]]:
    hourly = length <= timedelta(days=2)
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    start = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    start = start if hourly else start.replace(hour=0)
    rows = events.annotate(moment=TruncHour("at") if hourly else TruncDay("at")).values_list("moment")
    found = dict(rows.annotate(number=Count("id")))
    moments = [start - step * back for back in range(length // step - 1, -1, -1)]
    return [(moment, found.get(moment, 0)) for moment in moments]


def _reviewers(events: QuerySet[ReviewEvent]) -> list[Reviewer]:
    corrected = Count("id", filter=~Q(outcome=Outcome.UNCHANGED))
    rows = events.values("by", "by__username").annotate(
        number=Count("id"), corrected=corrected, first=Min("at"), last=Max("at")
    )
    return [
        Reviewer(
            row["by__username"], row["number"], row["corrected"], _per_hour(events.filter(by=row["by"])), row["last"]
        )
        for row in rows.order_by("-number", "by__username")
    ]


def _per_hour(events: QuerySet[ReviewEvent]) -> float | None:
    """Images per hour of one person's work: pauses are left out. None where there is too little to tell."""
    moments = sorted(events.values_list("at", flat=True)[:MOST_MOMENTS])
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    worked = [gap for gap in gaps if gap <= PAUSE]
    seconds = sum(worked, timedelta()).total_seconds()
    return 3600 * len(worked) / seconds if len(worked) >= FEWEST and seconds > 0 else None
