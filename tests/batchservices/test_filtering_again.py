"""A run that has ended is filtered from its kept predictions; and in words, why nothing was filtered by itself."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from batchservices import execution, running
from batchservices.deployment import configure_filtering
from batchservices.filtering_again import filter_run
from batchservices.models import BatchRun, BatchService
from batchservices.words import outlook
from config.refusals import Refused
from datasets.creation import create_dataset
from datasets.models import Dataset, Sample
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import Features
from tests import loop
from tests.batchservices.pages import SERVICE, read, send, service_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


@pytest.fixture
def run(service: BatchService) -> BatchRun:
    """A run that ended while filtering was off."""
    loop.put_digits("inputs:night", first=400, count=40)
    return loop.run(service)


def switch_on(service: BatchService, **target: object) -> None:
    target = target or {"output_dataset_name": "night"}
    configure_filtering(
        service=service, by=None, filtering=True, training_manifest=loop.put_training_manifest(count=150), **target
    )
    service.refresh_from_db()


def test_off_while_the_run_finished_nothing_ever_runs_for_it(service: BatchService, run: BatchRun) -> None:
    assert outlook(service).state == "Off"
    assert "Nothing is filtered when a run ends while it is off." in outlook(service).words
    switch_on(service)
    running.execute(run.pk)
    assert not run.collection_tasks.exists()


def test_a_run_that_an_earlier_version_measured_is_not_filtered_by_what_is_not_there(
    service: BatchService, run: BatchRun
) -> None:
    Features.objects.filter(extractor=EXTRACTOR).update(version=VERSION - 1)
    switch_on(service)
    task = loop.collect(filter_run(run=run, by=None))
    assert (task.status, task.error_code) == ("failed", "measured_earlier")
    assert f"Start {service} again" in task.error
    again = loop.run(service)
    assert (again.kept, again.done) == (0, 40)
    assert loop.collect(again.collection_tasks.get()).status == "dataset_imported"


def test_configured_afterwards_a_restart_is_needed_or_the_button(service: BatchService, run: BatchRun) -> None:
    switch_on(service)
    expected = outlook(service)
    assert (expected.state, expected.run) == ("Waiting for a start", run)
    assert expected.words == (
        f"Filtering was off when run {run.pk} started, so nothing was filtered when it ended. "
        f"Start the service again to filter, or filter run {run.pk} now from its kept predictions."
    )


def test_the_button_filters_without_predicting_again(
    service: BatchService, run: BatchRun, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(service)
    page = service_page(service)
    assert "Filter the finished run" in read(staff, page, tab="sample")
    monkeypatch.setattr(execution, "answering", None)
    address = reverse(f"{SERVICE}_filter_now", args=[service.pk, run.pk])
    assert "is being filtered into night, from its kept predictions" in send(staff, address)
    assert "is being filtered into night already" in send(staff, address)
    task = loop.collect(run.collection_tasks.get())
    assert task.status == "dataset_imported", task.error
    assert task.mining.total == 40
    assert Sample.objects.filter(dataset=task.dataset, hard=True).count() == task.mining.flagged > 0
    assert "Filter the finished run" not in read(staff, page, tab="sample")
    assert outlook(service).state == "Dataset imported"
    shown = read(staff, reverse(f"{SERVICE}_task", args=[service.pk, task.pk]))
    assert "outputs:train.manifest" in shown
    assert "Filtered" in shown


def test_filtered_again_by_other_settings_it_is_another_mining(service: BatchService, run: BatchRun) -> None:
    switch_on(service)
    first = loop.collect(filter_run(run=run, by=None))
    switch_on(service, output_dataset_name="night again")
    assert outlook(service).words.startswith(f"Filtering was off when run {run.pk} started")
    second = loop.collect(filter_run(run=run, by=None))
    assert (first.dataset.name, second.dataset.name) == ("night", "night again")
    assert second.mining.subject == f"batch run {run.pk}, filtering 2"
    assert second.mining.flagged == first.mining.flagged


def test_a_filtering_that_failed_can_be_done_again(service: BatchService, own_storages) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    switch_on(service)
    run = loop.run(service)
    (own_storages / "outputs/train.manifest").rename(own_storages / "outputs/away.manifest")
    assert loop.collect(run.collection_tasks.get()).status == "failed"
    assert outlook(service).run == run
    (own_storages / "outputs/away.manifest").rename(own_storages / "outputs/train.manifest")
    assert loop.collect(filter_run(run=run, by=None)).status == "dataset_imported"
    assert outlook(service).run is None


def test_what_cannot_be_filtered_says_why(service: BatchService, run: BatchRun) -> None:
    with pytest.raises(Refused, match="Switch it on first") as refusal:
        filter_run(run=run, by=None)
    assert refusal.value.code == "filtering_off"
    switch_on(service)
    going_on = running.start(service=service, by=None)
    with pytest.raises(Refused, match="is going on") as refusal:
        filter_run(run=going_on, by=None)
    assert refusal.value.code == "still_running"
    running.stop(run=going_on, by=None)
    with pytest.raises(Refused, match="no predictions") as refusal:
        filter_run(run=going_on, by=None)
    assert refusal.value.code == "nothing_predicted"


def test_a_label_that_is_gone_is_named_and_not_made(service: BatchService, run: BatchRun) -> None:
    dataset = create_dataset(name="night", task="image_classification", by=None, labels=loop.CLASSES)
    switch_on(service, output_dataset=dataset)
    dataset.labels.filter(name="7").delete()
    with pytest.raises(Refused, match=r"no label for these classes of the model: 7\.") as refusal:
        filter_run(run=run, by=None)
    assert refusal.value.code == "unmapped_classes"
    assert not Dataset.objects.get().labels.filter(name="7").exists()


def test_a_running_service_that_was_configured_late_says_restart(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    running.start(service=service, by=None)
    switch_on(service)
    assert "Restart the service to filter." in outlook(service).words


def test_a_running_service_that_was_switched_off_late_says_what_its_run_does(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    switch_on(service)
    going_on = running.start(service=service, by=None)
    configure_filtering(service=service, by=None, filtering=False, output_dataset=service.output_dataset)
    service.refresh_from_db()
    assert outlook(service).state == "Off"
    assert outlook(service).words == (
        f"Hard example filtering is off. It was on when run {going_on.pk} started, "
        "so that run is filtered when it ends."
    )
    running.execute(going_on.pk)
    assert outlook(service).words == "Hard example filtering is off."


def test_settings_that_were_changed_while_a_run_went_on_wait_for_a_start(service: BatchService) -> None:
    """The run ends after the change, and is filtered by what it froze: that is not what the service says now."""
    loop.put_digits("inputs:night", first=400, count=3)
    switch_on(service)
    run = running.start(service=service, by=None)
    switch_on(service, output_dataset_name="night again")
    assert outlook(service).words.endswith("filtering begins when it has ended with the settings of before.")
    running.execute(run.pk)
    assert loop.collect(run.collection_tasks.get()).dataset.name == "night"
    expected = outlook(service)
    assert (expected.state, expected.run) == ("Waiting for a start", run)
    assert expected.words == (
        f"The settings were changed after run {run.pk} started. Start the service again to filter by them, or filter "
        f"run {run.pk} now from its kept predictions."
    )
    assert loop.collect(filter_run(run=run, by=None)).dataset.name == "night again"
    assert outlook(service).state == "Dataset imported"


def test_from_the_command_line(service: BatchService, run: BatchRun, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="Switch it on first"):
        call_command("filter_run", run.pk)
    switch_on(service)
    call_command("filter_run", run.pk, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["status"]) == (run.pk, "waiting")
    with pytest.raises(CommandError, match="no run 0"):
        call_command("filter_run", 0)
