"""Models in the admin: every page, every button, every refusal."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from batchservices import modelfiles, registration
from batchservices.model_figures import use_of
from batchservices.models import (
    InferenceModel,
    ModelStatus,
)
from batchservices.profile import Profile
from batchservices.proposal import IMAGENET_MEAN
from tests import loop
from tests.batchservices.pages import MODEL, SERVICE, read, register, send
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    InferenceModelFactory,
    LabelFactory,
    MiningFactory,
    ModelSampleFactory,
    PredictionFactory,
    ReviewEventFactory,
    SampleFactory,
    image_bytes,
)

pytestmark = pytest.mark.django_db


TRIED = {
    "task": "image_classification",
    "class_names": loop.CLASSES,
    "profile": Profile.from_dict(loop.PROFILE).as_dict(),
    "status": ModelStatus.TRIED,
    "report": {
        "inspection": {
            "inputs": [{"name": "X", "dtype": "float32", "shape": [None, 64]}],
            "outputs": [
                {"name": "label", "dtype": "int64", "shape": [None]},
                {"name": "probabilities", "dtype": "float32", "shape": [None, 10]},
            ],
            "nodes": 12,
            "opset": 17,
            "producer": "skl2onnx",
        },
        "proposal": {"why": {"input.layout": {"sure": "guess", "because": "The input is one row of 64 numbers."}}},
        "dry_run": {"seconds": 0.0123, "deterministic": True, "images": 2, "activations": 24},
    },
}
"""A model after its dry run, as a worker leaves it."""


def tried(**changed: object) -> InferenceModel:
    model = InferenceModelFactory.create(name="digits", **(TRIED | changed))
    ModelSampleFactory.create(model=model, position=0)
    modelfiles.keep(b"a model")
    return model


def answers_of(page: str) -> dict[str, str]:
    """What a browser would send of the form of the profile if nobody touched it."""
    found = dict(re.findall(r'<input[^>]*name="((?:input|output)_\w+)"[^>]*?value="([^"]*)"', page))
    found |= {name: value for value, name in re.findall(r'value="([^"]*)"[^>]*name="((?:input|output)_\w+)"', page)}
    for name, options in re.findall(
        r'<select[^>]*name="((?:input|output|pixels)\w*)".*?>(.*?)</select>', page, re.DOTALL
    ):
        found[name] = re.search(r'value="([^"]*)"\s+selected', options)[1]
    return found | {"class_names": "\n".join(loop.CLASSES)}


def page_of(model: InferenceModel) -> str:
    return reverse(f"{MODEL}_change", args=[model.pk])


def test_a_registered_model_waits_for_its_dry_run(staff: Client) -> None:
    assert "A worker reads the graph in a sandbox" in read(staff, reverse(f"{MODEL}_add"))
    shown = register(staff, sample_files=[SimpleUploadedFile("a.png", image_bytes())])
    assert "Waiting for a worker." in shown
    model = InferenceModel.objects.get()
    assert (model.status, model.at_once) == (ModelStatus.CHECKING, False)
    assert model.class_names == ["zero", "one", "two"]
    assert [sample.name for sample in model.samples.all()] == ["a.png"]
    assert register(staff)
    assert InferenceModel.objects.get(version=2).name == "digits"


def test_the_page_tells_how_far_a_worker_is(staff: Client) -> None:
    model = InferenceModelFactory.create(status=ModelStatus.CHECKING)
    address = reverse(f"{MODEL}_progress", args=[model.pk])
    assert staff.get(address).json() == {"active": True, "share": None, "words": "Waiting for a worker."}
    InferenceModel.objects.update(lease_token="x")
    assert staff.get(address).json()["words"] == "Reading the graph."
    InferenceModel.objects.update(profile={"task": "image_classification"})
    assert staff.get(address).json()["words"] == "Trying it on a gray picture."
    ModelSampleFactory.create(model=model)
    assert staff.get(address).json()["words"] == "Trying it on sample images: 1 of 1."
    InferenceModel.objects.update(status=ModelStatus.READY)
    assert not staff.get(address).json()["active"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"file": ""}, "Choose a file, or write where it lies."),
        ({"location": "inputs:a.onnx"}, "Not both."),
        ({"file": "", "location": "inputs:a.onnx"}, "There is no file inputs:a.onnx."),
        ({"file": "", "location": "/etc/passwd"}, "This is not a place inside one of the locations"),
        ({"file": SimpleUploadedFile("a.onnx", b"PK\x03\x04")}, "a ZIP archive, as PyTorch and Keras write them"),
        ({"file": SimpleUploadedFile("a.onnx", b"")}, "The file is empty."),
        ({"class_names": "[1]"}, "Write a list of names"),
        ({"class_file": SimpleUploadedFile("a.txt", b"\xff\xfe\x00")}, "The file is no text in UTF-8."),
        ({"sample_location": "inputs:nothing"}, "There are no images in inputs:nothing."),
        ({"name": " "}, "This field is required"),
    ],
)
def test_a_wrong_model_is_refused_at_its_field(staff: Client, changed: dict, words: str) -> None:
    assert words in register(staff, **changed)
    assert not InferenceModel.objects.exists()


def test_a_file_above_the_limit_is_refused_in_words(staff: Client, settings) -> None:
    settings.MODEL_LIMIT_MIB = 0
    assert "at most" in register(staff)


def test_class_names_come_from_a_dataset(staff: Client) -> None:
    dataset = DatasetFactory.create(name="street")
    assert "street has no labels." in register(staff, class_dataset=dataset.pk)
    for name in ("zebra", "ant"):
        LabelFactory.create(dataset=dataset, name=name)
    register(staff, class_dataset=dataset.pk, class_names="")
    assert InferenceModel.objects.get().class_names == ["zebra", "ant"]


def test_the_form_shows_what_was_read_and_why_it_was_proposed(staff: Client) -> None:
    page = read(staff, page_of(tried()))
    for words in (
        "Passed its dry run.",
        "float32 · any × 64",
        "<span>Guess:</span> The input is one row of 64 numbers.",
        "0.012 s",
        "24 numbers",
        "12 nodes, opset 17, by skl2onnx",
        "street_0412.jpg",
        "0.930",
    ):
        assert words in page, words
    assert answers_of(page)["pixels"] == "1"


def test_the_dry_run_is_drawn_on_its_picture(staff: Client) -> None:
    model = InferenceModelFactory.create(task="object_detection", status=ModelStatus.READY)
    said = {"detection_classes": ["<b>tree"], "detection_boxes": [[10, 20, 30, 60]], "detection_scores": [0.93]}
    ModelSampleFactory.create(model=model, position=0, prediction=said)
    ModelSampleFactory.create(model=model, position=1, prediction=None, picture=None, error="The image is cut off.")
    page = read(staff, page_of(model))
    assert '<rect x="20.0" y="10.0" width="40.0" height="20.0"/>' in page
    assert "&lt;b&gt;tree 0.93" in page
    assert "The image is cut off." in page
    address = reverse(f"{MODEL}_picture", args=[model.pk, 0])
    picture = staff.get(address)
    assert (picture.content, picture["Content-Type"]) == (b"a small JPEG", "image/jpeg")
    assert "sandbox" in picture["Content-Security-Policy"]
    assert staff.get(address, headers={"If-None-Match": picture["ETag"]}).status_code == 304
    assert staff.get(reverse(f"{MODEL}_picture", args=[model.pk, 1])).status_code == 404


def test_a_changed_profile_is_tried_again_without_the_file(staff: Client) -> None:
    model = tried()
    answers = answers_of(read(staff, page_of(model)))
    address = reverse(f"{MODEL}_try", args=[model.pk])
    assert "Waiting for a worker." in send(staff, address, answers | {"pixels": "imagenet", "input_color": "BGR"})
    model.refresh_from_db()
    assert model.status == ModelStatus.CHECKING
    assert model.profile["input"]["mean"] == IMAGENET_MEAN
    assert model.profile["input"]["color"] == "BGR"
    assert model.profile["output"] == Profile.from_dict(loop.PROFILE).as_dict()["output"]
    assert "its profile cannot change now" in send(staff, address, answers)


def test_an_untouched_profile_stays_the_same(staff: Client) -> None:
    model = tried()
    before = registration.predictor_of(model)
    send(staff, reverse(f"{MODEL}_try", args=[model.pk]), answers_of(read(staff, page_of(model))))
    model.refresh_from_db()
    assert (model.status, registration.predictor_of(model)) == (ModelStatus.CHECKING, before)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"input_width": "0"}, "input.width must be a whole number from 1"),
        ({"input_width": "wide"}, "Enter a whole number."),
        ({"pixels": "own", "input_mean": "1, x"}, "divided by commas"),
        ({"pixels": "own", "input_mean": "0", "input_scale": "0"}, "may not be 0"),
        ({"input_dtype": "uint8"}, "uint8 takes pixels as they are"),
        ({"output_kind": "boxes_scores_classes"}, "output.boxes must not be empty"),
        ({"class_names": "a\na"}, "names a class twice"),
        ({"class_names": ""}, "must be a list of 1 to"),
        ({"sample_location": "inputs:nothing"}, "There are no images in inputs:nothing."),
        ({"input_layout": "sideways"}, "Select a valid choice"),
    ],
)
def test_a_wrong_profile_is_refused_at_its_field(staff: Client, changed: dict, words: str) -> None:
    model = tried()
    answers = answers_of(read(staff, page_of(model)))
    page = send(staff, reverse(f"{MODEL}_try", args=[model.pk]), answers | changed)
    assert words in page
    assert "look at the fields marked below" in page
    model.refresh_from_db()
    assert model.status == ModelStatus.TRIED


def test_a_model_is_accepted_by_who_looked(staff: Client) -> None:
    model = tried()
    assert "Accept</button>" in read(staff, page_of(model))
    page = send(staff, reverse(f"{MODEL}_accept", args=[model.pk]))
    assert "is ready. Deploy it" in page
    assert "Accepted by" in page
    assert "Change in a new version" in page
    assert "cannot become ready" in send(staff, reverse(f"{MODEL}_accept", args=[model.pk]))


def test_a_model_nobody_looked_at_is_not_accepted(staff: Client) -> None:
    model = InferenceModelFactory.create(**TRIED)
    assert "disabled" in read(staff, page_of(model))
    assert "tried on no image yet" in send(staff, reverse(f"{MODEL}_accept", args=[model.pk]))


def test_a_version_is_compared_with_the_one_before(staff: Client) -> None:
    before = tried(status=ModelStatus.READY, version=1)
    run = BatchRunFactory.create(service__model=before, model=before, done=90, failed=10)
    mining = MiningFactory.create(total=90, flagged=9)
    CollectionTaskFactory.create(kind="filter", run=run, service=run.service, mining=mining)
    profile = {
        **before.profile,
        "class_names": [*loop.CLASSES, "blot"],
        "input": {**before.profile["input"], "color": "RGB"},
    }
    model = tried(version=2, profile=profile, class_names=profile["class_names"], sha256="1" * 64)
    page = read(staff, page_of(model))
    for words in ("Against version", "with: blot", "RGB: red, green, blue", "9 of 90 (10.0%)", "90, 10 failed"):
        assert words in page, words
    assert f"Run {run.pk} of" in read(staff, page_of(before))


def test_corrections_of_a_models_predictions_are_counted() -> None:
    run = BatchRunFactory.create(predictor="a:b")
    dataset = DatasetFactory.create()
    CollectionTaskFactory.create(kind="chosen", run=run, service=run.service, dataset=dataset)
    for outcome in ("unchanged", "label_changed", "label_changed"):
        sample = SampleFactory.create(dataset=dataset)
        PredictionFactory.create(sample=sample, predictor="a:b")
        ReviewEventFactory.create(sample=sample, dataset=dataset, verb="confirm", outcome=outcome)
    ReviewEventFactory.create(sample=SampleFactory.create(dataset=dataset), dataset=dataset, verb="confirm")
    use = use_of(run.model)
    assert (use.reviewed, use.corrected) == (3, 2)
    assert ("Corrected by people", "2 of 3 (66.7%)") in use.words


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
