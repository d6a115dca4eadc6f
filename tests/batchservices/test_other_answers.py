"""What the model before said about the inputs of a run, as the filter gets it."""

from typing import Any

import numpy as np
import pytest

from batchservices import registration, running
from batchservices.deployment import change, configure_filtering, deploy
from batchservices.models import BatchRun, InferenceModel, RunItem
from batchservices.other_answers import other_answers, run_of_another_model
from config.refusals import Refused
from datasets.models import Task
from hardexamples.filters import FilterChoices, create_filter
from tests import loop
from tests.corpus import onnx_models
from tests.factories import BatchRunFactory, BatchServiceFactory, RunItemFactory, StaffFactory

pytestmark = pytest.mark.django_db

NAMES = ("one", "two")
SHA256S = ("a" * 64, "b" * 64)


def ended(service: Any, predictor: str, classes: list[str], *, task: str = Task.IMAGE_CLASSIFICATION) -> BatchRun:
    profile = {"task": task, "class_names": classes}
    return BatchRunFactory.create(service=service, predictor=predictor, profile=profile, total=2, done=2)


def test_the_latest_run_of_another_model_of_the_service_is_chosen() -> None:
    service = BatchServiceFactory.create()
    ended(service, "first", ["cat"])
    other = ended(service, "second", ["cat"])
    ended(service, "third", ["cat"])
    ended(BatchServiceFactory.create(), "elsewhere", ["cat"])
    run = ended(service, "third", ["cat"])
    ended(service, "later", ["cat"])
    assert run_of_another_model(run) == other
    assert run_of_another_model(BatchRun.objects.earliest("pk")) is None
    assert other_answers(run, NAMES, SHA256S) is None


def test_what_a_run_is_compared_with_is_settled_when_it_starts() -> None:
    service = BatchServiceFactory.create()
    other = ended(service, "first", ["cat"])
    halted = ended(service, "second", ["cat"])
    BatchRun.objects.filter(pk=halted.pk).update(status="stopped", total=3)
    RunItemFactory.create(run=halted, status="pending", sha256="", prediction=None)
    run = ended(service, "third", ["cat"])
    assert run_of_another_model(run) == other
    with pytest.raises(Refused) as refusal:
        running.retry(run=halted, by=None)
    assert refusal.value.code == "a_newer_run"
    ended(service, "second", ["cat"])
    assert run_of_another_model(run) == other


def test_a_filter_may_decide_by_what_the_version_before_said_alone() -> None:
    service = deploy(
        name="pets", model=ready("cat"), input_location="inputs:night", output_location="outputs:pets", by=None
    )
    loop.put_digits("inputs:night", first=400, count=3)
    loop.run(service)
    service = change(
        service=service,
        by=None,
        name=service.name,
        model=ready("dog"),
        input_location=service.input_location,
        output_location=service.output_location,
    )
    choices = FilterChoices(
        comprehensive_algo_config="aug_consistent_mining:1.0",
        aug_op_config="",
        algo_hard_threshold=0.1,
        fusion="weights",
        second_look_images=0,
    )
    disagreement = create_filter(name="disagreement", by=StaffFactory.create(), choices=choices)
    configure_filtering(
        service=service, by=None, filtering=True, filter=disagreement, output_dataset_name="contradicted"
    )
    task = loop.collect(loop.run(service).collection_tasks.get())
    assert (task.status, task.mining.total, task.mining.flagged) == ("dataset_imported", 3, 3), task.words
    for sample in task.dataset.samples.all():
        (reason,) = sample.reasons.all()
        assert (reason.code, reason.rule) == (101, "other_model")
        assert reason.sentence == "another model said cat with 0.90; this one says dog with 0.90"


def ready(label: str) -> InferenceModel:
    """The next version of a model that is sure of one label, whatever it sees."""
    scores = [0.9 if name == label else 0.05 for name in onnx_models.CLASSES]
    profile = {
        "task": Task.IMAGE_CLASSIFICATION,
        "class_names": list(onnx_models.CLASSES),
        "input": {"name": "image", "width": onnx_models.SIDE, "height": onnx_models.SIDE},
        "output": {"kind": "probabilities", "scores": "scores"},
    }
    model = registration.register_model(name="pets", data=onnx_models.says(scores), by=None, profile=profile)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    return model


def test_classes_are_told_by_their_names() -> None:
    service = BatchServiceFactory.create()
    other, run = ended(service, "before", ["dog", "bird", "cat"]), ended(service, "now", ["cat", "dog", "cow"])
    said = np.array([0.1, 0.2, 0.7], "<f4")
    RunItemFactory.create(run=other, position=0, sha256=SHA256S[1], probabilities=said.tobytes())
    found = other_answers(run, NAMES, SHA256S)
    assert found is not None
    np.testing.assert_allclose(found.probabilities, [[np.nan] * 3, [0.7, 0.1, 0.0]])


def test_boxes_of_unknown_classes_are_left_out_and_unseen_images_are_not_empty_ones() -> None:
    service = BatchServiceFactory.create()
    task = Task.OBJECT_DETECTION
    other, run = ended(service, "before", ["dog", "cat"], task=task), ended(service, "now", ["cat"], task=task)
    said = {"detection_classes": ["cat", "dog"], "detection_boxes": [[1, 2, 30, 40], [0, 0, 9, 9]]}
    RunItemFactory.create(run=other, position=0, sha256=SHA256S[0], prediction=said | {"detection_scores": [0.75, 0.5]})
    found = other_answers(run, NAMES, SHA256S)
    assert found is not None
    assert [boxes.tolist() for boxes in found.boxes] == [[[2.0, 1.0, 40.0, 30.0]], []]
    assert found.box_confidences[0].tolist() == [0.75]
    assert found.answered.tolist() == [True, False]
    RunItem.objects.update(sha256="c" * 64)
    assert other_answers(run, NAMES, SHA256S) is None
