"""The sweeper rings again for work that nobody heard of, or whose worker died; and for nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config import sweeper
from config.sweeper import sweep
from datasets.models import Hold, ImportTask, TaskStatus
from hardexamples import learning_work
from hardexamples.models import FilterReport, MiningStatus
from tests.factories import HoldFactory, ImportTaskFactory, MiningFactory, ReviewEventFactory

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(minutes=5)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    rung: list[tuple[str, int]] = []
    for module in (sweeper, learning_work):
        monkeypatch.setattr(module, "ring", lambda task, pk, times=1: rung.append((task, pk)))
    return rung


def silent(**columns: Any) -> ImportTask:
    """An import whose ring was lost a while ago."""
    return ImportTaskFactory(**{"created_at": LONG_AGO, **columns})


def test_a_lost_ring_is_rung_again_until_it_is_heard(bells: list) -> None:
    work = silent()
    assert sweep() == 1
    assert sweep() == 0  # the ring is given time to be heard
    ImportTask.objects.update(rung_at=LONG_AGO)
    assert sweep() == 1
    assert bells == [("datasets.execute_import", work.pk)] * 2


@pytest.mark.parametrize(
    "columns",
    [
        {"created_at": timezone.now() + timedelta(days=1)},
        {"status": TaskStatus.COMPLETED},
        {"lease_token": "held", "lease_expires_at": timezone.now() + timedelta(days=1)},
        {"heartbeat_at": timezone.now() + timedelta(days=1)},
    ],
    ids=["new", "ended", "held", "alive"],
)
def test_it_leaves_alone_what_needs_no_ring(bells: list, columns: dict[str, Any]) -> None:
    silent(**columns)
    assert sweep() == 0
    assert bells == []


def test_work_of_a_dead_worker_is_rung_for(bells: list) -> None:
    silent(status=TaskStatus.RUNNING, lease_token="dead", lease_expires_at=LONG_AGO, heartbeat_at=LONG_AGO)
    assert sweep() == 1


def test_expired_holds_are_forgotten(bells: list) -> None:
    HoldFactory(expires_at=LONG_AGO)
    kept = [HoldFactory(), HoldFactory(expires_at=timezone.now() + timedelta(days=1))]
    sweep()
    assert set(Hold.objects.all()) == set(kept)


def test_a_used_filter_learns_by_itself_and_not_all_the_time(bells: list) -> None:
    MiningFactory(status=MiningStatus.PREPARING)
    ReviewEventFactory()
    assert sweep() == 0
    mining = MiningFactory(status=MiningStatus.FINISHED)
    assert sweep() == 1
    report = FilterReport.objects.get(filter=mining.filter)
    assert bells == [(learning_work.TASK, report.pk)]
    assert sweep() == 0
    learning_work.execute(report.pk)
    assert sweep() == 0  # nothing new
    ReviewEventFactory()
    assert sweep() == 0  # people are at it
    FilterReport.objects.update(finished_at=LONG_AGO - learning_work.PAUSE)
    assert sweep() == 1
    report.refresh_from_db()
    assert report.status == "waiting"


def test_learning_whose_ring_was_lost_is_rung_for_again(bells: list) -> None:
    report = learning_work.ask_to_learn(chosen=MiningFactory(status=MiningStatus.FINISHED).filter, by=None)
    FilterReport.objects.update(created_at=LONG_AGO)
    assert sweep() == 1
    assert bells == [(learning_work.TASK, report.pk)] * 2
