"""Only a manifest that labels images for what the model predicts is taken as its training set."""

import json

import pytest

from batchservices.deployment import change, configure_filtering
from batchservices.models import BatchService
from batchservices.training import FIRST_LINES, check_training
from config.refusals import Refused
from tests import loop
from tests.factories import InferenceModelFactory

pytestmark = pytest.mark.django_db

CLASSIFIES, DETECTS = "image_classification", "object_detection"


def detection_line(source: str) -> bytes:
    annotation = {"type": "modelarts/object_detection", "annotation-loc": "inputs:a.xml"}
    return json.dumps({"source": source, "annotation": [annotation]}).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "task", "words"),
    [
        (detection_line("inputs:a.png"), CLASSIFIES, "labels images for object detection, the model is for image cl"),
        (loop.manifest_line("inputs:a.png", "cat"), DETECTS, "labels images for image classification, the model is"),
        (b'{"source": "inputs:a.png"}\n', CLASSIFIES, r"No line of inputs:train\.manifest labels an image"),
        (b"", CLASSIFIES, "labels an image"),
        (b"<html>", CLASSIFIES, "HTML"),
    ],
)
def test_what_is_no_training_set_of_the_model_is_refused(content: bytes, task: str, words: str) -> None:
    loop.put("inputs:train.manifest", content)
    with pytest.raises(Refused, match=words) as refusal:
        check_training("inputs:train.manifest", task=task)
    assert refusal.value.where == {"field": "training_manifest"}


def test_a_folder_or_a_table_is_no_training_set() -> None:
    for place in ("inputs:train", "inputs:train.csv"):
        with pytest.raises(Refused, match=r"Only a \.manifest file says which images were labeled how"):
            check_training(place, task=CLASSIFIES)


def test_a_request_looks_at_the_first_lines_and_the_task_at_all() -> None:
    unlabeled = b'{"source": "inputs:a.png"}\n' * FIRST_LINES
    loop.put("inputs:train.manifest", unlabeled + detection_line("inputs:b.png"))
    check_training("inputs:train.manifest", task=CLASSIFIES, lines=FIRST_LINES)
    with pytest.raises(Refused, match="object detection"):
        check_training("inputs:train.manifest", task=CLASSIFIES)


def test_a_detection_manifest_is_refused_when_a_classifier_is_configured_with_it() -> None:
    loop.put("inputs:boxes.manifest", detection_line("inputs:a.png"))
    service = loop.service()
    with pytest.raises(Refused, match="object detection") as refusal:
        configure_filtering(
            service=service,
            by=None,
            filtering=True,
            output_dataset_name="night",
            training_manifest="inputs:boxes.manifest",
        )
    assert refusal.value.code == "type_mismatch"


def test_a_manifest_that_was_exchanged_since_fails_the_task_in_words() -> None:
    service = filtering_service()
    loop.put_digits("inputs:night", first=400, count=3)
    run = loop.run(service)
    loop.put("outputs:train.manifest", detection_line("inputs:a.png"))
    task = loop.collect(run.collection_tasks.get())
    assert (task.status, task.error_code) == ("failed", "type_mismatch")
    assert task.words.startswith("Failed: outputs:train.manifest labels images for object detection")


def filtering_service() -> BatchService:
    return loop.service(
        filtering=True, output_dataset_name="night", training_manifest=loop.put_training_manifest(count=60)
    )


def test_another_model_must_fit_the_training_set_as_well() -> None:
    service = filtering_service()
    detector = InferenceModelFactory(task=DETECTS, class_names=loop.CLASSES)
    with pytest.raises(Refused, match="the model is for object detection"):
        change(
            service=service,
            by=None,
            name=service.name,
            model=detector,
            input_location=service.input_location,
            output_location=service.output_location,
        )


def test_training_images_that_are_missing_are_listed(own_storages) -> None:
    service = filtering_service()
    loop.put_digits("inputs:night", first=400, count=3)
    for number in (3, 7):
        (own_storages / f"inputs/train/{number:04}.png").unlink()
    task = loop.collect(loop.run(service).collection_tasks.get())
    assert task.status == "dataset_imported"
    assert task.missing == ["inputs:train/0003.png", "inputs:train/0007.png"]
    assert "Of the training manifest, 2 could not be read." in task.words
