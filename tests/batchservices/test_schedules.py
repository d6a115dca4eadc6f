"""Services start by themselves when it is time: once, on whichever host, and they say what came of it."""

import io
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices import running
from batchservices.models import BatchRun, BatchService
from batchservices.schedules import next_times, set_schedule, start_due
from config.refusals import Refused
from config.sweeper import sweep
from tests import loop
from tests.batchservices.pages import SERVICE, read, send, service_page
from tests.described import DescribedClient
from tests.factories import BatchServiceFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def due(service: BatchService, *, hours: float = 0.0) -> datetime:
    """It is due every hour and has been for so long; returns the time that it is."""
    set_schedule(service=service, schedule="0 * * * *", by=None)
    now = timezone.now()
    BatchService.objects.filter(pk=service.pk).update(due_at=now - timedelta(hours=hours))
    return now


def test_a_service_that_is_due_starts_and_says_so(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    now = due(service)
    assert [each.code for each in start_due(now=now)] == ["started"]
    run = BatchRun.objects.get()
    service.refresh_from_db()
    assert service.schedule_words.endswith(f"started run {run.pk}.")
    assert service.due_at == next_times(service.schedule, now=now)[0]
    assert start_due(now=now) == []


def test_what_is_not_due_yet_or_has_no_schedule_is_left_alone(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    assert start_due(now=timezone.now() + timedelta(days=9)) == []
    now = due(service)
    assert start_due(now=now - timedelta(minutes=1)) == []
    set_schedule(service=service, schedule="", by=None)
    assert start_due(now=now) == []


def test_missed_times_are_one_start(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    now = due(service, hours=50)
    assert len(start_due(now=now)) == 1
    service.refresh_from_db()
    assert now < service.due_at <= now + timedelta(hours=1)


def test_a_run_that_goes_on_still_is_passed_over(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    run = running.start(service=service, by=None)
    (told,) = start_due(now=due(service))
    service.refresh_from_db()
    assert (told.run, told.code) == (None, "already_running")
    assert service.schedule_words.endswith(f"passed over, since run {run.pk} was going on still.")
    assert service.due_at > timezone.now()
    assert BatchRun.objects.count() == 1


def test_without_input_it_is_said_and_the_next_time_is_awaited(service: BatchService) -> None:
    assert [each.code for each in start_due(now=due(service))] == ["no_input"]
    service.refresh_from_db()
    assert "not started. nightly has no input data. Put images into inputs:night" in service.schedule_words
    assert service.due_at > timezone.now()


def test_a_storage_that_does_not_answer_is_tried_again(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    now = due(service)
    with loop.away("inputs"):
        assert [each.code for each in start_due(now=now)] == ["storage_unavailable"]
    service.refresh_from_db()
    assert "It is tried again within minutes." in service.schedule_words
    assert [each.code for each in start_due(now=now)] == ["started"]


@pytest.mark.django_db(transaction=True)
def test_two_hosts_at_once_are_one_start(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    now = due(service)
    gate = threading.Barrier(4)
    said: list[str] = []

    def ask() -> None:
        gate.wait()
        try:
            said.extend(each.code for each in start_due(now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["started"]
    assert BatchRun.objects.count() == 1
    service.refresh_from_db()
    assert "started run" in service.schedule_words


def test_a_host_that_comes_late_unmakes_its_run(service: BatchService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other host's run has ended already, so nothing else would stop a second one."""
    loop.put_digits("inputs:night", first=400, count=1)
    now = due(service)
    start = running.start

    def start_after_another(**arguments: object) -> BatchRun:
        monkeypatch.setattr(running, "start", start)
        assert len(start_due(now=now)) == 1
        BatchRun.objects.update(status="finished")
        return start(**arguments)

    monkeypatch.setattr(running, "start", start_after_another)
    assert start_due(now=now) == []
    assert BatchRun.objects.count() == 1


def test_the_sweeper_and_the_command_start_what_is_due(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    due(service)
    sweep()
    assert BatchRun.objects.count() == 1
    due(service)
    stream = io.StringIO()
    call_command("start_due", "--json", stdout=stream)
    (told,) = json.loads(stream.getvalue())["due"]
    assert (told["service"], told["code"], told["run"]) == ("nightly", "already_running", None)
    call_command("start_due", stdout=stream)


def test_a_wrong_line_changes_nothing(service: BatchService) -> None:
    set_schedule(service=service, schedule=" 0  2 * * * ", by=None)
    with pytest.raises(Refused, match="third field"):
        set_schedule(service=service, schedule="0 2 32 * *", by=None)
    service.refresh_from_db()
    assert service.schedule == "0 2 * * *"


def test_a_schedule_without_a_time_cannot_be_kept(service: BatchService) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        BatchService.objects.filter(pk=service.pk).update(schedule="0 2 * * *")


def test_times_are_of_the_servers_clock(settings: object) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    timezone.get_default_timezone.cache_clear()
    try:
        (first,) = next_times("0 2 * * *", now=datetime(2026, 11, 22, 12, 0, tzinfo=UTC), count=1)
        assert first.isoformat() == "2026-11-23T02:00:00+08:00"
    finally:
        timezone.get_default_timezone.cache_clear()


def test_the_page_shows_the_next_three_times_and_what_came_of_the_last(staff: Client) -> None:
    service = BatchServiceFactory.create()
    address = reverse(f"{SERVICE}_schedule", args=[service.pk])
    assert "by hand only" in read(staff, service_page(service))
    assert "goes from 0 to 23" in send(staff, address, {"schedule": "0 25 * * *"})
    text = send(staff, address, {"schedule": "30 6 * * mon"})
    assert "<code>30 6 * * mon</code>" in text
    assert text.count(", 06:30 UTC") == 3
    assert "not yet" in text
    BatchService.objects.update(due_at=timezone.now())
    start_due(now=timezone.now())
    assert "has no input data" in read(staff, service_page(service))
    assert "by hand only" in send(staff, address, {"schedule": ""})


def test_programs_set_it_too() -> None:
    client = DescribedClient()
    client.force_authenticate(StaffFactory.create())
    service = BatchServiceFactory.create()
    address = f"/api/v1/services/{service.pk}/schedule/"
    said = client.put(address, {"schedule": "0 2 * * *"}, format="json").json()
    assert (said["schedule"], said["schedule_words"]) == ("0 2 * * *", "")
    assert said["due_at"].endswith("T02:00:00Z")
    wrong = client.put(address, {"schedule": "0 2 * *"}, format="json")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (400, "bad_schedule", "schedule")
