"""How far long work has come."""

from datetime import timedelta

import pytest
from django.utils import timezone

from batchservices.models import CollectionStatus, RunStatus
from batchservices.progress import of_collection, of_run
from tests.factories import BatchRunFactory, CollectionTaskFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_a_run_says_rate_and_time_left() -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING, total=1000, done=195, failed=5)
    run.started_at = NOW - timedelta(seconds=10)
    progress = of_run(run, now=NOW)
    assert (progress.share, progress.rate, progress.seconds_left) == (0.2, 20.0, 40.0)
    assert progress.words == "200 of 1,000 · 5 failed · 20.0 images/s · 40 s left"


def test_a_run_that_just_started_promises_nothing() -> None:
    progress = of_run(BatchRunFactory.create(status=RunStatus.PREPARING), now=NOW)
    assert (progress.share, progress.rate, progress.seconds_left) == (None, None, None)
    assert progress.words == "nothing yet"


def test_an_ended_run_says_how_long_it_took() -> None:
    run = BatchRunFactory.create(total=10, done=10)
    run.started_at, run.finished_at = NOW - timedelta(seconds=205), NOW - timedelta(seconds=5)
    assert of_run(run, now=NOW).words == "10 of 10 · 0.1 images/s · took 3 min 20 s"
    assert not of_run(run, now=NOW).active


def test_a_collection_counts_what_is_settled() -> None:
    task = CollectionTaskFactory.create(status=CollectionStatus.IMPORTING, cursor=30, total=40)
    task.started_at = NOW - timedelta(seconds=3)
    assert of_collection(task, now=NOW).words == "30 of 40 · 10.0 images/s · 1 s left"
