"""The rules of sample collection, in the words that people read on the pages and programs get from the API."""

import html
import json

import pytest
from django.test import Client
from django.urls import reverse

from batchservices.models import (
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    RunStatus,
)
from datasets.models import Dataset, Label, VersionStatus
from tests import loop
from tests.batchservices.pages import SERVICE, read, send, service_page, synchronize
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    DatasetVersionFactory,
    DetectionDatasetFactory,
    HardExampleFilterFactory,
    InferenceModelFactory,
    LabelFactory,
    MiningFactory,
)
from tests.programs import program

pytestmark = pytest.mark.django_db

OF_A_SERVICE = ("view", "change", "start", "synchronize")
BOXES = {"type": "modelarts/object_detection", "annotation-loc": "inputs:a.xml"}


@pytest.fixture
def service(own_storages) -> BatchService:
    """A classifier of cats and dogs, without filtering and without input."""
    model = InferenceModelFactory.create(name="pets")
    return BatchServiceFactory.create(name="nightly", model=model, filter=HardExampleFilterFactory.create())


def pets(*labels: str) -> Dataset:
    """A dataset of whole images with labels."""
    dataset = DatasetFactory.create(name="hard pets")
    for name in labels:
        LabelFactory.create(dataset=dataset, name=name)
    return dataset


def configured(staff: Client, service: BatchService, **answers: object) -> tuple[str, dict]:
    """What people read after they have filled in the form of filtering, and what programs get for the same."""
    whole = {
        "filtering": True,
        "filter": service.filter_id,
        "training_manifest": "",
        "dataset": None,
        **answers,
    }
    form = {name: "" if value is None else value for name, value in whole.items()}
    form |= {"labeling_type": "image_classification", "training_version": "", "new_dataset": ""}
    page = send(staff, reverse(f"{SERVICE}_filtering", args=[service.pk]), form)
    body = {**whole, "output_dataset": whole["dataset"]}
    del body["dataset"]
    answer = api().put(f"/api/v1/services/{service.pk}/filtering/", body).json()
    service.refresh_from_db()
    return html.unescape(page), answer


def api():
    return program(*(f"batchservices.{verb}_batchservice" for verb in OF_A_SERVICE))


def sample_tab(staff: Client, service: BatchService) -> str:
    return html.unescape(read(staff, service_page(service), tab="sample"))


def told(service: BatchService) -> tuple[str, str]:
    """What programs are told becomes of the hard examples: in a word or two, and why."""
    shown = api().get(f"/api/v1/services/{service.pk}/filtering/").json()
    return shown["state"], shown["words"]


def test_no_input_nothing_to_synchronize(staff: Client, service: BatchService) -> None:
    words = "nightly has no input data, so there is nothing to synchronize. Put images into inputs:street."
    assert words in html.unescape(synchronize(staff, service, new_dataset="all pets"))
    dataset = pets("cat", "dog")
    answer = api().post(f"/api/v1/services/{service.pk}/synchronize/", {"dataset": dataset.pk})
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (400, "no_input", words)
    assert not CollectionTask.objects.exists()
    assert Dataset.objects.get() == dataset


def test_off_while_the_run_finished_nothing_ever_runs_for_it(staff: Client, service: BatchService) -> None:
    BatchRunFactory.create(service=service, total=3, done=3)
    words = "Hard example filtering is off. Nothing is filtered when a run ends while it is off."
    assert words in sample_tab(staff, service)
    assert told(service) == ("Off", words)


