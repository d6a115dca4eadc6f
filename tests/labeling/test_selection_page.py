"""What a reviewer decides about a selection on the grid."""

import secrets

import pytest
from django.test import Client
from django.urls import reverse

from datasets import counters
from datasets.models import Dataset, ReviewEvent, Sample, Status
from labeling import selection_page, selections
from labeling.models import ReviewTask, ReviewTaskStatus
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    LabelFactory,
    ReviewTaskFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.conftest import rights

VERBS = ["confirm", "reject", "mark_hard", "unmark_hard", "add_to_dataset", "delete"]


@pytest.fixture
def dataset(db) -> Dataset:
    return DatasetFactory(name="digits")


@pytest.fixture
def one(dataset):
    return LabelFactory(dataset=dataset, name="one", shortcut="1")


@pytest.fixture
def seven(dataset):
    return LabelFactory(dataset=dataset, name="seven", shortcut="7")


@pytest.fixture
def waiting(dataset, one) -> list[Sample]:
    """Three samples that the model calls one, the hardest first."""
    samples = [
        SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=coefficient)
        for coefficient in (0.9, 0.6, 0.3)
    ]
    for sample in samples:
        AnnotationFactory(sample=sample, label=one, origin="model", confidence=0.5)
    return samples


def job(dataset) -> int:
    return dataset.labeling_jobs.get().pk


def select(client, chosen, *, dataset=None, **words):
    asked = {
        "samples": " ".join(f"{sample.pk}:{sample.version}" for sample in chosen),
        "back": "tab=to_be_confirmed&size=small",
        "batch": secrets.token_hex(16),
        **words,
    }
    return client.post(reverse("labeling:batch", args=[job(dataset or chosen[0].dataset)]), asked, follow=True)


def labels(sample) -> list[str]:
    return sorted(sample.annotations.values_list("label__name", flat=True))


def test_a_selection_is_confirmed_with_the_label_chosen_for_it(waiting, seven, review):
    answer = select(review, waiting[:2], verb="confirm", label=seven.pk)
    assert "2 Labeled." in answer.content.decode()
    assert [labels(sample) for sample in waiting] == [["seven"], ["seven"], ["one"]]
    assert answer.request["QUERY_STRING"] == "tab=to_be_confirmed&size=small"
    assert ReviewEvent.objects.values("batch").distinct().count() == 1


def test_labels_are_added_and_removed(waiting, one, seven, review):
    select(review, waiting[:2], verb="confirm", label=seven.pk, mode="add")
    assert [labels(sample) for sample in waiting] == [["one", "seven"], ["one", "seven"], ["one"]]
    again = Sample.objects.filter(pk__in=[waiting[0].pk])
    select(review, again, dataset=waiting[0].dataset, verb="confirm", label=one.pk, mode="remove")
    assert labels(waiting[0]) == ["seven"]


def test_what_somebody_else_changed_is_passed_over_and_said(waiting, review):
    Sample.objects.filter(pk=waiting[0].pk).update(version=2)
    text = select(review, waiting, verb="reject").content.decode()
    assert "2 rejected." in text
    assert "1 passed over: somebody else had changed them" in text


def test_batch_hardness_changes_hardness_alone(waiting, review):
    before = list(Sample.objects.order_by("id").values("status", "hard_coefficient", "confirmed_by", "predicted_label"))
    select(review, waiting, verb="unmark_hard")
    assert not Sample.objects.filter(hard=True).exists()
    select(review, Sample.objects.all(), dataset=waiting[0].dataset, verb="mark_hard")
    assert Sample.objects.filter(hard=True, hard_set_by="person").count() == 3
    assert before == list(
        Sample.objects.order_by("id").values("status", "hard_coefficient", "confirmed_by", "predicted_label")
    )


def test_add_to_dataset_copies_what_is_labeled(waiting, review):
    target = DatasetFactory(name="training")
    select(review, waiting[:2], verb="confirm")
    asked = {"dataset": waiting[0].dataset, "verb": "add_to_dataset", "target": target.pk}
    text = select(review, Sample.objects.all(), **asked).content.decode()
    assert "2 added." in text
    assert "1 passed over" in text
    assert target.samples.count() == 2


def test_all_that_match_are_decided_also_those_on_other_pages(waiting, review):
    SampleFactory(dataset=waiting[0].dataset, status=Status.UNLABELED)
    text = select(review, [], dataset=waiting[0].dataset, verb="reject", all="yes").content.decode()
    assert "3 rejected." in text
    assert counters.check(waiting[0].dataset) == []


def test_a_stack_is_decided_as_a_whole(waiting, review):
    Sample.objects.filter(pk__in=[waiting[0].pk, waiting[1].pk]).update(stack="m1-4")
    text = select(review, waiting[:1], verb="confirm", stacks="m1-4").content.decode()
    assert "2 Labeled." in text


