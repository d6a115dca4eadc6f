"""Services are refused with the reason where they could not work; what is accepted works."""

import pytest

from batchservices.deployment import change, configure_filtering, deploy
from batchservices.models import BatchService, InferenceModel, ModelStatus
from batchservices.words import outlook
from config.refusals import Refused
from datasets.creation import create_dataset
from datasets.models import Dataset
from hardexamples.filters import MODELARTS, preset
from tests import loop
from tests.factories import BatchServiceFactory, DetectionDatasetFactory, InferenceModelFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> InferenceModel:
    return InferenceModelFactory(class_names=["cat", "dog"])


def place(model: InferenceModel, **changes: object) -> BatchService:
    values = {
        "name": "nightly",
        "model": model,
        "input_location": "inputs:street",
        "output_location": "outputs:street",
        "by": StaffFactory(),
    }
    return deploy(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": ""}, "bad_value", "name"),
        ({"name": "x" * 65}, "bad_value", "name"),
        ({"input_location": "/etc"}, "path_not_allowed", "input_location"),
        ({"input_location": "https://example.org/"}, "scheme_not_allowed", "input_location"),
        ({"input_location": "inputs:../x"}, "path_not_allowed", "input_location"),
        ({"input_location": "inputs:none.manifest"}, "source_not_found", "input_location"),
        ({"output_location": "inputs:street"}, "location_read_only", "output_location"),
        ({"output_location": "outputs:x.manifest"}, "not_a_folder", "output_location"),
        ({"timeout_minutes": 2}, "bad_value", "timeout_minutes"),
        ({"processes": 1001}, "bad_value", "processes"),
        ({"filtering": True}, "no_output_dataset", "output_dataset"),
        (
            {"filtering": True, "output_dataset_name": "d", "training_manifest": "outputs:x.csv"},
            "not_a_manifest",
            "training_manifest",
        ),
        (
            {"filtering": True, "output_dataset_name": "d", "training_manifest": "outputs:x.manifest"},
            "source_not_found",
            "training_manifest",
        ),
    ],
)
def test_what_could_not_work_is_refused_whole(model: InferenceModel, changes: dict, code: str, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        place(model, **changes)
    assert (refusal.value.code, refusal.value.where.get("field")) == (code, field)
    assert not BatchService.objects.exists()
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("status", [ModelStatus.CHECKING, ModelStatus.REFUSED])
def test_a_model_that_did_not_pass_its_dry_run_is_not_deployed(status: str) -> None:
    """Neither one that is still checked nor one that was refused."""
    unfit = InferenceModelFactory(status=status, error="The file is not an ONNX model.")
    with pytest.raises(Refused) as caught:
        deploy(name="street", model=unfit, input_location="inputs:a/", output_location="outputs:a/", by=None)
    assert (caught.value.code, caught.value.status, caught.value.where) == ("model_not_ready", 409, {"field": "model"})
    assert not BatchService.objects.exists()


def test_a_name_is_taken_once(model: InferenceModel) -> None:
    place(model)
    with pytest.raises(Refused) as refusal:
        place(model)
    assert (refusal.value.code, refusal.value.status) == ("name_exists", 409)


def test_a_new_output_dataset_has_the_models_task_and_classes(model: InferenceModel) -> None:
    service = place(model, filtering=True, output_dataset_name="street hard")
    assert service.output_dataset.name == "street hard"
    assert service.output_dataset.task == model.task
    assert {label.name for label in service.output_dataset.labels.all()} == {"cat", "dog"}
    assert service.label_mapping == {"cat": "cat", "dog": "dog"}
    assert service.filter == preset()


def test_an_output_dataset_of_another_type_is_refused_by_the_verb(model: InferenceModel) -> None:
    service = BatchServiceFactory(model=model)
    with pytest.raises(Refused) as refusal:
        configure_filtering(service=service, by=None, filtering=True, output_dataset=DetectionDatasetFactory())
    assert (refusal.value.code, refusal.value.where["field"]) == ("type_mismatch", "output_dataset")
    service.refresh_from_db()
    assert not service.filtering


def test_classes_without_a_label_are_listed(model: InferenceModel) -> None:
    service = BatchServiceFactory(model=model)
    dataset = create_dataset(name="pets", task=model.task, by=None, labels=["cat", "hound"])
    with pytest.raises(Refused, match="dog") as refusal:
        configure_filtering(service=service, by=None, filtering=True, output_dataset=dataset)
    assert refusal.value.code == "unmapped_classes"
    configured = configure_filtering(
        service=service, by=None, filtering=True, output_dataset=dataset, label_mapping={"dog": "hound"}
    )
    assert configured.label_mapping == {"cat": "cat", "dog": "hound"}


def test_a_new_model_must_fit_the_output_dataset(model: InferenceModel) -> None:
    service = place(model, filtering=True, output_dataset_name="street hard")
    detector = InferenceModelFactory(task="object_detection", class_names=["cat", "dog"])
    stranger = InferenceModelFactory(class_names=["cat", "cow"])
    for other, code in ((detector, "type_mismatch"), (stranger, "unmapped_classes")):
        with pytest.raises(Refused) as refusal:
            change(
                service=service,
                by=None,
                name=service.name,
                model=other,
                input_location=service.input_location,
                output_location=service.output_location,
            )
        assert refusal.value.code == code
    service.refresh_from_db()
    assert service.model == model


def test_filtering_can_be_switched_off_and_on_and_the_words_say_what_follows(model: InferenceModel) -> None:
    service = place(model, filtering=True, output_dataset_name="street hard", filter=preset(MODELARTS))
    assert "Start the service" in outlook(service).words
    dataset = service.output_dataset
    service = configure_filtering(service=service, by=None, filtering=False, output_dataset=dataset)
    assert outlook(service).words == "Hard example filtering is off."
    before = service.filtering_changed_at
    service = configure_filtering(service=service, by=None, filtering=True, output_dataset=dataset)
    assert service.filtering
    assert service.filtering_changed_at > before


def test_a_training_manifest_can_be_a_published_one(model: InferenceModel) -> None:
    loop.put("datasets:versions/V001.manifest", loop.manifest_line("inputs:a.png", "cat"))
    service = place(
        model, filtering=True, output_dataset_name="hard", training_manifest="datasets:versions/V001.manifest"
    )
    assert service.training_manifest == "datasets:versions/V001.manifest"
