"""Whatever a model does, the run ends with the error in words, the worker lives, and the stop button is heard."""

import hashlib
import json
import time

import numpy as np
import pytest

from batchservices import child, modelfiles, running
from batchservices.models import BatchService, InferenceModel, ItemStatus
from config.sandbox import Outcome, Questions
from tests import loop
from tests.corpus import onnx_models

pytestmark = pytest.mark.django_db

PROFILE = {
    "task": "image_classification",
    "class_names": list(onnx_models.CLASSES),
    "input": {"name": "image", "width": onnx_models.SIDE, "height": onnx_models.SIDE, "scale": [1 / 255]},
    "output": {"kind": "probabilities", "scores": "scores"},
}


def service_with(model: bytes) -> BatchService:
    """A service whose model got past its check, as one that waits for certain pixels would."""
    service = loop.service()
    sha256, _size = modelfiles.keep(model)
    assert sha256 == hashlib.sha256(model).hexdigest()
    InferenceModel.objects.filter(pk=service.model_id).update(sha256=sha256, profile=PROFILE, activations_tensor="")
    loop.put_digits("inputs:night", first=400, count=1)
    return BatchService.objects.get(pk=service.pk)


DEADLY = {
    "loops": (onnx_models.endless, "image_timeout", "took longer than 1 seconds"),
    "asks for 4 TB": (onnx_models.four_terabytes, "model_memory", "more memory than it may have"),
    "answers NaN": (lambda: onnx_models.says([np.nan, 0.5, 0.5]), "bad_scores", "not finite"),
    "answers too few": (lambda: onnx_models.says([0.5, 0.5]), "length_mismatch", "2 scores for 3 classes"),
}


@pytest.mark.parametrize("deed", DEADLY)
def test_a_run_ends_with_the_error_of_its_model_in_words(deed: str, settings) -> None:
    model, code, words = DEADLY[deed]
    patience = settings.IMAGE_DEADLINE_SECONDS
    settings.IMAGE_DEADLINE_SECONDS = 1
    run = loop.run(service_with(model()))
    assert (run.status, run.done, run.failed) == ("failed", 0, 1)
    assert words in run.error
    assert set(run.items.values_list("status", "error_code")) == {("failed", code)}
    assert all(words in error for error in run.items.values_list("error", flat=True))
    lines = [json.loads(line) for line in loop.content(run.manifest).splitlines()]
    assert all(words in line["error_message"] for line in lines)
    settings.IMAGE_DEADLINE_SECONDS = patience
    following = loop.run(loop.service(name="of the same worker"))
    assert (following.status, following.done) == ("finished", 1)


def test_what_crashes_the_process_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    service = loop.service()
    loop.put_digits("inputs:night", first=400, count=3)
    loop.put("inputs:night/0401.png", loop.content("inputs:night/0401.png") + b"crash")
    monkeypatch.setattr(child, "PREDICT_IMAGE", "tests.corpus.deadly_images:predict_image")
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("alarm", 2, 1)
    assert "0401.png: The image crashed the process that worked on it." in run.error


def test_the_stop_button_is_heard_within_seconds_and_native_code_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = running.start(service=service_with(onnx_models.endless()), by=None)
    take, stopped_at = child.take, []

    def stop_while_it_works(questions: Questions, *, within: float) -> Outcome | None:
        if not stopped_at:
            running.stop(run=run, by=None)
            stopped_at.append(time.monotonic())
        return take(questions, within=within)

    monkeypatch.setattr(child, "take", stop_while_it_works)
    running.execute(run.pk)
    assert time.monotonic() - stopped_at[0] < 5
    run.refresh_from_db()
    assert run.status == "stopped"
    assert set(run.items.values_list("status", flat=True)) == {ItemStatus.PENDING}
