"""Runs in the admin, and who may do what on the pages of batch services."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices.models import (
    ItemStatus,
    RunStatus,
)
from datasets.models import Dataset
from tests.batchservices.pages import MODEL, RUN, SERVICE, read, send, service_page, synchronize
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    HardExampleFilterFactory,
    RunItemFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def test_an_ended_run_shows_classes_confidences_and_predictions(staff: Client) -> None:
    run = BatchRunFactory.create(total=61, done=60, failed=1, started_at=timezone.now() - timedelta(seconds=6))
    for number in range(60):
        RunItemFactory.create(run=run, position=number, predicted_label="cat" if number % 3 else "dog")
    RunItemFactory.create(
        run=run,
        position=60,
        name="half.jpg",
        status=ItemStatus.FAILED,
        prediction=None,
        error_code="truncated_image",
        error="The image is cut off.",
    )
    address = reverse(f"{RUN}_change", args=[run.pk])
    text = read(staff, address)
    assert "?tab=predictions&amp;label=cat" in text
    assert "<svg" in text
    first = read(staff, address, tab="predictions")
    assert "image 00000.jpg" in first
    assert "image 00048.jpg" not in first
    assert "after=47" in first
    assert reverse("labeling:input_picture", args=[run.pk, 0]) in first
    second = read(staff, address, tab="predictions", after=47)
    assert "image 00048.jpg" in second
    assert "before=48" in second
    assert "image 00000.jpg" in read(staff, address, tab="predictions", before=48)
    assert "image 00001.jpg" not in read(staff, address, tab="predictions", label="dog")
    shown = read(staff, reverse(f"{RUN}_input", args=[run.pk, 3]))
    assert "ModelArts JSON" in shown
    assert "predicted_label" in shown
    assert staff.get(reverse(f"{RUN}_input", args=[run.pk, 60])).status_code == 404
    assert "The image is cut off." in read(staff, address, tab="failed")
    assert "half.jpg" not in read(staff, address, tab="predictions", after=57)
    assert "frozen" in read(staff, address, tab="settings")
    assert read(staff, address, tab="predictions", after="-1; DROP")
    assert f"Run {run.pk}" in read(staff, reverse(f"{RUN}_changelist"))


def test_a_run_at_work_draws_nothing_and_can_be_stopped(staff: Client, django_assert_max_num_queries) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING, total=1_000_000, done=400_000)
    address = reverse(f"{RUN}_change", args=[run.pk])
    with django_assert_max_num_queries(10):
        text = read(staff, address)
    assert "400,000 of 1,000,000" in text
    assert "data-progress" in text
    assert "It goes on when you leave this page" in text
    assert "was told to stop" in send(staff, reverse(f"{RUN}_stop", args=[run.pk]))
    assert "cannot become" in send(staff, reverse(f"{RUN}_stop", args=[run.pk]))


def test_the_frozen_filter_is_told_by_names(staff: Client) -> None:
    chosen, dataset = HardExampleFilterFactory.create(name="night shift"), DatasetFactory.create(name="street hard")
    run = BatchRunFactory.create(
        filtering=True,
        filter_settings={
            "filter": chosen.pk,
            "output_dataset": dataset.pk,
            "training_manifest": "datasets:street/V001.manifest",
            "settings": {"threshold": 0.25},
            "label_mapping": {"cat": "Katze", "dog": "dog"},
        },
    )
    text = read(staff, reverse(f"{RUN}_change", args=[run.pk]), tab="settings")
    for words in ("night shift", "street hard", "datasets:street/V001.manifest", "0.25", "Label of / cat", "Katze"):
        assert words in text
    assert "Label of / dog" not in text


def test_a_run_without_anything_is_a_page(staff: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.FAILED, error="The model file is gone.")
    address = reverse(f"{RUN}_change", args=[run.pk])
    assert "The model file is gone." in read(staff, address)
    assert "There are no predictions here" in read(staff, address, tab="predictions")
    assert "No image failed" in read(staff, address, tab="failed")
    assert "was off when this run was started" in read(staff, address, tab="settings")


def test_who_may_not_is_refused_everywhere(client: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING)
    task = CollectionTaskFactory.create(service=run.service)
    pk = run.service_id
    client.force_login(UserFactory.create(is_staff=True))
    reading = [
        reverse(f"{MODEL}_changelist"),
        reverse(f"{MODEL}_add"),
        reverse(f"{MODEL}_change", args=[run.model_id]),
        reverse(f"{SERVICE}_changelist"),
        reverse(f"{SERVICE}_add"),
        reverse(f"{SERVICE}_change", args=[pk]),
        reverse(f"{SERVICE}_settings", args=[pk]),
        reverse(f"{SERVICE}_filtering", args=[pk]),
        reverse(f"{SERVICE}_synchronize", args=[pk]),
        reverse(f"{SERVICE}_collection_progress", args=[pk, task.pk]),
        reverse(f"{RUN}_changelist"),
        reverse(f"{RUN}_change", args=[run.pk]),
        reverse(f"{RUN}_progress", args=[run.pk]),
    ]
    writing = [
        reverse(f"{SERVICE}_start", args=[pk]),
        reverse(f"{SERVICE}_stop", args=[pk]),
        reverse(f"{SERVICE}_stop_collection", args=[pk, task.pk]),
        reverse(f"{RUN}_stop", args=[run.pk]),
    ]
    for address in reading:
        assert client.get(address).status_code == 403, address
    for address in [*reading[:-1], *writing]:
        assert client.post(address).status_code in (403, 405), address
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING


def test_who_may_only_look_sees_no_buttons(client: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING)
    user = UserFactory.create(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_batchservice", "view_batchrun"]))
    client.force_login(user)
    for address in (service_page(run.service), reverse(f"{RUN}_change", args=[run.pk])):
        assert '<form method="post" action="/admin/batchservices' not in read(client, address)
    assert "Synchronize Data to Dataset</option>" not in read(client, reverse(f"{SERVICE}_changelist"))
    assert client.post(reverse(f"{SERVICE}_start", args=[run.service_id])).status_code == 403


def test_a_new_dataset_needs_its_own_permission(client: Client, inputs: None) -> None:
    service, user = BatchServiceFactory.create(), UserFactory.create(is_staff=True)
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_batchservice", "synchronize_batchservice"])
    )
    client.force_login(user)
    assert "You may not create datasets" in synchronize(client, service, new_dataset="street")
    assert not Dataset.objects.exists()


def test_buttons_take_no_get_and_unknown_rows_are_missing(staff: Client) -> None:
    service = BatchServiceFactory.create()
    assert staff.get(reverse(f"{SERVICE}_start", args=[service.pk])).status_code == 405
    for name in (f"{MODEL}_change", f"{SERVICE}_change", f"{RUN}_change"):
        assert staff.get(reverse(name, args=["nothing"])).status_code == 404
        assert staff.get(reverse(name, args=[99999])).status_code == 404
