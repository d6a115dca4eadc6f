"""Images of a service come into a dataset: all of them, or the hard ones; each once, and never over a person's head."""

import pytest

from batchservices import collection, execution, running
from batchservices.deployment import configure_filtering
from batchservices.models import BatchService, CollectionTask
from batchservices.words import outlook
from config.refusals import Refused
from datasets import counters
from datasets.bulk_review import confirm_many
from datasets.creation import create_dataset
from datasets.models import Dataset, Sample, Status
from datasets.removal import delete_dataset
from tests import loop
from tests.factories import DetectionDatasetFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def synchronize(service: BatchService, **target: object) -> CollectionTask:
    return loop.collect(collection.synchronize(service=service, by=None, **target))


def filtered(service: BatchService) -> CollectionTask:
    run = loop.run(service)
    assert run.status == "finished", run.error
    return loop.collect(run.collection_tasks.get())


def filtering(service: BatchService, **target: object) -> None:
    configure_filtering(
        service=service, by=None, filtering=True, training_manifest=loop.put_training_manifest(count=150), **target
    )
    service.refresh_from_db()


def test_synchronizing_twice_adds_nothing_and_says_so(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=5)
    first = synchronize(service, dataset_name="collected")
    assert (first.status, first.added, first.words) == ("dataset_imported", 5, "5 images added, 0 already there.")
    second = synchronize(service, dataset=first.dataset)
    assert (second.status, second.added, second.already_there) == ("dataset_imported", 0, 5)
    assert second.words == "Nothing new: all 5 images are in collected already."
    assert Sample.objects.filter(dataset=first.dataset, status=Status.UNLABELED, origin="synchronize").count() == 5
    assert not counters.check(first.dataset)
    assert not first.dataset.holds.exists()


def test_without_input_there_is_nothing_to_synchronize(service: BatchService) -> None:
    with pytest.raises(Refused, match="nothing to synchronize") as refusal:
        collection.synchronize(service=service, dataset_name="collected", by=None)
    assert refusal.value.code == "no_input"
    assert not Dataset.objects.exists()