def test_configured_afterwards_a_restart_is_needed_or_the_finished_run_is_filtered(
    staff: Client, service: BatchService
) -> None:
    profile = {"task": "image_classification", "class_names": ["cat", "dog"]}
    run = BatchRunFactory.create(service=service, profile=profile, total=3, done=3)
    address = f"/api/v1/runs/{run.pk}/filter/"
    off = api().post(address).json()
    assert off["code"] == "filtering_off"
    assert off["message"].startswith("Hard example filtering of nightly is off. Switch it on first")

    page, _ = configured(staff, service, dataset=pets("cat", "dog").pk)
    words = (
        f"Filtering was off when run {run.pk} started, so nothing was filtered when it ended. "
        f"Start the service again to filter, or filter run {run.pk} now from its kept predictions."
    )
    assert words in page
    assert "Filter the finished run" in page
    assert told(service) == ("Waiting for a start", words)

    answer = api().post(address)
    assert (answer.status_code, answer.json()["status"], answer.json()["run"]) == (202, "waiting", run.pk)
    again = api().post(address).json()
    assert (again["code"], again["item"]) == ("already_filtering", answer.json()["id"])
    assert again["message"].endswith(f"is being filtered into hard pets already: task {answer.json()['id']}.")


def test_a_service_that_runs_was_configured_too_late(staff: Client, service: BatchService) -> None:
    run = BatchRunFactory.create(service=service, status=RunStatus.RUNNING, total=3)
    page, _ = configured(staff, service, dataset=pets("cat", "dog").pk)
    words = (
        f"Filtering was off when run {run.pk} started, so nothing is filtered when it ends. "
        "Restart the service to filter."
    )
    assert words in page
    assert told(service) == ("Waiting for the run", words)


def test_the_output_dataset_must_be_of_the_models_type(staff: Client, service: BatchService) -> None:
    page, answer = configured(staff, service, dataset=DetectionDatasetFactory.create(name="boxes").pk)
    assert "boxes is a dataset for object detection." in page
    assert (answer["code"], answer["field"]) == ("type_mismatch", "output_dataset")
    assert answer["message"] == (
        "boxes is for object detection, the model is for image classification. Choose a dataset of the same type."
    )
    assert not service.filtering


def test_the_training_manifest_must_label_for_the_models_type(staff: Client, service: BatchService) -> None:
    loop.put("inputs:boxes.manifest", json.dumps({"source": "inputs:a.png", "annotation": [BOXES]}).encode())
    dataset = pets("cat", "dog")
    words = (
        "inputs:boxes.manifest labels images for object detection, the model is for image classification. "
        "Name the manifest that the model was trained on."
    )
    page, answer = configured(staff, service, dataset=dataset.pk, training_manifest="inputs:boxes.manifest")
    assert words in page
    assert (answer["code"], answer["field"], answer["message"]) == ("type_mismatch", "training_manifest", words)
    assert not service.filtering


@pytest.mark.parametrize("place", ["inputs:train", "inputs:train.csv"])
def test_only_a_manifest_is_taken_as_training_set(staff: Client, service: BatchService, place: str) -> None:
    words = "Only a .manifest file says which images were labeled how; name one, such as that of a version."
    page, answer = configured(staff, service, dataset=pets("cat", "dog").pk, training_manifest=place)
    assert words in page
    assert (answer["code"], answer["field"], answer["message"]) == ("not_a_manifest", "training_manifest", words)
    assert not service.filtering


def test_the_manifest_of_a_published_version_is_chosen_by_its_name(staff: Client, service: BatchService) -> None:
    loop.put("datasets:pets/V001.manifest", loop.manifest_line("inputs:a.png", "cat"))
    published = {"status": VersionStatus.PUBLISHED, "sha256": "0" * 64, "manifest": "datasets:pets/V001.manifest"}
    version = DatasetVersionFactory.create(dataset__name="pets", name="V001", sample_count=1200, **published)
    DatasetVersionFactory.create(dataset=version.dataset, name="V002")
    address = reverse(f"{SERVICE}_filtering", args=[service.pk])
    offered = html.unescape(read(staff, address))
    assert "image classification, 1,200 images" in offered
    assert "V002" not in offered
    answers = {
        "filtering": "on",
        "labeling_type": "image_classification",
        "filter": service.filter_id,
        "training_version": version.pk,
        "training_manifest": "inputs:train.manifest",
        "dataset": pets("cat", "dog").pk,
        "new_dataset": "",
    }
    assert "Choose a published version or name a file, not both." in send(staff, address, answers)
    assert "datasets:pets/V001.manifest" not in read(staff, service_page(service))
    send(staff, address, answers | {"training_manifest": ""})
    service.refresh_from_db()
    assert service.training_manifest == "datasets:pets/V001.manifest"
    assert f'<option value="{version.pk}" selected>' in read(staff, address)


