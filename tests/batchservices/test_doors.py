"""What people find on the pages of services and programs in the API: every setting, every verb, every picture."""

import html
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices.api import CHANGEABLE
from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
    ItemStatus,
    RunStatus,
)
from batchservices.serializers import FilteringSettings, ServiceChange, ServiceInput
from batchservices.service_forms import FilteringForm, SettingsForm
from config.figures import bins_of, histogram
from datasets.models import Task
from hardexamples.models import MiningStatus
from tests import loop
from tests.batchservices.pages import RUN, SERVICE, act, read, register, send, service_page
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    InferenceModelFactory,
    MiningFactory,
    MiningItemFactory,
    RunItemFactory,
)
from tests.programs import program

pytestmark = pytest.mark.django_db


def test_programs_may_say_all_that_the_forms_ask_for() -> None:
    settings, filtering = set(SettingsForm.base_fields), set(FilteringForm.base_fields)
    assert settings == set(CHANGEABLE)
    assert set(ServiceChange().fields) == settings | {"label_mapping"}
    # people say the labeling type as a check, may choose a version instead of its manifest, and map classes in a table
    said = (filtering - {"labeling_type", "training_version", "dataset", "new_dataset"}) | {
        *("output_dataset", "output_dataset_name", "label_mapping"),
    }
    assert set(FilteringSettings().fields) | {"filtering"} == said
    assert set(ServiceInput().fields) == settings | said


@pytest.mark.usefixtures("own_storages")
def test_programs_set_and_see_the_limits_of_a_service() -> None:
    model = InferenceModelFactory.create()
    client = program("batchservices.add_batchservice", "batchservices.change_batchservice")
    limits = {"processes": 3, "timeout_minutes": 90}
    body = {"name": "nightly", "model": model.pk, "input_location": "inputs:a", "output_location": "outputs:a"}
    deployed = client.post("/api/v1/services/", {**body, **limits}).json()
    assert {name: deployed[name] for name in limits} == limits
    address = f"/api/v1/services/{deployed['id']}/"
    assert client.patch(address, {"timeout_minutes": 0}).json()["timeout_minutes"] == 0
    refused = client.patch(address, {"timeout_minutes": 2}).json()
    assert (refused["code"], refused["field"]) == ("bad_value", "timeout_minutes")
    assert "3 to 10,080 minutes" in refused["message"]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (RunStatus.PREPARING, "Deploying"),
        (RunStatus.RUNNING, "Running"),
        (RunStatus.FINISHED, "Finished"),
        (RunStatus.ALARM, "Alarm"),
        (RunStatus.FAILED, "Failed"),
        (RunStatus.STOPPED, "Stopped"),
    ],
)
def test_a_service_shows_its_state_and_the_buttons_that_it_allows(staff: Client, status: str, word: str) -> None:
    service = BatchRunFactory.create(status=status, total=4, done=3, failed=1).service
    text = read(staff, service_page(service))
    assert f"</i>{word}</span>" in text
    active = status in (RunStatus.PREPARING, RunStatus.RUNNING)
    for verb, offered in (("start", not active), ("stop", active), ("restart", active)):
        assert (f'action="{reverse(f"{SERVICE}_{verb}", args=[service.pk])}"' in text) == offered


@pytest.mark.usefixtures("inputs")
def test_restart_stops_the_run_that_goes_on_and_starts_another(staff: Client) -> None:
    going_on = BatchRunFactory.create(status=RunStatus.RUNNING, total=4, done=1)
    service = going_on.service
    asked = html.unescape(read(staff, reverse(f"{SERVICE}_ask", args=[service.pk, "restart"])))
    assert "The run that goes on is stopped; another begins with the images that are in inputs:street now" in asked
    assert BatchRun.objects.get() == going_on
    send(staff, reverse(f"{SERVICE}_restart", args=[service.pk]))
    newest = BatchRun.objects.latest("pk")
    going_on.refresh_from_db()
    assert (going_on.status, newest.status) == (RunStatus.STOPPED, RunStatus.PREPARING)

    assert "what runs is stopped" in act(staff, "restart", service)
    assert "is started again." in act(staff, "restart", service, confirmed="yes")
    answer = program("batchservices.start_batchservice").post(f"/api/v1/services/{service.pk}/restart/")
    assert (answer.status_code, answer.json()["status"]) == (202, "preparing")
    assert list(service.runs.values_list("status", flat=True)) == ["preparing", "stopped", "stopped", "stopped"]


@pytest.mark.usefixtures("own_storages")
def test_a_restart_without_input_stops_nothing(staff: Client) -> None:
    going_on = BatchRunFactory.create(status=RunStatus.RUNNING, total=4, done=1)
    assert "has no input data" in send(staff, reverse(f"{SERVICE}_restart", args=[going_on.service_id]))
    assert BatchRun.objects.get().status == RunStatus.RUNNING


def test_more_in_the_list_leads_to_sample_collection(staff: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING)
    idle = BatchServiceFactory.create()
    text = html.unescape(read(staff, reverse(f"{SERVICE}_changelist")))
    for service, verbs in ((run.service, ("stop", "restart")), (idle, ("start",))):
        assert f'<a href="{service_page(service)}?tab=sample">Sample Collection</a>' in text
        for verb in ("start", "stop", "restart"):
            assert (reverse(f"{SERVICE}_ask", args=[service.pk, verb]) in text) == (verb in verbs)