def test_a_large_selection_is_a_task_with_progress_and_an_end(waiting, review, monkeypatch):
    monkeypatch.setattr(selection_page, "AT_ONCE", 2)
    text = select(review, waiting, verb="confirm").content.decode()
    task = ReviewTask.objects.get()
    assert "0 of 3 samples" in text
    progress = reverse("labeling:task_progress", args=[job(task.dataset), task.pk])
    assert review.get(progress).json() == {
        "words": "Confirm: 0 of 3 samples. Waiting for a worker.",
        "share": 0.0,
        "active": True,
    }
    selections.execute(task.pk)
    assert review.get(progress).json()["words"] == "Confirm: 3 Labeled."
    page = review.get(reverse("labeling:job", args=[job(task.dataset)]))
    assert "Confirm: 3 Labeled." in page.content.decode()
    undo = reverse("labeling:undo_batch", args=[job(task.dataset)])
    review.post(undo, {"batch": task.batch, "back": ""})
    selections.execute(ReviewTask.objects.latest("id").pk)
    assert not Sample.objects.filter(status=Status.LABELED).exists()
    redo = ReviewTask.objects.latest("id")
    assert (redo.verb, redo.changed) == ("undo", 3)


def test_a_task_is_stopped_by_its_button(review, reviewer):
    task = ReviewTaskFactory(created_by=reviewer, total=10)
    review.post(reverse("labeling:stop_task", args=[job(task.dataset), task.pk]))
    task.refresh_from_db()
    assert task.status == ReviewTaskStatus.STOPPED


def test_undo_takes_the_last_batch_back_and_redo_does_it_again(waiting, review):
    page = reverse("labeling:job", args=[job(waiting[0].dataset)])
    undo = reverse("labeling:undo_batch", args=[job(waiting[0].dataset)])
    text = select(review, waiting, verb="reject").content.decode()
    assert 'title="Rejected: 3 samples"' in text
    batch = ReviewEvent.objects.first().batch
    text = review.post(undo, {"batch": batch, "back": ""}, follow=True).content.decode()
    assert "3 as they were before." in text
    assert [labels(sample) for sample in waiting] == [["one"]] * 3
    assert "data-redo" in review.get(page).content.decode()
    review.post(undo, {"batch": ReviewEvent.objects.first().batch, "back": ""})
    assert not Sample.objects.filter(status=Status.TO_BE_CONFIRMED).exists()


def test_what_is_sent_twice_is_done_once(waiting, review):
    batch = secrets.token_hex(16)
    select(review, waiting[:1], verb="unmark_hard", batch=batch)
    text = select(review, waiting[1:], verb="unmark_hard", batch=batch).content.decode()
    assert "it was sent twice" in text
    assert Sample.objects.filter(hard=True).count() == 2


def test_deleting_asks_for_its_own_right(waiting, review, reviewer):
    assert select(review, waiting, verb="delete").status_code == 403
    reviewer.user_permissions.add(*rights("datasets.delete_sample"))
    text = select(review, waiting, verb="delete").content.decode()
    assert "3 deleted." in text
    assert not Sample.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_seeing_is_not_deciding(waiting, client, verb):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(rights("datasets.view_sample"))
    client.force_login(viewer)
    assert select(client, waiting, verb=verb).status_code == 403
    assert not ReviewEvent.objects.exists()


def test_samples_of_another_dataset_are_out_of_reach(waiting, review):
    other = SampleFactory(status=Status.TO_BE_CONFIRMED, hard=True)
    select(review, [other], dataset=waiting[0].dataset, verb="unmark_hard")
    other.refresh_from_db()
    assert other.hard


def test_a_batch_of_another_dataset_is_not_undone_here(waiting, review):
    select(review, waiting, verb="reject")
    undo = reverse("labeling:undo_batch", args=[job(DatasetFactory())])
    text = review.post(undo, {"batch": ReviewEvent.objects.first().batch, "back": ""}, follow=True).content.decode()
    assert "no such change" in text


@pytest.mark.parametrize(
    "words",
    [
        {"samples": ""},
        {"samples": "x"},
        {"samples": "1:y"},
        {"samples": " ".join(["1:1"] * 10_001)},
        {"batch": "short"},
        {"verb": "destroy"},
        {"verb": "undo"},
        {"verb": "confirm", "label": "x"},
        {"verb": "confirm", "label": "99999"},
        {"verb": "add_to_dataset", "target": "x"},
        {"back": "tab=nonsense", "all": "yes"},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(waiting, review: Client, words):
    answer = select(review, waiting, **{"verb": "reject", **words})
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    assert not ReviewEvent.objects.exists()
