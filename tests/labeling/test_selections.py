"""A decision about many samples: what fits is changed, what others changed is passed over and told, nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from config import steps
from config.refusals import Refused
from datasets import bulk_review, counters
from datasets.models import Dataset, ReviewEvent, Sample, Status
from labeling import selections
from labeling.models import ReviewTask, ReviewTaskStatus
from labeling.selections import Arguments, Selection
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return UserFactory(username="ann")


@pytest.fixture
def dataset() -> Dataset:
    """Five samples that are To Be Confirmed as cats; the dataset knows dogs, too."""
    made = DatasetFactory()
    cat = LabelFactory(dataset=made, name="cat")
    LabelFactory(dataset=made, name="dog")
    for _ in range(5):
        AnnotationFactory(sample=SampleFactory(dataset=made, status="to_be_confirmed"), label=cat)
    return made


def decide(dataset, verb, by, **arguments):
    versions = Selection.of(dataset.samples.all()).versions
    return selections.decide(
        dataset=dataset, verb=verb, versions=versions, arguments=Arguments(**arguments), by=by, batch="b" * 32
    )


def names(dataset) -> list[list[str]]:
    return [sorted(sample.annotations.values_list("label__name", flat=True)) for sample in dataset.samples.all()]


@pytest.mark.parametrize(
    ("arguments", "stand"),
    [
        ({"only": ["dog"]}, ["dog"]),
        ({"add": ["dog"]}, ["cat", "dog"]),
        ({"remove": ["cat"], "add": ["dog"]}, ["dog"]),
        ({"add": ["cat"]}, ["cat"]),
    ],
)
def test_labels_are_set_added_and_removed_and_confirmed(dataset, ann, arguments, stand):
    assert decide(dataset, "label", ann, **arguments).changed == 5
    assert names(dataset) == [stand] * 5
    assert set(dataset.samples.values_list("status", flat=True)) == {Status.LABELED}
    assert counters.check(dataset) == []


def test_images_that_would_have_no_label_are_passed_over(dataset, ann):
    done = decide(dataset, "label", ann, remove=["cat"])
    assert (done.changed, done.passed_over) == (0, 5)
    assert names(dataset) == [["cat"]] * 5


@pytest.mark.parametrize("verb", ["confirm", "reject", "mark_hard", "delete", "label"])
def test_what_somebody_changed_since_is_passed_over_and_told(dataset, ann, verb):
    versions = Selection.of(dataset.samples.all()).versions
    bulk_review.mark_hard(samples=[min(versions)], by=UserFactory())
    done = selections.decide(
        dataset=dataset, verb=verb, versions=versions, arguments=Arguments(only=["dog"]), by=ann, batch="b" * 32
    )
    assert (done.changed, done.overtaken) == (4, 1)
    assert counters.check(dataset) == []


def test_samples_of_another_dataset_are_out_of_reach(dataset, ann):
    other = SampleFactory(status="to_be_confirmed")
    AnnotationFactory(sample=other)
    done = selections.decide(
        dataset=dataset,
        verb="delete",
        versions={other.pk: other.version},
        arguments=Arguments(),
        by=ann,
        batch="b" * 32,
    )
    assert (done.changed, done.passed_over) == (0, 1)
    assert Sample.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize(
    ("verb", "arguments", "code"),
    [
        ("frobnicate", {}, "unknown_verb"),
        ("label", {}, "no_label"),
        ("label", {"only": ["bird"]}, "unknown_label"),
        ("add_to_dataset", {}, "unknown_dataset"),
        ("add_to_dataset", {"target": 10**9}, "unknown_dataset"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(dataset, ann, verb, arguments, code):
    with pytest.raises(Refused) as refused:
        selections.check(dataset=dataset, verb=verb, arguments=Arguments(**arguments))
    assert refused.value.code == code


def test_boxes_are_not_labeled_in_bulk(ann):
    with pytest.raises(Refused, match="open the image"):
        selections.check(dataset=DetectionDatasetFactory(), verb="label", arguments=Arguments(only=["dog"]))


def test_a_target_of_another_type_is_refused(dataset):
    target = DetectionDatasetFactory()
    with pytest.raises(Refused, match="object detection"):
        selections.check(dataset=dataset, verb="add_to_dataset", arguments=Arguments(target=target.pk))


def begin(dataset, by, verb="confirm", batch="a" * 32, **arguments) -> ReviewTask:
    return selections.begin(
        dataset=dataset,
        verb=verb,
        selection=Selection.of(dataset.samples.all()),
        arguments=Arguments(**arguments),
        by=by,
        batch=batch,
    )


@pytest.mark.django_db(transaction=True)
def test_a_task_does_what_the_request_would_have_done(dataset, ann, monkeypatch):
    monkeypatch.setattr(selections, "PACED_ROWS", 2)
    task = begin(dataset, ann)
    bulk_review.mark_hard(samples=[dataset.samples.earliest("id").pk], by=UserFactory())
    selections.execute(task.pk)
    selections.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.changed, task.overtaken, task.cursor) == (ReviewTaskStatus.FINISHED, 4, 1, 5)
    assert dataset.samples.filter(status=Status.LABELED).count() == 4
    assert ReviewEvent.objects.filter(batch=task.batch, by=ann).count() == 4
    assert counters.check(dataset) == []


def test_a_task_that_is_asked_for_twice_is_one(dataset, ann):
    assert begin(dataset, ann) == begin(dataset, ann)
    assert begin(dataset, ann, batch="c" * 32) != begin(dataset, ann)


def test_nothing_selected_is_no_task(ann):
    with pytest.raises(Refused, match="No sample is selected"):
        begin(DatasetFactory(), ann)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["review.chunk.before_commit", "review.chunk.committed"])
def test_who_dies_between_chunks_is_gone_on_for(dataset, ann, monkeypatch, step):
    monkeypatch.setattr(selections, "PACED_ROWS", 2)
    task = begin(dataset, ann, verb="label", only=["dog"])

    def die(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(selections, "step", die)
    with pytest.raises(KeyboardInterrupt):
        selections.execute(task.pk)
    monkeypatch.setattr(selections, "step", steps.step)
    selections.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.changed, task.overtaken) == (ReviewTaskStatus.FINISHED, 5, 0)
    assert ReviewEvent.objects.filter(batch=task.batch).count() == 5


def test_a_task_that_is_stopped_keeps_what_it_did(dataset, ann):
    task = begin(dataset, ann)
    selections.stop(task=task, by=ann)
    selections.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.cursor) == (ReviewTaskStatus.STOPPED, 0)
    with pytest.raises(Refused, match="cannot become"):
        selections.stop(task=task, by=ann)


def test_a_target_that_is_gone_fails_in_words(dataset, ann):
    target = DatasetFactory()
    task = begin(dataset, ann, verb="add_to_dataset", target=target.pk)
    target.delete()
    selections.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.error_code) == (ReviewTaskStatus.FAILED, "unknown_dataset")


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_it_once(dataset, ann, monkeypatch):
    monkeypatch.setattr(selections, "PACED_ROWS", 1)
    task = begin(dataset, ann)

    def work(_: int) -> None:
        try:
            selections.execute(task.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    task.refresh_from_db()
    assert (task.changed, ReviewEvent.objects.count()) == (5, 5)
