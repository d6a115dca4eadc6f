"""Leased work: the database is the queue, the broker only rings.

Every long work is a row that inherits `LeasedWork`. A worker claims it by a conditional UPDATE, holds it by a token
with an expiry, and proves in every transaction that it still holds it. A worker that died stops renewing; the sweeper
rings again and the next worker goes on from the last commit. Attempts are counted before the risky part, and set back
to zero by progress, so that only work that dies again and again without getting further is given up. Where a storage is
away, work waits: that costs no attempt, and is given up only after `settings.WAIT_HOURS`.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from config import stopping
from config.refusals import Refused

log = logging.getLogger("hardmine.leases")

ATTEMPTS = 5
AWAY = 503  # the status of a refusal that says nothing of the work: storage or sandbox are away for now
CHUNK_SECONDS = 0.4
CHUNK_ROWS = 500
PACED_SECONDS = 0.2  # of a transaction that is made of few statements, however many rows
PACED_ROWS = 2_500
LISTEN_SECONDS = 1.0  # between two looks for a stop, in work that writes nothing for long
PAUSE_SECONDS = 0.01  # five times what who waits for the write lock takes to ask again (config.sqlite)
LOG_PAGES = 8000  # 32 MB of SQLite's log, from which on long work moves them into the file; pages leave that to it


class LeaseLost(Exception):  # noqa: N818  the name is what happened
    """Another worker holds this work now, or it was stopped. Whoever gets this writes nothing more and goes home."""


class WorkerStops(LeaseLost):
    """This worker was asked to stop. Whoever gets this gives back what it has leased and goes home."""


class LeasedWork(models.Model):
    """The columns of long work: who holds it, until when, how often it was tried, what went wrong, what it waits for.

    Subclasses have a `status` and name the statuses in which there is something to do in `WORKING`.
    """

    WORKING: ClassVar[Collection[str]] = ()

    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    rung_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    stop_requested = models.BooleanField(default=False, editable=False)
    error_code = models.CharField(max_length=64, blank=True, editable=False)
    error = models.TextField(blank=True, editable=False)
    waits_for = models.CharField(max_length=1000, blank=True, editable=False)
    waits_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Lease:
    """The right to work on one row until it expires; renewed by each committed chunk."""

    model: type[LeasedWork]
    pk: int
    token: str

    def hold(self, *, progress: bool = True, changes: dict[str, Any] | None = None) -> None:
        """Renews the lease, inside the transaction of a chunk, and with it proves that we still hold the work.

        Args:
            progress: whether this chunk got the work further, which forgives earlier attempts.
            changes: other columns of the row to set in the same statement; F() expressions are exact here.

        Raises:
            LeaseLost: the work is not ours any more, or a stop was asked for.
        """
        now = timezone.now()
        values = {
            "lease_expires_at": now + timedelta(seconds=settings.LEASE_SECONDS),
            "heartbeat_at": now,
            **(changes or {}),
        }
        if progress:
            values |= FURTHER
        rows = self.model._default_manager.filter(pk=self.pk, lease_token=self.token, stop_requested=False)
        if rows.update(**values) != 1:
            raise LeaseLost

    def now_and_then(self) -> Callable[[], None]:
        """`hold` for loops of short rounds: passed over until a second after the last time."""
        held = time.monotonic()

        def hold() -> None:
            nonlocal held
            if time.monotonic() - held > LISTEN_SECONDS:
                self.hold(progress=False)
                held = time.monotonic()

        return hold

    def renewing(self) -> AbstractContextManager[None]:
        """Renews the lease in the background while something computes for longer than a lease lasts."""
        return renewing(lambda: self.hold(progress=False), every=settings.LEASE_SECONDS / 3)

    def release(self) -> None:
        """Gives the work back, for the next doorbell."""
        self.model._default_manager.filter(pk=self.pk, lease_token=self.token).update(
            lease_token="", lease_expires_at=None
        )

    def giving_back(self) -> AbstractContextManager[None]:
        """Gives the work back where the worker is stopped while it works on it; so the next start goes on at once."""
        return giving_back(self._give_back)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Gives the work back where a storage or the sandbox is away, and keeps in words what it waits for.

        The refusal goes on to the caller, who leaves the work as it is: the sweeper rings again, until the work has
        waited for too long.

        Raises:
            Refused: what was refused inside; or, as `waited_too_long`, that it is the end of the waiting.
        """
        try:
            yield
        except Refused as error:
            if error.status != AWAY:
                raise
            mine = self.model._default_manager.filter(pk=self.pk, lease_token=self.token)
            if mine.update(lease_token="", lease_expires_at=None, attempts=0, **waiting_for(error)):
                give_up_waiting(self.model, self.pk, error)
            raise

    def _give_back(self) -> None:
        self.model._default_manager.filter(pk=self.pk, lease_token=self.token).update(
            lease_token="", lease_expires_at=None, attempts=0, **UNHEARD
        )


