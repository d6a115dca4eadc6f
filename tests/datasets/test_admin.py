"""Every page of the datasets' admin opens, for those who may."""

import pytest
from django.urls import reverse

from datasets.models import Dataset, Status
from tests.factories import (
    DatasetFactory,
    DatasetVersionFactory,
    HoldFactory,
    ImportProblemFactory,
    ImportTaskFactory,
    LabelFactory,
    ReviewEventFactory,
    SampleFactory,
    StaffFactory,
    UserFactory,
)


@pytest.fixture
def admin(client, db):
    client.force_login(StaffFactory())
    return client


@pytest.fixture
def rows(db):
    dataset = DatasetFactory(name="street signs")
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True)
    LabelFactory(dataset=dataset)
    return {
        "dataset": dataset,
        "labelingjob": dataset.labeling_jobs.get(),
        "sample": sample,
        "datasetversion": DatasetVersionFactory(dataset=dataset),
        "importtask": ImportProblemFactory(task=ImportTaskFactory(dataset=dataset)).task,
        "reviewevent": ReviewEventFactory(sample=sample),
    }


MODELS = ["dataset", "labelingjob", "sample", "datasetversion", "importtask", "reviewevent"]


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_open(admin, rows, model):
    assert admin.get(reverse(f"admin:datasets_{model}_changelist")).status_code == 200
    assert admin.get(reverse(f"admin:datasets_{model}_change", args=[rows[model].pk])).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_are_for_those_who_may(client, rows, model):
    client.force_login(UserFactory(is_staff=True))
    assert client.get(reverse(f"admin:datasets_{model}_changelist")).status_code == 403
    assert client.get(reverse(f"admin:datasets_{model}_change", args=[rows[model].pk])).status_code == 403


@pytest.mark.parametrize("model", ["sample", "datasetversion", "importtask", "reviewevent"])
def test_what_verbs_write_is_not_made_by_hand(admin, rows, model):
    assert admin.get(reverse(f"admin:datasets_{model}_add")).status_code == 403


def test_a_new_dataset_has_its_counters_its_job_and_its_labels(admin):
    page = admin.post(
        reverse("admin:datasets_dataset_add"),
        {"name": "night", "task": "object_detection", "description": "", "label_names": "car\n\n bike \n"},
        follow=True,
    )
    assert page.status_code == 200
    dataset = Dataset.objects.get(name="night")
    assert dataset.counts.count() == 6
    assert dataset.labeling_jobs.get().is_default
    assert [label.name for label in dataset.labels.all()] == ["car", "bike"]


def test_the_task_of_a_dataset_never_changes(admin, rows):
    address = reverse("admin:datasets_dataset_change", args=[rows["dataset"].pk])
    label = rows["dataset"].labels.get()
    admin.post(
        address,
        {
            "name": "signs",
            "task": "object_detection",
            "description": "by day",
            "labels-TOTAL_FORMS": "1",
            "labels-INITIAL_FORMS": "1",
            "labels-0-id": str(label.pk),
            "labels-0-dataset": str(rows["dataset"].pk),
            "labels-0-name": "cat",
            "labels-0-color": "#102030",
            "labels-0-shortcut": "c",
        },
    )
    dataset = Dataset.objects.get(pk=rows["dataset"].pk)
    assert (dataset.name, dataset.description, dataset.task) == ("signs", "by day", "image_classification")
    label.refresh_from_db()
    assert (label.name, label.color, label.shortcut) == ("cat", "#102030", "c")


def test_a_dataset_that_is_held_is_not_deleted_and_says_why(admin, rows):
    HoldFactory(dataset=rows["dataset"], words="digits nightly fills it.")
    address = reverse("admin:datasets_dataset_delete", args=[rows["dataset"].pk])
    assert "digits nightly fills it." in admin.get(address).content.decode()
    page = admin.post(address, {"post": "yes"}, follow=True)
    assert "digits nightly fills it." in page.content.decode()
    assert Dataset.objects.filter(pk=rows["dataset"].pk).exists()


def test_a_free_dataset_is_deleted_with_its_samples(admin):
    dataset = DatasetFactory()
    SampleFactory(dataset=dataset)
    admin.post(reverse("admin:datasets_dataset_delete", args=[dataset.pk]), {"post": "yes"})
    assert not Dataset.objects.filter(pk=dataset.pk).exists()


def test_start_labeling_leads_to_the_grid(admin, rows):
    address = reverse("admin:datasets_dataset_start_labeling", args=[rows["dataset"].pk])
    assert admin.get(address)["Location"] == reverse("labeling:job", args=[rows["labelingjob"].pk])
