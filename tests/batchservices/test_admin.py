"""Models, batch services and runs in the admin: every page, every button, every refusal."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
    ItemStatus,
    ModelStatus,
    RunStatus,
)
from datasets.models import Dataset, Task
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardExampleFilterFactory,
    InferenceModelFactory,
    LabelFactory,
    MiningFactory,
    RunItemFactory,
    StaffFactory,
    UserFactory,
    image_bytes,
)

pytestmark = pytest.mark.django_db
MODEL, SERVICE, RUN = (f"admin:batchservices_{name}" for name in ("inferencemodel", "batchservice", "batchrun"))


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


@pytest.fixture
def inputs(own_storages: Path) -> None:
    """Three images in `inputs:street`."""
    folder = own_storages / "inputs" / "street"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(image_bytes(number))


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


# --- models ----------------------------------------------------------------------------------------------------------
def register(client: Client, **changed: object) -> str:
    answers = {
        "name": "digits",
        "file": SimpleUploadedFile("digits.onnx", b"not looked into by the web process"),
        "class_names": "zero\none\n\ntwo ",
        "task": "",
        "profile": "",
    }
    return send(client, reverse(f"{MODEL}_add"), answers | changed)


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


# --- deploying and settings ------------------------------------------------------------------------------------------
def deploy(client: Client, model: InferenceModel, **changed: object) -> str:
    answers = {
        "name": "street nightly",
        "description": "every night",
        "model": model.pk,
        "input_location": "inputs:street",
        "output_location": "outputs:street",
        "labeling_type": model.task,
        "filter": "",
        "training_manifest": "",
        "dataset": "",
        "new_dataset": "",
        "label_mapping": "",
    }
    return send(client, reverse(f"{SERVICE}_add"), answers | changed)


@pytest.mark.parametrize("number", ["9" * 30, "abc", "-1"])
def test_a_link_with_a_foreign_model_shows_the_empty_deploy_form(staff: Client, number: str) -> None:
    """No number is too large for the database."""
    assert staff.get(reverse(f"{SERVICE}_add"), {"model": number}).status_code == 200


def test_a_service_is_deployed_with_filtering_into_a_new_dataset(staff: Client) -> None:
    model, chosen = InferenceModelFactory.create(), HardExampleFilterFactory.create()
    text = read(staff, reverse(f"{SERVICE}_add"), model=model.pk)
    assert f'<option value="{model.pk}" selected>' in text
    assert "street nightly is deployed" in deploy(
        staff, model, filtering="on", filter=chosen.pk, new_dataset="street hard"
    )
    service = BatchService.objects.get()
    dataset = Dataset.objects.get(name="street hard")
    assert (service.filtering, service.filter, service.output_dataset) == (True, chosen, dataset)
    assert set(dataset.labels.values_list("name", flat=True)) == {"cat", "dog"}


def test_only_ready_models_are_offered(staff: Client) -> None:
    model = InferenceModelFactory.create(status=ModelStatus.REFUSED)
    assert "Select a valid choice" in deploy(staff, model)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"input_location": "/etc/passwd"}, "alias:"),
        ({"output_location": "nowhere:street"}, "nowhere"),
        ({"filtering": "on"}, "Choose a dataset, or write the name of a new one."),
        ({"labeling_type": Task.OBJECT_DETECTION, "filtering": "on", "new_dataset": "hard"}, "is a model for"),
        ({"label_mapping": "cat"}, "class = label"),
        ({"training_manifest": "datasets:nothing.manifest", "new_dataset": "hard"}, "datasets:nothing.manifest"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_a_wrong_service_is_refused_and_nothing_is_made(staff: Client, changed: dict, words: str) -> None:
    filters = {"filter": HardExampleFilterFactory.create().pk} if changed.get("filtering") else {}
    assert words in deploy(staff, InferenceModelFactory.create(), **(filters | changed))
    assert not BatchService.objects.exists()
    assert not Dataset.objects.exists()


def test_an_output_dataset_of_the_wrong_type_is_refused_at_its_field(staff: Client) -> None:
    dataset, chosen = DetectionDatasetFactory.create(name="boxes"), HardExampleFilterFactory.create()
    text = deploy(staff, InferenceModelFactory.create(), filtering="on", filter=chosen.pk, dataset=dataset.pk)
    assert "boxes is a dataset for object detection." in text
    assert not BatchService.objects.exists()


def test_classes_are_mapped_to_labels(staff: Client) -> None:
    dataset, chosen = DatasetFactory.create(), HardExampleFilterFactory.create()
    for name in ("Katze", "dog"):
        LabelFactory.create(dataset=dataset, name=name)
    filtering = {"filtering": "on", "filter": chosen.pk, "dataset": dataset.pk}
    assert "has no label for these classes" in deploy(staff, InferenceModelFactory.create(), **filtering)
    deploy(staff, InferenceModelFactory.create(), label_mapping="cat = Katze\n", **filtering)
    service = BatchService.objects.get()
    assert service.label_mapping == {"cat": "Katze", "dog": "dog"}
    assert "cat = Katze" in read(staff, reverse(f"{SERVICE}_filtering", args=[service.pk]))


def test_settings_are_changed_with_the_pencil(staff: Client) -> None:
    service = BatchServiceFactory.create()
    address = reverse(f"{SERVICE}_settings", args=[service.pk])
    assert service.name in read(staff, address)
    answers = {
        "name": "renamed",
        "description": "",
        "model": service.model_id,
        "input_location": "inputs:other",
        "output_location": service.output_location,
    }
    send(staff, address, answers)
    service.refresh_from_db()
    assert (service.name, service.input_location) == ("renamed", "inputs:other")
    BatchServiceFactory.create(name="taken")
    assert "There is a service taken already." in send(staff, address, answers | {"name": "taken"})


def test_filtering_is_switched_on_with_the_pencil_and_says_when_it_runs(staff: Client) -> None:
    run = BatchRunFactory.create()
    address = reverse(f"{SERVICE}_filtering", args=[run.service_id])
    assert read(staff, address)
    chosen = HardExampleFilterFactory.create()
    answers = {
        "filtering": "on",
        "labeling_type": "image_classification",
        "filter": chosen.pk,
        "training_manifest": "",
        "dataset": "",
        "new_dataset": "street hard",
        "label_mapping": "",
    }
    text = send(staff, address, answers)
    assert "Start the service again to filter" in text
    assert Dataset.objects.get().name == "street hard"


def test_a_service_with_runs_is_not_deleted(staff: Client) -> None:
    service = BatchRunFactory.create().service
    assert "it has runs" in send(staff, reverse(f"{SERVICE}_delete", args=[service.pk]), {"post": "yes"})
    unused = BatchServiceFactory.create()
    assert "Delete this service" in read(staff, service_page(unused))
    send(staff, reverse(f"{SERVICE}_delete", args=[unused.pk]), {"post": "yes"})
    assert list(BatchService.objects.all()) == [service]


# --- the page of a service -------------------------------------------------------------------------------------------
def test_a_new_service_says_what_to_do_on_every_tab(staff: Client) -> None:
    service = BatchServiceFactory.create(description="all cameras")
    text = read(staff, service_page(service))
    assert "Not started yet" in text
    assert "all cameras" in text
    assert "never started" in read(staff, service_page(service), tab="runs")
    assert "Nothing is predicted yet" in read(staff, service_page(service), tab="predictions")
    text = read(staff, service_page(service), tab="sample")
    assert "Nothing was collected yet" in text
    assert "Hard example filtering is off." in text
    assert read(staff, service_page(service), tab="nonsense")


def test_a_service_at_work_shows_progress_and_what_was_collected(staff: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.RUNNING, total=5000, done=1240)
    service = run.service
    mining = MiningFactory.create(flagged=212)
    task = CollectionTaskFactory.create(
        service=service,
        run=run,
        kind=CollectionKind.FILTER,
        mining=mining,
        status=CollectionStatus.DATASET_IMPORTED,
        added=200,
        already_labeled=12,
        words="212 hard examples.",
        error="half.jpg: The image is cut off.",
    )
    active = CollectionTaskFactory.create(service=service, status=CollectionStatus.IMPORTING, cursor=10, total=40)
    text = read(staff, service_page(service), tab="sample")
    job = task.dataset.labeling_jobs.get()
    assert f"{reverse('labeling:job', args=[job.pk])}?tab=to_be_confirmed" in text
    assert "Dataset imported" in text
    assert "212 hard examples." in text
    assert "half.jpg: The image is cut off." in text
    assert reverse(f"{SERVICE}_stop_collection", args=[service.pk, active.pk]) in text
    assert "1,240 of 5,000" in text
    assert "Stop" in text
    assert f"Run {run.pk}" in read(staff, service_page(service), tab="runs")
    assert "1,240 predictions" in read(staff, service_page(service), tab="predictions")


def test_start_and_stop(staff: Client, inputs: None) -> None:
    service = BatchServiceFactory.create()
    assert "is on its way" in send(staff, reverse(f"{SERVICE}_start", args=[service.pk]))
    assert "is running already" in send(staff, reverse(f"{SERVICE}_start", args=[service.pk]))
    assert BatchRun.objects.count() == 1
    assert "was told to stop" in send(staff, reverse(f"{SERVICE}_stop", args=[service.pk]))
    assert BatchRun.objects.get().status == RunStatus.STOPPED
    assert "is not running" in send(staff, reverse(f"{SERVICE}_stop", args=[service.pk]))


def test_start_without_input_is_refused_in_words(staff: Client) -> None:
    service = BatchServiceFactory.create()
    assert "has no input data" in send(staff, reverse(f"{SERVICE}_start", args=[service.pk]))
    assert not BatchRun.objects.exists()


def synchronize(client: Client, service: BatchService, **changed: object) -> str:
    answers = {"labeling_type": service.model.task, "dataset": "", "new_dataset": ""}
    return send(client, reverse(f"{SERVICE}_synchronize", args=[service.pk]), answers | changed)


def test_synchronize_into_a_new_dataset(staff: Client, inputs: None) -> None:
    service = BatchServiceFactory.create()
    assert "without filtering" in read(staff, reverse(f"{SERVICE}_synchronize", args=[service.pk]))
    assert "Choose a dataset" in synchronize(staff, service)
    assert "are going into street, unlabeled" in synchronize(staff, service, new_dataset="street")
    task = CollectionTask.objects.get()
    assert (task.kind, task.dataset.name) == (CollectionKind.SYNCHRONIZE, "street")
    stopping = reverse(f"{SERVICE}_stop_collection", args=[service.pk, task.pk])
    assert "was told to stop" in send(staff, stopping)
    assert "cannot become" in send(staff, stopping)


def test_synchronize_refuses_at_the_field(staff: Client, inputs: None) -> None:
    service, dataset = BatchServiceFactory.create(), DetectionDatasetFactory.create(name="boxes")
    assert "boxes is a dataset for object detection" in synchronize(staff, service, dataset=dataset.pk)
    assert "is a model for" in synchronize(staff, service, dataset=dataset.pk, labeling_type=Task.OBJECT_DETECTION)
    assert "not both" in synchronize(staff, service, dataset=DatasetFactory.create().pk, new_dataset="street")
    assert "There is a dataset boxes already" in synchronize(staff, service, new_dataset="boxes")
    assert not CollectionTask.objects.exists()


def test_progress_is_json_for_the_script(staff: Client) -> None:
    task = CollectionTaskFactory.create(status=CollectionStatus.IMPORTING, cursor=10, total=40)
    address = reverse(f"{SERVICE}_collection_progress", args=[task.service_id, task.pk])
    assert staff.get(address).json() == {"active": True, "share": 0.25, "words": "10 of 40"}
    assert staff.get(reverse(f"{SERVICE}_collection_progress", args=[task.service_id, 999])).status_code == 404
    run = BatchRunFactory.create(total=4, done=3, failed=1)
    said = staff.get(reverse(f"{RUN}_progress", args=[run.pk])).json()
    assert said == {"active": False, "share": 1.0, "words": "4 of 4 · 1 failed"}


# --- the list and its actions ----------------------------------------------------------------------------------------
def act(client: Client, action: str, *services: BatchService, **answers: object) -> str:
    posted = {"action": action, "_selected_action": [service.pk for service in services], **answers}
    return send(client, reverse(f"{SERVICE}_changelist"), posted)


def test_the_list_of_services_shows_the_last_run(staff: Client, django_assert_max_num_queries) -> None:
    assert "Deploy a model" in read(staff, reverse(f"{SERVICE}_changelist"))
    assert "Start a batch service" in read(staff, reverse(f"{RUN}_changelist"))
    for _ in range(5):
        BatchRunFactory.create(total=10, done=7, failed=3, status=RunStatus.ALARM)
    with django_assert_max_num_queries(16):
        text = read(staff, reverse(f"{SERVICE}_changelist"))
    assert text.count("10 of 10 · 3 failed") == 5
    assert "Alarm" in text


def test_actions_ask_first_then_do(staff: Client, inputs: None) -> None:
    services = [
        BatchServiceFactory.create(),
        BatchServiceFactory.create(),
        BatchServiceFactory.create(input_location="inputs:empty"),
    ]
    assert "2 batch services: a run begins" in act(staff, "start", *services[:2])
    assert "1 batch service: a run begins" in act(staff, "start", services[0])
    assert not BatchRun.objects.exists()
    text = act(staff, "start", *services, confirmed="yes")
    assert BatchRun.objects.count() == 2
    assert "has no input data" in text
    assert "stop" in act(staff, "stop", *services)
    text = act(staff, "stop", *services, confirmed="yes")
    assert "not running" in text
    assert not BatchRun.objects.exclude(status=RunStatus.STOPPED).exists()


def test_synchronize_data_to_dataset_is_an_action_with_a_form(staff: Client, inputs: None) -> None:
    services = [
        BatchServiceFactory.create(input_location="inputs:empty"),
        BatchServiceFactory.create(),
        BatchServiceFactory.create(),
    ]
    assert "labeling_type" in act(staff, "synchronize", *services)
    whole = {"labeling_type": "image_classification", "dataset": "", "confirmed": "yes"}
    assert "Choose a dataset" in act(staff, "synchronize", *services, **whole, new_dataset="")
    text = act(staff, "synchronize", *services, **whole, new_dataset="street")
    assert "has no input data" in text
    assert CollectionTask.objects.count() == 2
    assert Dataset.objects.get().name == "street"


# --- runs ------------------------------------------------------------------------------------------------------------
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
    assert "image 00050.jpg" not in first
    assert "after=49" in first
    assert "ModelArts JSON" in first
    second = read(staff, address, tab="predictions", after=49)
    assert "image 00050.jpg" in second
    assert "before=50" in second
    assert "image 00000.jpg" in read(staff, address, tab="predictions", before=50)
    assert "image 00001.jpg" not in read(staff, address, tab="predictions", label="dog")
    assert "The image is cut off." in read(staff, address, tab="failed")
    assert "half.jpg" not in read(staff, address, tab="predictions", after=58)
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
    for words in ("night shift", "street hard", "datasets:street/V001.manifest", "0.25", "label of / cat", "Katze"):
        assert words in text
    assert "label of / dog" not in text


def test_a_run_without_anything_is_a_page(staff: Client) -> None:
    run = BatchRunFactory.create(status=RunStatus.FAILED, error="The model file is gone.")
    address = reverse(f"{RUN}_change", args=[run.pk])
    assert "The model file is gone." in read(staff, address)
    assert "There are no predictions here" in read(staff, address, tab="predictions")
    assert "No image failed" in read(staff, address, tab="failed")
    assert "was off when this run was started" in read(staff, address, tab="settings")


# --- permissions -----------------------------------------------------------------------------------------------------
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
