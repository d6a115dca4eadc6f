"""Large datasets are gone for everybody at once, and are cleared away by a worker, whatever it is that dies."""

import pytest
from django.urls import reverse

from config import steps, sweeper
from config.refusals import Refused
from datasets import bulk_review, creation, removal, review
from datasets.models import (
    Annotation,
    Blob,
    Dataset,
    DatasetRemoval,
    DatasetVersion,
    ImportTask,
    Label,
    LabelingJob,
    ReviewEvent,
    Sample,
    TaskStatus,
)
from tests import factories

pytestmark = pytest.mark.django_db
STEPS = ["removal.chunk.before_commit", "removal.chunk.committed"]


@pytest.fixture
def ann():
    return factories.UserFactory(username="ann", is_staff=True, is_superuser=True)


@pytest.fixture
def street(ann, monkeypatch):
    """Five samples with an annotation, an event and one that undoes it; 1 sample is too many for a request."""
    monkeypatch.setattr(removal, "AT_ONCE", 1)
    monkeypatch.setattr(removal, "CHUNK_SAMPLES", 2)
    monkeypatch.setattr(removal, "CHUNK_ROWS", 3)
    dataset = creation.create_dataset(name="street", task="image_classification", by=ann, labels=["cat"])
    label = dataset.labels.get()
    for _ in range(5):
        sample = factories.SampleFactory(dataset=dataset, status="to_be_confirmed")
        factories.AnnotationFactory(sample=sample, label=label)
        factories.HardReasonFactory(sample=sample)
        event = factories.ReviewEventFactory(sample=sample, by=ann)
        factories.ReviewEventFactory(sample=sample, undoes=event, by=ann)
    dataset.counts.filter(status="to_be_confirmed", hard=False).update(count=5)
    factories.DatasetVersionFactory(dataset=dataset, status="failed")
    factories.ImportTaskFactory(dataset=dataset, status="completed")
    return dataset


def nothing_left() -> bool:
    held = (Sample, Annotation, ReviewEvent, Label, LabelingJob, DatasetVersion, ImportTask)
    return not Dataset.everything.exists() and not any(model._base_manager.exists() for model in held)


def test_it_is_gone_for_everybody_at_once(street, ann, client) -> None:
    sample = street.samples.first()
    event = sample.review_events.first()
    client.force_login(ann)
    pages = [
        reverse("admin:datasets_dataset_change", args=[street.pk]),
        reverse("labeling:job", args=[street.labeling_jobs.get().pk]),
        reverse("labeling:sample", args=[street.labeling_jobs.get().pk, sample.pk]),
        f"/api/v1/datasets/{street.pk}/",
        f"/api/v1/samples/{sample.pk}/",
        f"/api/v1/events/{event.pk}/",
    ]
    before = [client.get(page).status_code for page in pages]
    removal.delete_dataset(dataset=street, by=ann)
    after = [client.get(page, follow=True) for page in pages]
    assert 404 not in before
    assert [page.status_code for page in after[1:]] == [404] * 5
    assert not any(b"street" in client.get(reverse(f"admin:datasets_{name}_changelist")).content.replace(
        b"Deleting street", b"") for name in ("dataset", "labelingjob", "reviewevent"))  # fmt: skip
    assert sample.name.encode() not in client.get(reverse("admin:datasets_sample_changelist")).content
    assert b"Deleting street" in client.get(reverse("admin:index")).content
    with pytest.raises(Refused, match="no such sample"):
        review.confirm(sample_id=sample.pk, by=ann)
    assert bulk_review.confirm_many(sample_ids=[sample.pk], by=ann).changed == 0
    assert creation.create_dataset(name="street", task="object_detection", by=ann).name == "street"


def test_a_worker_clears_it_away(street, ann) -> None:
    task = removal.delete_dataset(dataset=street, by=ann)
    assert Sample.objects.count() == 5
    removal.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.name, task.done, task.total) == (TaskStatus.COMPLETED, "street", 5, 5)
    assert nothing_left()
    assert Blob.objects.count() == 5  # bytes stay by content address
    removal.execute(task.pk)
    assert removal.delete_dataset(dataset=street, by=ann) is None


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 3, 6, 7])
def test_whatever_dies_another_worker_goes_on(street, ann, monkeypatch, step: str, times: int) -> None:
    task = removal.delete_dataset(dataset=street, by=ann)
    seen = []

    def die(name: str) -> None:
        seen.append(name)
        if seen.count(step) == times and name == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(removal, "step", die)
    with pytest.raises(KeyboardInterrupt):
        removal.execute(task.pk)
    monkeypatch.setattr(removal, "step", steps.step)
    removal.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.done) == (TaskStatus.COMPLETED, 5)
    assert nothing_left()


def test_a_lost_ring_is_rung_again(street, ann) -> None:
    task = removal.delete_dataset(dataset=street, by=ann)
    rung = sweeper.sweep(quiet_seconds=-1)
    task.refresh_from_db()
    assert rung == 1
    assert task.rung_at is not None


def test_what_names_it_keeps_it_whole(ann, monkeypatch) -> None:
    monkeypatch.setattr(removal, "AT_ONCE", -1)
    dataset = factories.FilteringServiceFactory().output_dataset
    with pytest.raises(Refused) as refused:
        removal.delete_dataset(dataset=dataset, by=ann)
    assert refused.value.code == "dataset_in_use"
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert not DatasetRemoval.objects.exists()
