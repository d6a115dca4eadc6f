"""Models in the admin: every page, every button, every refusal."""

import pytest
from django.test import Client
from django.urls import reverse

from batchservices.models import (
    InferenceModel,
    ModelStatus,
)
from tests.batchservices.pages import MODEL, SERVICE, read, register, send
from tests.factories import (
    BatchServiceFactory,
    InferenceModelFactory,
)

pytestmark = pytest.mark.django_db


def test_a_registered_model_waits_for_its_dry_run(staff: Client) -> None:
    assert "Register model" in read(staff, reverse(f"{MODEL}_add"))
    assert "A worker is trying the model" in register(staff)
    model = InferenceModel.objects.get()
    assert model.status == ModelStatus.CHECKING
    assert model.class_names == ["zero", "one", "two"]
    assert register(staff)
    assert InferenceModel.objects.get(version=2).name == "digits"


def test_a_profile_is_completed_by_the_form(staff: Client) -> None:
    register(
        staff,
        task="image_classification",
        profile='{"input": {"name": "x", "width": 28, "height": 28}, "output": {"kind": "logits", "scores": "y"}}',
    )
    model = InferenceModel.objects.get()
    assert model.profile["input"]["width"] == 28
    assert model.profile["class_names"] == ["zero", "one", "two"]
    assert "input / width" in read(staff, reverse(f"{MODEL}_change", args=[model.pk]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"profile": '{"input": 1, "input": 2}'}, "twice"),
        ({"profile": "[1]"}, "Write a JSON object"),
        ({"profile": '{"input": {"width": 0}}', "task": "image_classification"}, "is missing"),
        ({"file": ""}, "This field is required"),
    ],
)
def test_a_wrong_model_is_refused_at_its_field(staff: Client, changed: dict, words: str) -> None:
    assert words in register(staff, **changed)
    assert not InferenceModel.objects.exists()


def test_a_file_above_the_limit_is_refused_in_words(staff: Client, settings) -> None:
    settings.MODEL_LIMIT_MIB = 0
    assert "at most" in register(staff)


def test_a_refused_model_says_why(staff: Client) -> None:
    model = InferenceModelFactory.create(status=ModelStatus.REFUSED, error="The model has two inputs; one is possible.")
    assert "The model has two inputs" in read(staff, reverse(f"{MODEL}_change", args=[model.pk]))


def test_the_list_of_models_counts_services_as_links(staff: Client) -> None:
    assert "Register an ONNX file" in read(staff, reverse(f"{MODEL}_changelist"))
    assert "Nothing matches" in read(staff, reverse(f"{MODEL}_changelist"), q="nothing")
    model = BatchServiceFactory.create().model
    text = read(staff, reverse(f"{MODEL}_changelist"))
    assert f"{reverse(f'{SERVICE}_changelist')}?model__id__exact={model.pk}" in text
    assert "state-good" in text
    assert read(staff, reverse(f"{SERVICE}_changelist"), model__id__exact=model.pk)


def test_a_model_in_use_is_not_deleted_and_says_by_whom(staff: Client) -> None:
    service = BatchServiceFactory.create(name="street nightly")
    address = reverse(f"{MODEL}_delete", args=[service.model_id])
    assert (
        "cannot be deleted: the batch services street nightly use it"
        in staff.get(address, follow=True).content.decode()
    )
    send(staff, address, {"post": "yes"})
    posted = {"action": "delete_selected", "_selected_action": [service.model_id], "post": "yes"}
    assert "street nightly" in send(staff, reverse(f"{MODEL}_changelist"), posted)
    assert InferenceModel.objects.filter(pk=service.model_id).exists()
    unused = InferenceModelFactory.create()
    send(staff, reverse(f"{MODEL}_delete", args=[unused.pk]), {"post": "yes"})
    assert not InferenceModel.objects.filter(pk=unused.pk).exists()
