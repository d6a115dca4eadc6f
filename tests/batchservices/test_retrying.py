"""An ended run is gone on with: what has no prediction is tried again, once, and its filter then covers all."""

import io
import json
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from batchservices import collection, reopening, running
from batchservices.deployment import configure_filtering
from batchservices.freezing import freeze
from batchservices.models import BatchRun, BatchService
from config.leases import claim
from config.refusals import Refused
from tests import loop
from tests.batchservices.pages import RUN, read, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def broken_run(service: BatchService) -> BatchRun:
    """A run of three digits, one of which was cut off when it ran, and is whole now."""
    loop.put_digits("inputs:night", first=400, count=3)
    whole = loop.content("inputs:night/0401.png")
    loop.put("inputs:night/0401.png", whole[:40])
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("alarm", 2, 1)
    loop.put("inputs:night/0401.png", whole)
    return run


def gone_on(run: BatchRun) -> BatchRun:
    running.retry(run=run, by=None)
    running.execute(run.pk)
    run.refresh_from_db()
    return run


def test_what_failed_is_predicted_and_the_others_are_left_alone(service: BatchService) -> None:
    run = broken_run(service)
    before = dict(run.items.filter(status="done").values_list("position", "attempts"))
    assert gone_on(run).status == "finished"
    assert (run.total, run.done, run.failed, run.error, run.retrying) == (3, 3, 0, "", False)
    assert dict(run.items.filter(position__in=before).values_list("position", "attempts")) == before
    lines = loop.content(run.manifest).splitlines()
    assert len(lines) == 3
    assert not any(b"FAILED" in line for line in lines)


def test_what_still_fails_fails_again_and_is_counted_once(service: BatchService) -> None:
    run = broken_run(service)
    loop.put("inputs:night/0401.png", b"no image at all")
    assert gone_on(run).status == "alarm"
    assert (run.done, run.failed) == (2, 1)
    assert run.items.get(status="failed").error


def test_a_stopped_run_goes_on_where_it_was(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    run = running.start(service=service, by=None)
    with pytest.raises(Refused, match="running already"):
        running.retry(run=run, by=None)
    lease = claim(BatchRun, run.pk)
    assert lease is not None
    freeze(lease, run)
    running.stop(run=run, by=None)
    run.refresh_from_db()
    assert (run.status, run.total, run.done) == ("stopped", 3, 0)
    assert (gone_on(run).status, run.done) == ("finished", 3)


def test_the_filter_covers_what_was_predicted_later(service: BatchService) -> None:
    configure_filtering(service=service, by=None, filtering=True, output_dataset_name="night")
    run = broken_run(service)
    with pytest.raises(Refused, match="on their way") as refusal:
        running.retry(run=run, by=None)
    assert refusal.value.code == "still_filtering"
    first = loop.collect(run.collection_tasks.get())
    gone_on(run)
    second = loop.collect(run.collection_tasks.exclude(pk=first.pk).get())
    assert (first.mining.total, second.mining.total) == (2, 3)
    assert second.status == "dataset_imported"


def test_a_run_that_is_not_the_newest_stays_as_it_is(service: BatchService) -> None:
    run = broken_run(service)
    newer = running.start(service=service, by=None)
    for _ in ("while the newer one goes on", "when it has ended"):
        with pytest.raises(Refused) as refusal:
            running.retry(run=run, by=None)
        assert refusal.value.code == "a_newer_run"
        running.execute(newer.pk)
    run.refresh_from_db()
    assert run.status == "alarm"


def test_a_finished_run_has_nothing_to_retry(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    run = loop.run(service)
    with pytest.raises(Refused, match="nothing to try again"):
        running.retry(run=run, by=None)


def test_a_line_of_a_manifest_that_names_no_file_cannot_be_tried_again(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    loop.put("inputs:list.manifest", b'{"source": "0400.png"}\nnonsense\n'.replace(b"0400", b"night/0400"))
    BatchService.objects.filter(pk=service.pk).update(input_location="inputs:list.manifest")
    service.refresh_from_db()
    run = loop.run(service)
    assert (run.done, run.failed) == (1, 1)
    with pytest.raises(Refused, match="nothing to try again"):
        running.retry(run=run, by=None)


def test_a_worker_that_dies_while_it_reopens_costs_nothing(service: BatchService) -> None:
    run = broken_run(service)
    running.retry(run=run, by=None)
    with mock.patch.object(reopening, "breathe", side_effect=SystemExit), pytest.raises(SystemExit):
        running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failed, run.retrying) == ("preparing", 0, True)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.failed) == ("finished", 3, 0)


def test_the_button_says_how_many_and_a_second_press_gets_the_reason(staff: Client, service: BatchService) -> None:
    run = broken_run(service)
    address = reverse(f"{RUN}_change", args=[run.pk])
    assert "Retry the failed (1)" in read(staff, address, tab="failed")
    assert "goes on with what has no prediction yet" in send(staff, reverse(f"{RUN}_retry", args=[run.pk]))
    assert "is running already" in send(staff, reverse(f"{RUN}_retry", args=[run.pk]))
    running.execute(run.pk)
    assert "Retry" not in read(staff, address)


def test_collections_of_the_run_are_not_disturbed(service: BatchService) -> None:
    run = broken_run(service)
    task = collection.synchronize(service=service, dataset_name="all", by=None)
    gone_on(run)
    assert loop.collect(task).added == 3


def test_the_command_goes_on_with_a_run(service: BatchService) -> None:
    run = broken_run(service)
    stream = io.StringIO()
    call_command("retry_run", run.pk, "--json", stdout=stream)
    call_command("retry_run", run.pk, stdout=stream)  # it goes on already
    assert json.loads(stream.getvalue().splitlines()[0])["status"] == "started"
    running.execute(run.pk)
    with pytest.raises(CommandError, match="nothing to try again"):
        call_command("retry_run", run.pk)
    with pytest.raises(CommandError, match="no run 0"):
        call_command("retry_run", 0)


def test_the_command_fails_where_something_fails_again(service: BatchService, monkeypatch: pytest.MonkeyPatch) -> None:
    run = broken_run(service)
    loop.put("inputs:night/0401.png", b"no image at all")
    retry = running.retry

    def retried(*, run: BatchRun, by: None) -> None:
        retry(run=run, by=by)
        running.execute(run.pk)

    monkeypatch.setattr(running, "retry", retried)
    stream = io.StringIO()
    with pytest.raises(CommandError, match=r"nightly \(alarm\)"):
        call_command("retry_run", run.pk, "--wait", "--json", stdout=stream)
    told = json.loads(stream.getvalue())
    assert (told["ok"], told["status"], told["predicted"], told["failed"]) == (False, "alarm", 2, 1)
