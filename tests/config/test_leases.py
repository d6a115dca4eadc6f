"""Work is held by one worker at a time, passes on when its worker dies, and is given up when nobody gets further."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from config import leases, stopping
from config.leases import ATTEMPTS, AWAY, LeaseLost, WorkerStops, claim
from config.refusals import Refused
from datasets.models import ImportTask, TaskStatus
from tests.factories import ImportTaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def work() -> ImportTask:
    return ImportTaskFactory()


def expire(work: ImportTask) -> None:
    """As if its worker had died a while ago."""
    ImportTask.objects.filter(pk=work.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_what_somebody_holds_nobody_else_gets(work: ImportTask) -> None:
    assert claim(ImportTask, work.pk)
    assert claim(ImportTask, work.pk) is None
    work.refresh_from_db()
    assert (work.attempts, work.started_at is None) == (1, False)


def test_what_has_ended_or_is_not_there_nobody_gets(work: ImportTask) -> None:
    ImportTask.objects.filter(pk=work.pk).update(status=TaskStatus.COMPLETED)
    assert claim(ImportTask, work.pk) is None
    assert claim(ImportTask, 10**9) is None


def test_who_lost_the_lease_writes_nothing_more(work: ImportTask) -> None:
    first = claim(ImportTask, work.pk)
    expire(work)
    second = claim(ImportTask, work.pk)
    with pytest.raises(LeaseLost):
        first.hold(changes={"added": 7})
    first.release()
    second.hold(changes={"added": 3})
    work.refresh_from_db()
    assert (work.added, work.lease_token) == (3, second.token)


def test_an_expired_lease_that_nobody_took_over_still_holds(work: ImportTask) -> None:
    lease = claim(ImportTask, work.pk)
    expire(work)
    lease.hold()
    work.refresh_from_db()
    assert work.lease_expires_at > timezone.now()


def test_a_stop_is_heard_at_the_next_chunk(work: ImportTask) -> None:
    lease = claim(ImportTask, work.pk)
    ImportTask.objects.filter(pk=work.pk).update(stop_requested=True)
    with pytest.raises(LeaseLost):
        lease.hold()


def test_loops_of_short_rounds_hear_of_a_stop_after_a_while(work: ImportTask, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = claim(ImportTask, work.pk).now_and_then()
    ImportTask.objects.filter(pk=work.pk).update(stop_requested=True)
    heard()
    monkeypatch.setattr(leases, "LISTEN_SECONDS", -1)
    with pytest.raises(LeaseLost):
        heard()


def test_work_whose_workers_die_without_getting_further_is_given_up(work: ImportTask) -> None:
    for _ in range(ATTEMPTS):
        claim(ImportTask, work.pk).hold(progress=False)
        expire(work)
    with pytest.raises(Refused, match="worker died") as refusal:
        claim(ImportTask, work.pk)
    assert refusal.value.code == "worker_died_repeatedly"


def test_progress_forgives_earlier_attempts(work: ImportTask) -> None:
    for _ in range(3 * ATTEMPTS):
        claim(ImportTask, work.pk).hold()
        expire(work)


def wait(work: ImportTask) -> None:
    lease = claim(ImportTask, work.pk)
    with pytest.raises(Refused), lease.waiting():
        raise Refused("storage_unavailable", "The storage does not answer.", status=AWAY)


def test_waiting_gives_the_work_back_and_says_for_what_until_it_gets_further(work: ImportTask) -> None:
    wait(work)
    work.refresh_from_db()
    assert (work.lease_token, work.waits_for) == ("", "The storage does not answer.")
    lease = claim(ImportTask, work.pk)
    lease.hold(progress=False)
    work.refresh_from_db()
    assert work.waits_for == "The storage does not answer."
    lease.hold()
    work.refresh_from_db()
    assert (work.waits_for, work.waits_since) == ("", None)


def test_another_refusal_is_no_waiting(work: ImportTask) -> None:
    lease = claim(ImportTask, work.pk)
    with pytest.raises(Refused), lease.waiting():
        raise Refused("no_input", "There are no images.")
    work.refresh_from_db()
    assert (work.lease_token, work.waits_for) == (lease.token, "")


def test_waiting_is_limited_by_time_and_not_by_tries(work: ImportTask, settings) -> None:
    for _ in range(10 * ATTEMPTS):
        wait(work)
    work.refresh_from_db()
    since = work.waits_since
    wait(work)
    work.refresh_from_db()
    assert (work.waits_since, work.attempts) == (since, 0)
    settings.WAIT_HOURS = 1e-9
    lease = claim(ImportTask, work.pk)  # it is tried, however long nobody was there to try
    with pytest.raises(Refused, match="at last: The storage does not answer") as refusal, lease.waiting():
        raise Refused("storage_unavailable", "The storage does not answer.", status=AWAY)
    assert refusal.value.code == "waited_too_long"


def test_a_worker_that_dies_was_not_waiting(work: ImportTask) -> None:
    wait(work)
    for _ in range(ATTEMPTS):
        claim(ImportTask, work.pk)
        expire(work)
    with pytest.raises(Refused, match="worker died"):
        claim(ImportTask, work.pk)


def test_a_stopped_worker_gives_back_at_once_without_a_try(work: ImportTask, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = claim(ImportTask, work.pk)
    monkeypatch.setattr(stopping, "asked", lambda: True)
    with pytest.raises(WorkerStops), lease.giving_back():
        leases.breathe()
    work.refresh_from_db()
    assert (work.lease_token, work.attempts, work.heartbeat_at, work.rung_at) == ("", 0, None, None)
    assert claim(ImportTask, work.pk) is None  # a worker that stops begins nothing


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_something_computes(work: ImportTask, settings) -> None:
    settings.LEASE_SECONDS = 0.3
    lease = claim(ImportTask, work.pk)
    with lease.renewing():
        time.sleep(0.7)
        assert claim(ImportTask, work.pk) is None
    lease.hold()


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_again_after_the_database_was_away() -> None:
    done = threading.Event()
    calls = []

    def renew() -> None:
        calls.append(None)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        done.set()

    with leases.renewing(renew, every=0.01):
        assert done.wait(10)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seconds", "sizes"), [(0.0, [500, 1000, 2000, 2500]), (0.2, [500, 500, 500]), (2.0, [500, 50, 5])]
)
def test_parts_grow_until_they_take_their_time(monkeypatch, seconds: float, sizes: list[int]) -> None:
    clock = [0.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: clock[0])
    parts = leases.paced(list(range(sum(sizes))))
    taken: list[int] = []
    for size in sizes:
        part = next(parts)
        assert len(part) == size
        taken += part
        clock[0] += seconds
    assert taken == list(range(sum(sizes)))
    assert list(parts) == []


def test_inside_a_transaction_of_the_caller_there_is_one_part() -> None:
    with transaction.atomic():
        assert list(leases.paced(list(range(1000)))) == [list(range(1000))]