def test_a_dataset_of_another_type_is_refused_by_the_verb(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    with pytest.raises(Refused) as refusal:
        collection.synchronize(service=service, dataset=DetectionDatasetFactory(), by=None)
    assert (refusal.value.code, refusal.value.where) == ("type_mismatch", {"field": "dataset"})
    assert not CollectionTask.objects.exists()


def test_one_synchronization_at_a_time(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    active = collection.synchronize(service=service, dataset_name="collected", by=None)
    with pytest.raises(Refused) as refusal:
        collection.synchronize(service=service, dataset=active.dataset, by=None)
    assert (refusal.value.code, refusal.value.where["item"]) == ("already_synchronizing", active.pk)
    assert active.dataset.holds.count() == 1


def test_identical_bytes_under_two_names_are_one_sample_with_both_names(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    loop.put("inputs:night/again.png", loop.content("inputs:night/0400.png"))
    task = synchronize(service, dataset_name="collected")
    sample = Sample.objects.get(dataset=task.dataset)
    assert {name.name for name in sample.names.all()} == {"0400.png", "again.png"}
    assert (task.added, task.already_there) == (1, 1)


def test_a_bad_image_costs_itself_alone(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    loop.put("inputs:night/0400a.png", b"no image")
    task = synchronize(service, dataset_name="collected")
    assert (task.status, task.added, task.failed) == ("dataset_imported", 2, 1)
    assert "0400a.png" in task.error


def test_a_stopped_collection_is_over(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    task = collection.synchronize(service=service, dataset_name="collected", by=None)
    collection.stop(task=task, by=None)
    assert loop.collect(task).status == "stopped"
    assert not task.dataset.holds.exists()
    with pytest.raises(Refused, match="cannot become"):
        collection.stop(task=task, by=None)


def test_any_number_of_messages_is_harmless(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    task = synchronize(service, dataset_name="collected")
    for pk in (task.pk, task.pk, 10**9):
        collection.execute(pk)
    task.refresh_from_db()
    assert (task.added, Sample.objects.count()) == (2, 2)


def test_filtering_then_synchronizing_keeps_what_the_filter_said(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=60)
    filtering(service, output_dataset_name="night")
    task = filtered(service)
    found = task.mining.flagged + task.mining.controls
    assert 0 < found < 60
    assert Sample.objects.filter(dataset=task.dataset, status=Status.TO_BE_CONFIRMED).count() == found
    second = synchronize(service, dataset=task.dataset)
    assert (second.added, second.already_there) == (60 - found, found)
    assert Sample.objects.filter(dataset=task.dataset, status=Status.TO_BE_CONFIRMED).count() == found
    assert Sample.objects.filter(dataset=task.dataset, hard=True).count() == task.mining.flagged
    assert not counters.check(task.dataset)


def test_synchronizing_then_filtering_turns_the_hard_ones_to_be_confirmed(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=60)
    first = synchronize(service, dataset_name="night")
    filtering(service, output_dataset=first.dataset)
    task = filtered(service)
    found = task.mining.flagged + task.mining.controls
    assert (task.added, task.already_there) == (0, found)
    counts = counters.counts(first.dataset)
    assert (counts.total, counts.to_be_confirmed, counts.hard) == (60, found, task.mining.flagged)
    assert not counters.check(first.dataset)


def test_what_is_labeled_stays_labeled_whatever_the_next_filter_says(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=60)
    filtering(service, output_dataset_name="night")
    task = filtered(service)
    samples = Sample.objects.filter(dataset=task.dataset)
    before = samples.count()
    confirm_many(sample_ids=list(samples.values_list("pk", flat=True)), by=StaffFactory())
    second = filtered(service)
    assert (second.added, second.already_labeled) == (0, before)
    assert f"{before} already labeled" in second.words
    assert set(samples.values_list("status", flat=True)) == {Status.LABELED}
    assert samples.count() == before


def test_a_run_without_filtering_filters_nothing_until_the_service_is_started_again(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=30)
    run = loop.run(service)
    filtering(service, output_dataset_name="night")
    running.execute(run.pk)
    assert not CollectionTask.objects.exists()
    assert outlook(service).words == (
        f"Filtering was off when run {run.pk} started, so nothing was filtered when it ended. Start the service again "
        f"to filter, or filter run {run.pk} now from its kept predictions."
    )
    task = filtered(service)
    assert task.status == "dataset_imported"
    assert task.words in outlook(service).words


def test_a_run_filters_by_what_it_froze(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=30)
    filtering(service, output_dataset_name="night")
    run = running.start(service=service, by=None)
    configure_filtering(service=service, by=None, filtering=False)
    running.execute(run.pk)
    task = loop.collect(run.collection_tasks.get())
    assert (task.status, task.dataset.name) == ("dataset_imported", "night")


def elsewhere(service: BatchService) -> None:
    configure_filtering(service=service, by=None, filtering=True, output_dataset_name="elsewhere")


def test_nobody_deletes_the_dataset_that_a_run_will_fill(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=30)
    filtering(service, output_dataset_name="night")
    run = running.start(service=service, by=None)
    elsewhere(service)
    night = Dataset.objects.get(name="night")
    with pytest.raises(Refused, match=f"hard examples of nightly run {run.pk} will come into it"):
        delete_dataset(dataset=night, by=None)
    running.execute(run.pk)
    with pytest.raises(Refused, match="brings images into it"):
        delete_dataset(dataset=night, by=None)
    assert loop.collect(run.collection_tasks.get()).dataset == night
    assert not night.holds.exists()


@pytest.mark.parametrize("end", ["stopped", "failed", "predicted nothing"])
def test_a_run_that_ends_early_holds_its_dataset_no_more(service: BatchService, end: str) -> None:
    loop.put("inputs:night/no image.png", b"no image")
    filtering(service, output_dataset_name="night")
    run = running.start(service=service, by=None)
    night = Dataset.objects.get(name="night")
    assert night.holds.count() == 1
    if end == "stopped":
        running.stop(run=run, by=None)
    elif end == "failed":
        execution.fail(run.pk, Refused("no_room", "The disk is full."))
    else:
        running.execute(run.pk)
    assert not night.holds.exists()
    elsewhere(service)
    delete_dataset(dataset=night, by=None)


def test_a_run_whose_dataset_is_gone_all_the_same_keeps_its_predictions(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    filtering(service, output_dataset_name="night")
    run = running.start(service=service, by=None)
    elsewhere(service)
    Dataset.objects.filter(name="night").delete()
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.error_code) == ("alarm", 3, "no_dataset")
    assert "was deleted" in run.error
    assert not run.collection_tasks.exists()


def test_an_input_that_changed_since_the_run_is_not_taken(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=30)
    filtering(service, output_dataset_name="night")
    run = loop.run(service)
    loop.put_digits("inputs:changed", first=500, count=30)
    for number in range(30):
        loop.put(f"inputs:night/{400 + number:04}.png", loop.content(f"inputs:changed/{500 + number:04}.png"))
    task = loop.collect(run.collection_tasks.get())
    assert (task.status, task.added) == ("dataset_imported", 0)
    assert task.failed == task.total > 0
    assert "changed since the run" in task.error


def test_a_missing_manifest_fails_the_filtering_in_words(service: BatchService, own_storages) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    filtering(service, output_dataset_name="night")
    run = loop.run(service)
    (own_storages / "outputs/train.manifest").unlink()
    task = loop.collect(run.collection_tasks.get())
    assert (task.status, task.error_code) == ("failed", "source_not_found")
    assert task.words.startswith("Failed: ")
    assert not task.dataset.holds.exists()


def test_labels_are_mapped(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=30)
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    dataset = create_dataset(name="night", task="image_classification", by=None, labels=words)
    mapping = dict(zip(loop.CLASSES, words, strict=True))
    filtering(service, output_dataset=dataset, label_mapping=mapping)
    filtered(service)
    for sample in Sample.objects.filter(dataset=dataset):
        assert sample.annotations.get().label.name == mapping[sample.predicted_label]


@pytest.mark.parametrize("alias", ["inputs", "datasets"])
def test_a_collection_waits_while_a_storage_is_away_and_loses_no_image(service: BatchService, alias: str) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    task = collection.synchronize(service=service, dataset_name="collected", by=None)
    with loop.away(alias):
        waiting = loop.collect(task)
        assert (waiting.added, waiting.failed, waiting.lease_token) == (0, 0, "")
        assert "does not answer" in waiting.waits_for
        assert waiting.dataset.holds.exists()
    assert (loop.collect(task).status, task.added, task.failed, task.waits_for) == ("dataset_imported", 3, 0, "")


def test_a_filter_waits_for_its_training_images_and_learns_from_all_of_them(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=20)
    filtering(service, output_dataset_name="night")
    task = loop.run(service).collection_tasks.get()
    with loop.away("inputs"):
        assert (loop.collect(task).status, task.lease_token) == ("filtering", "")
    assert loop.collect(task).status == "dataset_imported"
    assert (task.mining.reference_count, task.mining.reference_missing) == (150, 0)


def test_a_collection_that_waited_too_long_says_for_what(service: BatchService, settings) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    task = collection.synchronize(service=service, dataset_name="collected", by=None)
    with loop.away("inputs"):
        assert loop.collect(task).status in ("waiting", "importing")
        settings.WAIT_HOURS = 1e-9
        assert (loop.collect(task).status, task.error_code) == ("failed", "waited_too_long")
    assert "does not answer" in task.words
    assert "died" not in task.error
