"""Models that run elsewhere and runs that keep, through the admin, the API and the command line."""

import json

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from batchservices import running
from batchservices.models import BatchRun, BatchService, InferenceModel
from tests import loop
from tests.batchservices.pages import MODEL, RUN, deploy, read, send, service_page
from tests.factories import BatchRunFactory, BatchServiceFactory

pytestmark = pytest.mark.django_db


def test_people_register_deploy_and_start_a_model_that_runs_elsewhere(staff: Client) -> None:
    assert reverse(f"{MODEL}_elsewhere") in read(staff, reverse(f"{MODEL}_add"))
    answers = {"name": "theirs", "task": "image_classification", "class_names": "cat\n dog\n\n"}
    shown = send(staff, reverse(f"{MODEL}_elsewhere"), answers)
    assert "Runs elsewhere" in shown
    assert "Dry run" not in shown
    model = InferenceModel.objects.get()
    assert model.class_names == ["cat", "dog"]
    assert "Name the place of its results" in deploy(staff, model)
    shown = deploy(staff, model, results_location="inputs:theirs")
    assert "inputs:theirs" in shown
    service = BatchService.objects.get()
    loop.put_digits("inputs:street", first=400, count=1)
    shown = send(staff, reverse("admin:batchservices_batchservice_start", args=[service.pk]))
    assert "There are no results in inputs:theirs" in shown
    loop.put("inputs:theirs/all.jsonl", b'{"source": "0400.png", "scores": {"cat": 0.7, "dog": 0.3}}')
    send(staff, reverse("admin:batchservices_batchservice_start", args=[service.pk]))
    run = BatchRun.objects.get()
    running.execute(run.pk)
    for tab in ("overview", "predictions", "settings"):
        assert "theirs" in read(staff, reverse(f"{RUN}_change", args=[run.pk]), tab=tab)
    run.refresh_from_db()
    assert (run.status, run.items.get().predicted_label) == ("finished", "cat")


def test_programs_register_deploy_and_read_them(staff: Client) -> None:
    said = {"name": "theirs", "task": "object_detection", "class_names": ["cat"]}
    answer = staff.post("/api/v1/models/elsewhere/", said, content_type="application/json")
    assert (answer.status_code, answer.json()["elsewhere"], answer.json()["status"]) == (201, True, "ready")
    wanted = {
        "name": "x",
        "model": answer.json()["id"],
        "input_location": "inputs:street",
        "output_location": "outputs:x",
        "results_location": "inputs:theirs/all.jsonl",
    }
    service = staff.post("/api/v1/services/", wanted, content_type="application/json").json()
    assert service["results_location"] == "inputs:theirs/all.jsonl"
    changed = {"results_location": "outputs:x"}
    address = f"/api/v1/services/{service['id']}/"
    refused = staff.patch(address, changed, content_type="application/json")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        400, "same_place", "output_location",
    )  # fmt: skip
    wrong = staff.post("/api/v1/models/elsewhere/", said | {"class_names": []}, content_type="application/json")
    assert wrong.status_code == 400


def test_everything_again_by_page_by_program_and_by_command(staff: Client, inputs: None) -> None:
    service = BatchServiceFactory(name="nightly")
    assert "Infer everything again" not in read(staff, service_page(service))
    BatchRunFactory(service=service, done=3)
    assert "Infer everything again" in read(staff, service_page(service))

    def started() -> bool:
        run = service.runs.latest("pk")
        running.stop(run=run, by=None)
        return run.again

    start = reverse("admin:batchservices_batchservice_start", args=[service.pk])
    for answers, again in (({}, False), ({"again": "1"}, True)):
        send(staff, start, answers)
        assert started() is again
    for said, again in (({}, False), ({"again": True}, True)):
        answer = staff.post(f"/api/v1/services/{service.pk}/start/", said, content_type="application/json")
        assert (answer.status_code, answer.json()["again"], started()) == (202, again, again)
    call_command("run_batch_services", "nightly", "--again", "--json")
    assert started()


def test_a_run_says_how_much_was_kept(staff: Client) -> None:
    first = BatchRunFactory()
    run = BatchRunFactory(service=first.service, total=2000, done=2000, kept=1900, kept_from=first)
    words = f"1,900 of 2,000 were kept from run {first.pk}; 100 were inferred."
    assert words in read(staff, reverse(f"{RUN}_change", args=[run.pk]))
    said = staff.get(f"/api/v1/runs/{run.pk}/").json()
    assert (said["kept"], said["kept_from"], json.dumps(said["again"])) == (1900, first.pk, "false")
