"""A worker is killed at every named step on the way from a run into a dataset; each image is there once."""

import pytest

from batchservices import choosing, collection, recutting
from batchservices.models import BatchService, CollectionTask
from datasets import counters
from datasets.creation import create_dataset
from datasets.models import Dataset, Sample
from hardexamples.models import Mining
from hardexamples.recut import wish
from tests import loop
from tests.integration.killing import Workers, finish, finish_collection, walk
from tests.integration.steps import CHOSEN_STEPS, FILTER_STEPS, RECUT_STEPS, SYNCHRONIZE_STEPS

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_is_killed_at_every_step_of_a_filtering(workers: Workers, service: BatchService) -> None:
    walk(
        workers,
        "collection",
        FILTER_STEPS,
        begin=lambda: loop.run(service).collection_tasks.get(),
        settle=finish_collection,
    )


def test_a_worker_is_killed_at_every_step_of_a_synchronization(workers: Workers, service: BatchService) -> None:
    def begin() -> CollectionTask:
        number = Dataset.objects.count()
        return collection.synchronize(service=service, dataset_name=f"all {number}", by=None)

    walk(workers, "collection", SYNCHRONIZE_STEPS, begin=begin, settle=finish_collection)


def mined(service: BatchService) -> Mining:
    task = loop.run(service).collection_tasks.get()
    finish_collection(task)
    assert task.mining is not None
    return task.mining


def finish_recut(task: CollectionTask) -> None:
    finish(task, collection.execute)
    assert (task.status, task.cursor) == ("dataset_imported", task.total), task.words
    mining = task.recut.mining
    items = mining.items.filter(flagged=True)
    hard = Sample.objects.filter(dataset=task.dataset, hard=True)
    assert set(hard.values_list("blob__sha256", flat=True)) == set(items.values_list("sha256", flat=True))
    assert not hard.filter(reasons__isnull=True).exists()
    assert items.count() == mining.flagged
    assert mining.settings == task.recut.after["settings"]
    assert not counters.check(task.dataset)
    assert not task.dataset.holds.exists()


def test_a_worker_is_killed_at_every_step_of_a_recut(workers: Workers, service: BatchService) -> None:
    mining = mined(service)

    def begin() -> CollectionTask:
        mining.refresh_from_db()
        value = 0.9 if mining.settings["threshold"] < 0.5 else 0.001
        wanted = wish(mining=mining, changes={"algo_hard_threshold": value})
        return recutting.recut(mining=mining, wanted=wanted, by=None)

    walk(workers, "collection", RECUT_STEPS, begin=begin, settle=finish_recut)


def test_a_worker_is_killed_at_every_step_of_bringing_chosen_inputs(workers: Workers, service: BatchService) -> None:
    run = loop.run(service)

    def begin() -> CollectionTask:
        name = f"chosen {Dataset.objects.count()}"
        dataset = create_dataset(name=name, task="image_classification", by=None, labels=())
        return choosing.add_inputs(run=run, positions=range(5), dataset=dataset, by=None)

    def settle(task: CollectionTask) -> None:
        finish(task, collection.execute)
        assert (task.status, task.cursor, task.added) == ("dataset_imported", 5, 5)
        assert Sample.objects.filter(dataset=task.dataset).count() == 5
        assert not counters.check(task.dataset)

    walk(workers, "collection", CHOSEN_STEPS, begin=begin, settle=settle)
