"""A mining is decided anew from its kept scores: the dataset follows, and what people decided stays."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from batchservices import collection, recutting
from batchservices.models import BatchService, CollectionTask
from config import leases
from config.refusals import Refused
from datasets import counters
from datasets.bulk_review import confirm_many, mark_hard
from datasets.models import Label, Sample, Status
from hardexamples import store
from hardexamples.models import Mining
from hardexamples.recut import Wish, wish
from tests import loop
from tests.factories import HardExampleFilterFactory, UserFactory

pytestmark = pytest.mark.django_db

IMAGES = 60


@pytest.fixture
def service() -> BatchService:
    loop.put_digits("inputs:night", first=400, count=IMAGES)
    manifest = loop.put_training_manifest(count=150)
    return loop.service(filtering=True, training_manifest=manifest, output_dataset_name="night")


@pytest.fixture
def mining(service: BatchService) -> Mining:
    task = loop.collect(loop.run(service).collection_tasks.get())
    assert task.mining is not None, task.error
    return task.mining


def threshold(mining: Mining, value: float) -> Wish:
    return wish(mining=mining, changes={"algo_hard_threshold": value})


def cut(mining: Mining, wanted: Wish) -> CollectionTask:
    task = loop.collect(recutting.recut(mining=mining, wanted=wanted, by=None))
    mining.refresh_from_db()
    return task


def verdicts(mining: Mining) -> list[tuple]:
    return list(mining.items.order_by("position").values_list("position", "flagged", "coefficient", "scores"))


def check(mining: Mining, task: CollectionTask) -> None:
    """Items, dataset and counters say the same."""
    assert task.failed == 0, task.error
    assert not counters.check(task.dataset)
    assert not task.dataset.holds.exists()
    hard = set(mining.items.filter(flagged=True).values_list("sha256", flat=True))
    assert len(hard) == mining.flagged
    assert set(Sample.objects.filter(dataset=task.dataset, hard=True).values_list("blob__sha256", flat=True)) == hard


def test_more_become_hard_with_reasons_and_fewer_again(mining: Mining) -> None:
    before = verdicts(mining)
    was = mining.flagged
    shown = recutting.look(mining=mining, wanted=threshold(mining, 0.01))
    assert (shown.flagged, shown.kept, shown.dropped, shown.decided) == (was, was, 0, 0)
    assert shown.would_be == was + shown.added > was
    assert sum(shown.histogram) == IMAGES
    assert verdicts(mining) == before  # shown, not done

    task = cut(mining, threshold(mining, 0.01))
    assert (task.status, mining.flagged) == ("dataset_imported", shown.would_be), task.error
    check(mining, task)
    fresh = Sample.objects.filter(dataset=task.dataset, hard=True, reasons__isnull=True)
    assert not fresh.exists()
    assert mining.settings["threshold"] == 0.01
    made = mining.recuts.get()
    assert (made.status, made.added, made.before["settings"]["threshold"]) == ("applied", shown.added, 0.1)

    back = cut(mining, threshold(mining, 0.1))
    assert [row[:3] for row in verdicts(mining)] == [row[:3] for row in before]
    check(mining, back)
    dropped = Sample.objects.filter(dataset=task.dataset, hard=False, status=Status.TO_BE_CONFIRMED)
    assert dropped.count() >= shown.added
    assert not dropped.filter(reasons__isnull=False).exists()
    assert back.words == f"0 became hard, {shown.added:,} are hard no more, {was:,} stayed."


def test_what_people_decided_stays(mining: Mining) -> None:
    dataset = mining.collection_task.dataset
    by = UserFactory()
    hardest = list(Sample.objects.filter(dataset=dataset, hard=True).order_by("-hard_coefficient")[:2])
    confirm_many(sample_ids=[hardest[0].pk], by=by)
    mark_hard(samples=[hardest[1].pk], by=by)
    shown = recutting.look(mining=mining, wanted=threshold(mining, 1.0))
    assert shown.decided == 2
    task = cut(mining, threshold(mining, 1.0))
    assert mining.flagged == shown.would_be == mining.items.filter(flagged=True).count()
    for sample in hardest:
        was = (sample.hard, sample.hard_coefficient, sample.reasons.count())
        sample.refresh_from_db()
        assert (sample.hard, sample.hard_coefficient, sample.reasons.count()) == was
    assert not counters.check(dataset)
    assert "On 2 of them people had decided" in task.words


def test_another_filter_decides_by_its_weights_and_is_named(mining: Mining) -> None:
    only = "image_similarity_mining:1.0000"
    chosen = HardExampleFilterFactory(
        name="distance", comprehensive_algo_config=only, algo_hard_threshold=0.5, fusion="weights"
    )
    wanted = wish(mining=mining, chosen=chosen)
    assert {figures.algorithm for figures in wanted.fusion.rules.values()} == {"image_similarity_mining"}
    task = cut(mining, wanted)
    assert (mining.filter, mining.settings["weights"]) == (chosen, {"image_similarity_mining": 1.0})
    check(mining, task)
    for item in mining.items.filter(flagged=True):
        assert item.reasons
        assert {reason["rule"] for reason in item.reasons} <= set(wanted.fusion.rules)
    quoted = Sample.objects.filter(dataset=task.dataset, hard=True).values_list("reasons__rule", flat=True)
    assert set(quoted) <= set(wanted.fusion.rules)
    again = wish(mining=mining, changes={"comprehensive_algo_config": "clustering_mining:1"})
    assert set(again.fusion.rules) == {"cluster_disagreement"}  # what was left out is not lost


def test_only_one_at_a_time_and_not_while_images_come_in(mining: Mining) -> None:
    task = recutting.recut(mining=mining, wanted=threshold(mining, 0.5), by=None)
    with pytest.raises(Refused) as refusal:
        recutting.recut(mining=mining, wanted=threshold(mining, 0.6), by=None)
    assert refusal.value.code == "already_recutting"
    assert CollectionTask.objects.filter(kind="recut").count() == 1
    collection.stop(task=task, by=None)
    made = mining.recuts.get()
    assert (made.status, mining.items.filter(flagged=True).count()) == ("ended", mining.flagged)
    assert cut(mining, threshold(mining, 0.6)).status == "dataset_imported"

    filtering = mining.collection_task
    CollectionTask.objects.filter(pk=filtering.pk).update(status="importing")
    with pytest.raises(Refused, match="still being brought"):
        recutting.recut(mining=mining, wanted=threshold(mining, 0.5), by=None)


@pytest.mark.parametrize("block", [1, 3])
def test_a_stop_is_heard_while_the_inputs_are_read(block: int, mining: Mining, monkeypatch: pytest.MonkeyPatch) -> None:
    task = recutting.recut(mining=mining, wanted=threshold(mining, 0.01), by=None)
    monkeypatch.setattr(leases, "LISTEN_SECONDS", -1)
    monkeypatch.setattr(store, "BLOCK", 10)
    load, blocks = store.load, []

    def loading(sha256s: Sequence[str], *which: Any, between: Callable[[], None] | None = None) -> Any:
        def stopping() -> None:
            blocks.append(1)
            if len(blocks) == block:
                collection.stop(task=task, by=None)
            assert between is not None
            between()

        return load(sha256s, *which, between=stopping if between is not None else None)

    monkeypatch.setattr(store, "load", loading)
    before = verdicts(mining)
    loop.collect(task)
    assert (task.status, len(blocks)) == ("stopped", block)
    assert verdicts(mining) == before


def test_a_lost_label_and_a_lost_run_are_refused_in_words(mining: Mining) -> None:
    dataset = mining.collection_task.dataset
    used = Label.objects.filter(dataset=dataset, annotations__isnull=True).first()
    if used is None:
        used = Label.objects.filter(dataset=dataset).latest("pk")
        used.annotations.all().delete()
    used.delete()
    with pytest.raises(Refused, match="has lost the label") as refusal:
        recutting.recut(mining=mining, wanted=threshold(mining, 0.5), by=None)
    assert refusal.value.code == "unmapped_class"
    CollectionTask.objects.filter(mining=mining).update(mining=None)
    with pytest.raises(Refused, match="run of this mining is gone"):
        recutting.look(mining=mining, wanted=threshold(mining, 0.5))