def test_programs_retry_the_failed() -> None:
    run = BatchRunFactory.create(status=RunStatus.ALARM, total=2, done=1, failed=1)
    RunItemFactory.create(run=run, position=0)
    failed = {"status": ItemStatus.FAILED, "prediction": None, "error_code": "truncated_image", "error": "Half."}
    RunItemFactory.create(run=run, position=1, **failed)
    address = f"/api/v1/runs/{run.pk}/retry/"
    assert program("batchservices.view_batchrun").post(address).status_code == 403
    client = program("batchservices.start_batchservice")
    answer = client.post(address)
    assert (answer.status_code, answer.json()["status"]) == (202, "preparing")
    again = client.post(address)
    assert (again.status_code, again.json()["code"], again.json()["item"]) == (409, "already_running", run.pk)


def test_a_run_draws_its_classes_and_a_histogram_of_its_confidences(staff: Client) -> None:
    run = BatchRunFactory.create(total=4, done=4)
    sure = [0.12, 0.93, 0.97, 0.98]
    for position, confidence in enumerate(sure):
        RunItemFactory.create(run=run, position=position, confidence=confidence)
    text = read(staff, reverse(f"{RUN}_change", args=[run.pk]))
    assert str(histogram(bins_of(sure), title="How many predictions have which confidence, 0 to 1")) in text
    assert "tab=predictions&amp;label=cat" in text


def test_predictions_are_drawn_and_sorted_by_confidence_or_coefficient(staff: Client) -> None:
    run = BatchRunFactory.create(profile={"task": Task.OBJECT_DETECTION, "class_names": ["cat", "dog"]}, done=2)
    address = reverse(f"{RUN}_change", args=[run.pk])
    for position, (top, sure) in enumerate([(10, 0.9), (24, 0.4)]):
        said = {"detection_classes": ["cat"], "detection_boxes": [[top, 20, top + 30, 60]], "detection_scores": [sure]}
        RunItemFactory.create(run=run, position=position, name=f"{position}.jpg", confidence=sure, prediction=said)
    assert "Hardest first" not in read(staff, address, tab="predictions"), "no filter has looked at it"
    mining = MiningFactory.create(status=MiningStatus.FINISHED)
    CollectionTaskFactory.create(kind=CollectionKind.FILTER, run=run, service=run.service, mining=mining)
    for item, coefficient in zip(run.items.all(), (0.81, 0.15), strict=True):
        MiningItemFactory.create(
            mining=mining,
            position=item.position,
            sha256=item.sha256,
            coefficient=coefficient,
            flagged=coefficient > 0.5,
        )
    for order, words, names in (
        ("position", "In the order of the input", ["0.jpg", "1.jpg"]),
        ("confidence", "Least sure first", ["1.jpg", "0.jpg"]),
        ("coefficient", "Hardest first", ["0.jpg", "1.jpg"]),
    ):
        text = read(staff, address, tab="predictions", sort=order)
        assert f'?tab=predictions&amp;sort={order}" aria-current="true">{words}</a>' in text
        assert [text.index(f'title="{name}"') for name in names] == sorted(
            text.index(f'title="{each}"') for each in names
        )
    assert text.count('<svg class="hm-boxes"') == 2
    assert '<rect x="20.0" y="24.0" width="40.0" height="30.0"' in text
    assert "cat\u2069 0.40</title>" in text
    assert ">0.81</span>" in text
    assert text.count("Hard example</span>") == 1


def test_a_collection_task_says_how_long_it_took_what_it_counted_and_where_to(staff: Client) -> None:
    now = timezone.now()
    task = CollectionTaskFactory.create(
        status=CollectionStatus.DATASET_IMPORTED,
        cursor=19,
        total=19,
        added=11,
        already_there=5,
        failed=3,
        error="half.jpg: The image is cut off.",
        words="11 images added, 5 already there, 3 could not be taken.",
    )
    CollectionTask.objects.update(started_at=now - timedelta(seconds=205), finished_at=now - timedelta(seconds=5))
    job = reverse("labeling:job", args=[task.dataset.labeling_jobs.get().pk])
    tab = read(staff, service_page(task.service), tab="sample")
    shown = read(staff, reverse(f"{SERVICE}_task", args=[task.service_id, task.pk]))
    for text in (tab, shown):
        assert "3 min 20 s" in text
        assert "11 images added, 5 already there, 3 could not be taken." in text
        assert "half.jpg: The image is cut off." in text
        assert f'href="{job}?tab=' in text
    assert "Dataset imported</span></a>" in tab


@pytest.mark.usefixtures("own_storages")
def test_a_model_is_registered_from_where_it_lies(staff: Client) -> None:
    loop.put("inputs:models/digits.onnx", b"onnx")
    assert "Waiting for a worker." in register(staff, file="", location="inputs:models/digits.onnx")
    model = InferenceModel.objects.get()
    assert (model.source, model.status) == ("inputs:models/digits.onnx", "checking")


def test_class_names_come_from_a_file(staff: Client) -> None:
    for number, content in enumerate(
        (b"zebra\n# a comment\nant\n", b'["zebra", "ant"]', b'{"1": "ant", "0": "zebra"}')
    ):
        register(staff, name=f"digits {number}", class_names="", class_file=SimpleUploadedFile("classes.txt", content))
    assert [model.class_names for model in InferenceModel.objects.all()] == [["zebra", "ant"]] * 3


def test_a_model_that_was_not_shown_with_its_dry_run_is_not_offered_for_a_service(staff: Client) -> None:
    tried = InferenceModelFactory.create(name="not accepted", status="tried")
    ready = InferenceModelFactory.create(name="accepted")
    form = read(staff, reverse(f"{SERVICE}_add"))
    assert f'<option value="{ready.pk}">' in form
    assert f'<option value="{tried.pk}">' not in form
    body = {"name": "nightly", "model": tried.pk, "input_location": "inputs:a", "output_location": "outputs:a"}
    answer = program("batchservices.add_batchservice").post("/api/v1/services/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "model_not_ready")
    assert "is not ready: Dry run passed" in answer.json()["message"]
    assert not BatchService.objects.exists()
