"""A ring goes out once the work stands in the database; a broker that is down costs nobody anything."""

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from config import doorbell
from config.doorbell import ring

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    messages: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(doorbell.app, "send_task", lambda task, *, args, ignore_result: messages.append((task, args)))
    return messages


def test_it_rings_after_the_commit_for_as_many_as_can_work(sent: list) -> None:
    with transaction.atomic():
        ring("batchservices.execute_run", 7, times=2)
        assert sent == []
    assert sent == [("batchservices.execute_run", [7])] * 2


def test_what_is_rolled_back_rings_for_nobody(sent: list) -> None:
    with transaction.atomic():
        ring("batchservices.execute_run", 7)
        transaction.set_rollback(True)
    assert sent == []


@pytest.mark.parametrize("error", [OperationalError("no broker"), ConnectionRefusedError(), ValueError()])
def test_a_broker_that_is_down_is_logged_and_passed_over(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(task: str, *, args: list[int], ignore_result: bool) -> None:
        raise error

    monkeypatch.setattr(doorbell.app, "send_task", refuse)
    ring("batchservices.execute_run", 7)
    assert "the sweeper will ring for batchservices.execute_run 7" in caplog.text
