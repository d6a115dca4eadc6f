"""Datasets come with all that belongs to them, and go only when nothing needs them."""

import pytest

from config.refusals import Refused
from datasets import counters, creation, holds, removal
from datasets.models import Dataset, Label, Task
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_dataset_comes_with_counters_job_and_labels() -> None:
    user = factories.UserFactory()
    dataset = creation.create_dataset(
        name="digits", task=Task.IMAGE_CLASSIFICATION, by=user, labels=["7", "cat", "car"]
    )
    assert counters.counts(dataset).total == 0
    assert dataset.counts.count() == 6
    job = dataset.labeling_jobs.get()
    assert (job.name, job.is_default) == ("digits", True)
    assert dict(dataset.labels.values_list("name", "shortcut")) == {"7": "7", "cat": "c", "car": "1"}
    assert len(set(dataset.labels.values_list("color", flat=True))) == 3


def test_a_name_is_taken_once() -> None:
    creation.create_dataset(name="digits", task=Task.IMAGE_CLASSIFICATION, by=None)
    with pytest.raises(Refused) as refused:
        creation.create_dataset(name="digits", task=Task.OBJECT_DETECTION, by=None)
    assert (refused.value.code, refused.value.status) == ("name_exists", 409)
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "a" * 101, "x\n", ".hidden"])
def test_bad_names_are_refused(name: str) -> None:
    if name == "x\n":
        name = "x\ny"
    with pytest.raises(Refused) as refused:
        creation.create_dataset(name=name, task=Task.IMAGE_CLASSIFICATION, by=None)
    assert refused.value.code == "bad_name"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "a" * 1025])
def test_bad_labels_are_refused_and_no_dataset_is_left(name: str) -> None:
    with pytest.raises(Refused) as refused:
        creation.create_dataset(name="d", task=Task.IMAGE_CLASSIFICATION, by=None, labels=[name])
    assert refused.value.code == "bad_label"
    assert not Dataset.objects.exists()


def test_labels_are_added_once() -> None:
    dataset = creation.create_dataset(name="d", task=Task.IMAGE_CLASSIFICATION, by=None, labels=["a"])
    labels = creation.add_labels(dataset=dataset, names=["a", " b ", "b"], by=None)
    assert sorted(labels) == ["a", "b"]
    creation.add_labels(dataset=dataset, names=[f"n{number}" for number in range(60)], by=None)
    shortcuts = [label.shortcut for label in Label.objects.filter(dataset=dataset) if label.shortcut]
    assert len(shortcuts) == len(set(shortcuts)) == 36


def test_a_dataset_goes_with_all_it_holds() -> None:
    event = factories.ReviewEventFactory()
    factories.ReviewEventFactory(sample=event.sample, undoes=event)
    factories.AnnotationFactory(sample=event.sample)
    factories.HardReasonFactory(sample=event.sample)
    removal.delete_dataset(dataset=event.dataset, by=None)
    assert not Dataset.objects.filter(pk=event.dataset_id).exists()


def test_a_dataset_that_is_needed_stays() -> None:
    service = factories.FilteringServiceFactory()
    with pytest.raises(Refused) as refused:
        removal.delete_dataset(dataset=service.output_dataset, by=None)
    assert refused.value.code == "dataset_in_use"
    task = factories.ImportTaskFactory()
    with pytest.raises(Refused, match="import"):
        removal.delete_dataset(dataset=task.dataset, by=None)
    hold = factories.HoldFactory(words="Run 12 fills it.")
    with pytest.raises(Refused, match=r"Run 12 fills it\."):
        removal.delete_dataset(dataset=hold.dataset, by=None)
    holds.lift(dataset=hold.dataset, key=hold.key)
    removal.delete_dataset(dataset=hold.dataset, by=None)