UNHEARD: dict[str, None] = {"heartbeat_at": None, "rung_at": None}
"""Columns of work that the sweeper shall ring for at once."""

FURTHER: dict[str, Any] = {"attempts": 0, "waits_for": "", "waits_since": None}
"""Columns of work that got further: what was tried and waited for before is forgiven."""


def waiting_for(error: Refused) -> dict[str, Any]:
    """Columns of work that waits: for what, and since it waits without having got further."""
    return {"waits_for": str(error)[:1000], "waits_since": Coalesce("waits_since", timezone.now())}


def give_up_waiting(model: type[LeasedWork], pk: int, error: Refused) -> None:
    """Ends the waiting of a work that waits for longer than `settings.WAIT_HOURS`. Raises Refused "waited_too_long"."""
    hours = settings.WAIT_HOURS
    if model._default_manager.filter(pk=pk, waits_since__lt=timezone.now() - timedelta(hours=hours)).exists():
        words = f"Waited for more than {hours:g} hours; at last: {error} Mend that, then start again."
        raise Refused("waited_too_long", words, status=409) from error


@contextmanager
def giving_back(give_back: Callable[[], None]) -> Iterator[None]:
    """Calls `give_back` where the worker was asked to stop, or its process is being ended by a signal."""
    try:
        yield
    except (WorkerStops, SystemExit, KeyboardInterrupt):
        give_back()
        raise


@contextmanager
def renewing(renew: Callable[[], None], *, every: float) -> Iterator[None]:
    """Calls `renew` in the background every so many seconds, with a database connection of its own.

    A lost lease ends it quietly: the work's next `hold` says so, too. A lost database is asked again.
    """
    over = threading.Event()

    def keep_on() -> None:
        try:
            while not over.wait(every):
                try:
                    renew()
                except (DatabaseError, InterfaceError) as error:
                    log.warning("A lease could not be renewed (%s); it is tried again.", type(error).__name__)
                    connection.close()
        except LeaseLost:
            log.info("A lease was lost while its work was computing.")
        finally:
            connection.close()

    thread = threading.Thread(target=keep_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def claim(model: type[LeasedWork], pk: int) -> Lease | None:
    """Takes a work that nobody holds, or None where there is nothing to do, somebody works on it, or this worker stops.

    Raises:
        Refused: worker_died_repeatedly, where it was tried too often without getting further; the caller fails it.
    """
    if stopping.asked():
        return None
    now = timezone.now()
    token = secrets.token_hex(16)
    free = Q(lease_token="") | Q(lease_expires_at__lt=now)
    working = Q(status__in=model.WORKING)
    taken = model._default_manager.filter(free & working, pk=pk).update(
        lease_token=token,
        lease_expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
        heartbeat_at=now,
        attempts=F("attempts") + 1,
    )
    if not taken:
        return None
    model._default_manager.filter(pk=pk, started_at=None).update(started_at=now)
    if model._default_manager.values_list("attempts", flat=True).get(pk=pk) > ATTEMPTS:
        words = (
            f"The worker died at the same place, after {ATTEMPTS} tries. Look into the worker's log, then start again."
        )
        raise Refused("worker_died_repeatedly", words, status=409)
    return Lease(model, pk, token)


def breathe() -> None:
    """Lets others write: on SQLite a writer that commits back to back makes pages wait for seconds.

    Call it after each committed chunk, outside the transaction.

    Raises:
        WorkerStops: the worker was asked to stop; nothing of the chunk is lost.
    """
    if stopping.asked():
        raise WorkerStops
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        time.sleep(PAUSE_SECONDS)


def paced[Row](rows: Sequence[Row], *, most: int = PACED_ROWS) -> Iterator[Sequence[Row]]:
    """Parts of rows, for a transaction each: at first `CHUNK_ROWS`, then as many as take `PACED_SECONDS` here.

    What a transaction costs besides its rows is paid less often, and others wait no longer than they would for a chunk.
    Inside a transaction of the caller's it is one part: that is over only when the caller's is.

    Args:
        rows: all of them; the next part is asked for when the last one is committed.
        most: of one part.
    """
    start, size = 0, len(rows) if connection.in_atomic_block else min(CHUNK_ROWS, most)
    while start < len(rows):
        began = time.monotonic()
        yield rows[start : start + size]
        start += size
        took = max(time.monotonic() - began, 1e-3)
        size = max(1, min(most, 2 * size, round(size * PACED_SECONDS / took)))