def test_training_images_that_are_missing_are_listed(staff: Client, service: BatchService) -> None:
    missing = ["inputs:train/0003.png", "inputs:train/0007.png"]
    run = BatchRunFactory.create(service=service)
    task = CollectionTaskFactory.create(
        kind=CollectionKind.FILTER,
        service=service,
        run=run,
        mining=MiningFactory.create(total=40, flagged=4, reference_missing=250),
        status=CollectionStatus.DATASET_IMPORTED,
        missing=missing,
    )
    page = html.unescape(read(staff, reverse(f"{SERVICE}_task", args=[service.pk, task.pk])))
    assert "Training images that could not be read" in page
    assert "the first 2 of 250; the filter did without them" in page
    for name in missing:
        assert f"<code>{name}</code>" in page
    client = program("batchservices.view_collectiontask")
    assert client.get(f"/api/v1/collection_tasks/{task.pk}/").json()["missing"] == missing


def test_classes_without_a_label_are_listed_and_none_is_made(staff: Client, service: BatchService) -> None:
    words = "hard pets has no label for these classes of the model: dog. Map them to labels it has."
    dataset = pets("cat", "hound")
    page, answer = configured(staff, service, dataset=dataset.pk)
    assert words in page
    assert "1 class of" in page
    assert "none is made by itself." in page
    assert (answer["code"], answer["field"], answer["message"]) == ("unmapped_classes", "label_mapping", words)
    assert not service.filtering
    body = {"filtering": True, "output_dataset": dataset.pk, "label_mapping": {"dog": "hound"}}
    answer = api().put(f"/api/v1/services/{service.pk}/filtering/", body).json()
    assert answer["label_mapping"] == {"cat": "cat", "dog": "hound"}
    assert set(Label.objects.values_list("name", flat=True)) == {"cat", "hound"}


def test_classes_of_another_model_are_mapped_where_the_model_is_changed(staff: Client, service: BatchService) -> None:
    dataset = pets("cat", "dog", "bird")
    configured(staff, service, dataset=dataset.pk)
    other = InferenceModelFactory.create(name="birds", class_names=["cat", "sparrow"])
    words = "hard pets has no label for these classes of the model: sparrow. Map them to labels it has."
    address = f"/api/v1/services/{service.pk}/"
    answer = api().patch(address, {"model": other.pk})
    assert (answer.status_code, answer.json()["message"]) == (400, words)

    form = {
        "name": service.name,
        "description": "",
        "model": other.pk,
        "input_location": service.input_location,
        "output_location": service.output_location,
    }
    pencil = reverse(f"{SERVICE}_settings", args=[service.pk])
    assert "Classes and labels" not in read(staff, pencil)
    asked = html.unescape(send(staff, pencil, form))
    assert words in asked
    assert '<option value="bird">bird</option>' in asked
    send(staff, pencil, form | {"mapped_model": other.pk, "label-0": "cat", "label-1": "bird"})
    service.refresh_from_db()
    assert service.model == other
    assert service.label_mapping == {"cat": "cat", "sparrow": "bird"}

    changed = api().patch(address, {"label_mapping": {"sparrow": "dog"}}).json()
    assert changed["label_mapping"] == {"cat": "cat", "sparrow": "dog"}
    api().put(f"{address}filtering/", {"filtering": False})
    refused = api().patch(address, {"label_mapping": {"sparrow": "dog"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "filtering_off")
    assert set(Label.objects.values_list("name", flat=True)) == {"cat", "dog", "bird"}
