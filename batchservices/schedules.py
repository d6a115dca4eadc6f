"""Services that start by themselves: when they are due next, and what came of the last time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from batchservices import running
from batchservices.cronline import CronLine
from batchservices.models import BatchRun, BatchService
from config.leases import AWAY
from config.refusals import Refused
from config.steps import step

SHOWN = 3
AT_ONCE = 500


@dataclass(frozen=True)
class Due:
    """What came of a service that was due: its run, or None with the reason in `code` and `words`."""

    service: str
    run: int | None
    code: str
    words: str


class _TakenError(Exception):
    """Another host has seen to this time of the service."""


def set_schedule(*, service: BatchService, schedule: str, by: User | None) -> BatchService:
    """Says when a service starts by itself, from now on.

    Args:
        service: which one.
        schedule: a cron line by the clock of the server's `TIME_ZONE`; blank: never.
        by: who says so.

    Raises:
        Refused: bad_schedule, which names the field that is wrong.
    """
    line = " ".join(schedule.split())
    due_at = next_times(line, now=timezone.now(), count=1)[0] if line else None
    with transaction.atomic():
        service = BatchService.objects.select_for_update(of=("self",)).get(pk=service.pk)
        service.schedule, service.due_at, service.schedule_words = line, due_at, ""
        service.save(update_fields=["schedule", "due_at", "schedule_words"])
    return service


def next_times(schedule: str, *, now: datetime, count: int = SHOWN) -> list[datetime]:
    """The next times of a cron line in the server's time zone, none for a blank one. Raises Refused: bad_schedule."""
    place = timezone.get_default_timezone()
    if not schedule:
        return []
    return [time.astimezone(place) for time in islice(CronLine.read(schedule).after(now, place), count)]


def next_words(service: BatchService) -> list[str]:
    """When it starts next, as the clock of the server shows it: "Mon 23 Nov 2026, 02:00 CET"."""
    return [f"{time:%a %d %b %Y, %H:%M %Z}" for time in next_times(service.schedule, now=timezone.now())]


def start_due(*, now: datetime) -> list[Due]:
    """Starts the services that are due. Any number of hosts may ask at once: each time of a service is one start.

    Times that were missed while nobody asked are one start together. A service that runs still is passed over, one
    without input is not started; both say so in `schedule_words`. Where the storage does not answer, the time stays
    due and is tried again when somebody asks next.

    Args:
        now: the time that it is.

    Returns:
        One for each service that was due and that nobody else has seen to.
    """
    due = BatchService.objects.filter(due_at__lte=now).order_by("due_at")[:AT_ONCE]
    found = (_start(service, now=now) for service in due)
    return [each for each in found if each is not None]


def _start(service: BatchService, *, now: datetime) -> Due | None:
    assert service.due_at is not None  # noqa: S101  it was asked for
    at = f"{timezone.localtime(service.due_at, timezone.get_default_timezone()):%d %b %Y, %H:%M}"
    settle = partial(_settle, service, next_times(service.schedule, now=now, count=1)[0])
    try:
        run = running.start(service=service, by=None, within=_said_of_run(settle, at))
        return Due(service.name, run.pk, "started", f"Started run {run.pk}.")
    except Refused as refused:
        words = _words(refused, at)
        if refused.status == AWAY:
            tried = BatchService.objects.filter(pk=service.pk, due_at=service.due_at)
            tried.update(schedule_words=f"{words} It is tried again within minutes."[:500])
            return Due(service.name, None, refused.code, words)
        try:
            settle(words)
        except _TakenError:
            return None
        return Due(service.name, None, refused.code, words)
    except _TakenError:
        return None


def _said_of_run(settle: Callable[[str], None], at: str) -> Callable[[BatchRun], None]:
    return lambda run: settle(f"{at}: started run {run.pk}.")


def _settle(service: BatchService, following: datetime, words: str) -> None:
    """Moves a service to its next time; who moves it has seen to the time before."""
    this_time = BatchService.objects.filter(pk=service.pk, due_at=service.due_at, schedule=service.schedule)
    if not this_time.update(due_at=following, schedule_words=words[:500]):
        raise _TakenError
    step("schedule.settled")


def _words(refused: Refused, at: str) -> str:
    if refused.code == "already_running":
        return f"{at}: passed over, since run {refused.where.get('item')} was going on still."
    return f"{at}: not started. {refused.message}"
