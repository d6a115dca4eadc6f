"""How far long work has come: done of total, rate, time left. For the admin, the API and the terminal alike."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from batchservices.models import BatchRun, CollectionTask
from config.figures import lasting


@dataclass(frozen=True)
class Progress:
    """Where a work stands at one moment.

    Attributes:
        settled: how many of its images need nothing more, the failed ones among them.
        total: how many there are; None while nobody knows.
        failed: how many of the settled ones could not be done.
        seconds: since the work was begun, until it ended.
        active: whether it goes on.
        before: how many of the settled ones were so before that beginning, since an ended work was gone on with.
    """

    settled: int
    total: int | None
    failed: int
    seconds: float
    active: bool
    before: int = 0

    @property
    def share(self) -> float | None:
        """Settled of total, 0..1; None while the total is unknown or zero."""
        return min(self.settled / self.total, 1.0) if self.total else None

    @property
    def rate(self) -> float | None:
        """Images per second since the beginning; None before the first."""
        done = self.settled - self.before
        return done / self.seconds if done > 0 and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Until all are settled at this rate; None where it cannot be told or nothing goes on."""
        if not (self.active and self.total and self.rate):
            return None
        return max(self.total - self.settled, 0) / self.rate

    @property
    def duration(self) -> str:
        """How long it has taken, in words."""
        return lasting(self.seconds)

    @property
    def counts(self) -> str:
        """How far, without how fast: "1,240 of 5,000 · 3 failed"."""
        if not self.total and not self.settled:
            return "nothing yet" if self.active else "nothing"
        counts = f"{self.settled:,} of {self.total:,}" if self.total else f"{self.settled:,}"
        return f"{counts} · {self.failed:,} failed" if self.failed else counts

    @property
    def words(self) -> str:
        """One line for people: "1,240 of 5,000 · 3 failed · 85.0 images/s · 44 s left"."""
        parts = [self.counts]
        if self.rate is not None:
            parts.append(f"{self.rate:,.1f} images/s")
        if self.seconds_left is not None:
            parts.append(f"{lasting(self.seconds_left)} left")
        elif not self.active and self.seconds:
            parts.append(f"took {self.duration}")
        return " · ".join(parts)


def of_run(run: BatchRun, *, now: datetime | None = None) -> Progress:
    """The progress of a run; `now` is for tests."""
    return Progress(
        settled=run.done + run.failed,
        total=run.total or None,
        failed=run.failed,
        seconds=_seconds(run, now),
        active=run.status in BatchRun.WORKING,
        before=run.settled_before,
    )


def of_collection(task: CollectionTask, *, now: datetime | None = None) -> Progress:
    """The progress of a collection task; `now` is for tests."""
    return Progress(
        settled=task.cursor,
        total=task.total,
        failed=task.failed,
        seconds=_seconds(task, now),
        active=task.status in CollectionTask.WORKING,
    )


def _seconds(work: BatchRun | CollectionTask, now: datetime | None) -> float:
    if work.started_at is None:
        return 0.0
    return max(((work.finished_at or now or timezone.now()) - work.started_at).total_seconds(), 0.0)
