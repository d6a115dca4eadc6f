"""How the tests of the pages read and send them."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from batchservices.models import (
    BatchService,
    InferenceModel,
)

MODEL, SERVICE, RUN = (f"admin:batchservices_{name}" for name in ("inferencemodel", "batchservice", "batchrun"))


def read(client: Client, address: str, **query: str | int) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, address
    return response.content.decode()


def send(client: Client, address: str, answers: dict | None = None) -> str:
    """What a person sees after a POST, redirects followed."""
    response = client.post(address, answers or {}, follow=True)
    assert response.status_code == 200, address
    return response.content.decode()


def service_page(service: BatchService) -> str:
    return reverse(f"{SERVICE}_change", args=[service.pk])


def register(client: Client, **changed: object) -> str:
    answers = {
        "name": "digits",
        "file": SimpleUploadedFile("digits.onnx", b"not looked into by the web process"),
        "class_names": "zero\none\n\ntwo ",
    }
    return send(client, reverse(f"{MODEL}_add"), answers | changed)


def deploy(client: Client, model: InferenceModel, **changed: object) -> str:
    answers = {
        "name": "street nightly",
        "description": "every night",
        "model": model.pk,
        "input_location": "inputs:street",
        "output_location": "outputs:street",
        "labeling_type": model.task,
        "filter": "",
        "processes": "",
        "timeout_minutes": "",
        "training_version": "",
        "training_manifest": "",
        "dataset": "",
        "new_dataset": "",
    }
    return send(client, reverse(f"{SERVICE}_add"), answers | changed)


def synchronize(client: Client, service: BatchService, **changed: object) -> str:
    answers = {"labeling_type": service.model.task, "dataset": "", "new_dataset": ""}
    return send(client, reverse(f"{SERVICE}_synchronize", args=[service.pk]), answers | changed)


def act(client: Client, action: str, *services: BatchService, **answers: object) -> str:
    posted = {"action": action, "_selected_action": [service.pk for service in services], **answers}
    return send(client, reverse(f"{SERVICE}_changelist"), posted)
