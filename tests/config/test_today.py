"""The first page of the admin."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices.models import CollectionStatus, ModelStatus, RunStatus
from datasets.models import Status, TaskStatus
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    ImportTaskFactory,
    InferenceModelFactory,
    SampleFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client) -> Callable[[], str]:
    """The page as an administrator sees it."""
    client.force_login(StaffFactory.create())

    def read() -> str:
        response = client.get(reverse("admin:index"))
        assert response.status_code == 200
        return response.content.decode()

    return read


def test_an_empty_house_says_how_to_begin(page) -> None:
    text = page()
    assert "First steps" in text
    assert reverse("admin:datasets_dataset_add") in text
    assert reverse("admin:batchservices_inferencemodel_add") in text
    assert reverse("admin:batchservices_batchservice_add") in text
    assert "Nothing waits for people" in text
    assert "Nothing failed" in text


def test_what_waits_for_people_is_a_link_to_the_grid(page) -> None:
    dataset = DatasetFactory.create(name="street hard")
    for number in range(3):
        SampleFactory.create(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=number < 2)
    SampleFactory.create(dataset=dataset, status=Status.LABELED)
    job = dataset.labeling_jobs.get()
    text = page()
    assert f"{reverse('labeling:job', args=[job.pk])}?tab=to_be_confirmed" in text
    assert "3 images need a person" in text
    assert "2 hard" in text


def test_what_runs_shows_how_far_it_is(page) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING, total=5000, done=1240, service__name="street nightly")
    task = CollectionTaskFactory.create(status=CollectionStatus.IMPORTING, cursor=3, total=10)
    ImportTaskFactory.create(status=TaskStatus.RUNNING, cursor=7, total=70)
    InferenceModelFactory.create(status=ModelStatus.CHECKING, name="detector")
    text = page()
    assert "First steps" not in text
    assert "1,240 of 5,000" in text
    assert reverse("admin:batchservices_batchrun_progress", args=[run.pk]) in text
    assert f"task-{task.pk}" in text
    assert "7 of 70" in text
    assert "Model detector 1" in text


def test_what_failed_says_why(page) -> None:
    BatchRunFactory.create(status=RunStatus.FAILED, error="The model file is gone.", finished_at=timezone.now())
    InferenceModelFactory.create(status=ModelStatus.REFUSED, error="It has two inputs.")
    ImportTaskFactory.create(status=TaskStatus.FAILED, error="It is a ZIP archive; unpack it first.")
    long_ago = timezone.now() - timedelta(days=8)
    BatchRunFactory.create(status=RunStatus.FAILED, error="Forgotten by now.", finished_at=long_ago)
    text = page()
    assert "The model file is gone." in text
    assert "It has two inputs." in text
    assert "It is a ZIP archive" in text
    assert "Forgotten by now." not in text


def test_a_person_sees_only_what_they_may(client: Client) -> None:
    SampleFactory.create(dataset__name="secret faces", status=Status.TO_BE_CONFIRMED)
    BatchRunFactory.create(status=RunStatus.FAILED, error="Secret words.", service__name="secret service")
    user = UserFactory.create(is_staff=True)
    client.force_login(user)
    text = client.get(reverse("admin:index")).content.decode()
    assert "ecret" not in text
    assert reverse("admin:batchservices_batchservice_changelist") not in text
    user.user_permissions.add(Permission.objects.get(codename="view_batchservice"))
    assert reverse("admin:batchservices_batchservice_changelist") in client.get(reverse("admin:index")).content.decode()


def test_the_page_takes_few_queries_however_much_there_is(client: Client, django_assert_max_num_queries) -> None:
    for _ in range(4):
        SampleFactory.create(status=Status.TO_BE_CONFIRMED)
        BatchRunFactory.create(status=RunStatus.RUNNING, total=10)
        BatchRunFactory.create(status=RunStatus.FAILED, service=BatchServiceFactory.create())
        CollectionTaskFactory.create(status=CollectionStatus.FAILED)
    client.force_login(StaffFactory.create())
    with django_assert_max_num_queries(22):
        client.get(reverse("admin:index"))


def test_strangers_are_asked_to_log_in(client: Client) -> None:
    assert client.get(reverse("admin:index")).status_code == 302
