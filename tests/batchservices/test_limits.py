"""A run takes no more workers and no more time than its service allows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from batchservices import execution, running
from batchservices.deployment import change
from batchservices.freezing import freeze
from batchservices.models import BatchRun, BatchService
from batchservices.queue import Worker
from config.leases import claim
from config.sweeper import sweep
from tests import loop

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def limited(service: BatchService, **limits: int) -> BatchRun:
    """A run of five digits with limits, its inputs listed."""
    loop.put_digits("inputs:night", first=400, count=5)
    change(
        service=service,
        by=None,
        name=service.name,
        model=service.model,
        input_location=service.input_location,
        output_location=service.output_location,
        **limits,
    )
    run = running.start(service=service, by=None)
    lease = claim(BatchRun, run.pk)
    assert lease is not None
    freeze(lease, run)
    run.refresh_from_db()
    return run


def test_a_worker_too_many_gets_nothing_until_one_goes_home(service: BatchService) -> None:
    run = limited(service, processes=2)
    first, second, third = Worker(run), Worker(run), Worker(run)
    assert len(first.settle_and_lease([], wanted=1)) == 1
    assert len(second.settle_and_lease([], wanted=1)) == 1
    assert third.settle_and_lease([], wanted=1) == []
    assert len(first.settle_and_lease([], wanted=1)) == 1
    second._give_back()
    assert len(third.settle_and_lease([], wanted=1)) == 1


def test_without_a_limit_all_workers_get_something(service: BatchService) -> None:
    run = limited(service)
    assert all(Worker(run).settle_and_lease([], wanted=1) for _ in range(5))


def test_a_run_that_takes_too_long_fails_in_words_and_keeps_what_it_predicted(
    service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = limited(service, timeout_minutes=3)
    monkeypatch.setattr(Worker, "most", 1)
    monkeypatch.setattr(execution, "breathe", lambda: begun(run, minutes_ago=4))
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "run_timeout")
    assert "longer than the 3 minutes" in run.error
    assert 0 < run.done < 5
    assert run.items.filter(status="done").count() == run.done


def begun(run: BatchRun, *, minutes_ago: int) -> None:
    BatchRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(minutes=minutes_ago))


def test_a_run_that_nobody_works_on_ends_in_time_as_well(service: BatchService) -> None:
    run = limited(service, timeout_minutes=3)
    begun(run, minutes_ago=2)
    sweep()
    run.refresh_from_db()
    assert run.status == "running"
    begun(run, minutes_ago=4)
    sweep()
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "run_timeout")


def test_going_on_gives_the_run_its_time_again(service: BatchService) -> None:
    run = limited(service, timeout_minutes=3)
    begun(run, minutes_ago=4)
    sweep()
    running.retry(run=run, by=None)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done) == ("finished", 5)
