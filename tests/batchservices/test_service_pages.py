"""Batch services in the admin: deploying, settings, the pages of a service, the list."""

import pytest
from django.test import Client
from django.urls import reverse

from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    ModelStatus,
    RunStatus,
)
from datasets.models import Dataset, Task
from tests.batchservices.pages import RUN, SERVICE, act, deploy, read, send, service_page, synchronize
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
)

pytestmark = pytest.mark.django_db


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
        ({"timeout_minutes": 2}, "3 to 10,080 minutes"),
        ({"processes": 1001}, "less than or equal to 1000"),
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
    model = InferenceModelFactory.create()
    text = deploy(staff, model, **filtering)
    assert "1 class of" in text
    assert '<option value="Katze">' in text
    deploy(staff, model, mapped_model=model.pk, **{"label-0": "Katze"}, **filtering)
    service = BatchService.objects.get()
    assert service.label_mapping == {"cat": "Katze", "dog": "dog"}
    assert '<option value="Katze" selected>' in read(staff, reverse(f"{SERVICE}_filtering", args=[service.pk]))
    assert "cat → Katze" in read(staff, service_page(service))


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
        "processes": 3,
        "timeout_minutes": 90,
    }
    send(staff, address, answers)
    service.refresh_from_db()
    assert (service.name, service.input_location) == ("renamed", "inputs:other")
    assert (service.processes, service.timeout_minutes) == (3, 90)
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
