"""The one limited child process of this worker: it runs the model, and prepares images for intake.

One per thread, since a child dies with the thread that started it; a Celery worker's process has one thread.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from django.conf import settings

from batchservices import modelfiles
from batchservices.models import BatchRun
from config.refusals import Refused
from config.sandbox import Outcome, Questions, Sandbox
from datasets.preparation import Prepared

LOAD_DEADLINE = 120.0
PREDICT_IMAGE = "batchservices.inference:predict_image"
CHECK_ANSWER = "batchservices.foreign_answers:answer_of"
TRIES = 3
# The child died or was killed, which may have had nothing to do with what it worked on.
TRANSIENT = frozenset({"image_crashed", "image_timeout", "image_memory", "sandbox_failed", "storage_unavailable"})


class Frozen(Protocol):
    """The model of a run or of an auto labeling task, as it was when that began."""

    model_sha256: Any
    profile: Any
    activations_tensor: Any
    predictor: Any


class _Own(threading.local):
    sandbox: Sandbox | None = None
    loaded: tuple[str, ...] = ()


_own = _Own()


def load(run: Frozen) -> None:
    """Has the child ready to predict with the frozen model of a run or a task, its hash verified.

    Raises:
        Refused: what the model door refuses; hash_mismatch, source_not_found; sandbox_failed.
    """
    wanted = (run.predictor, run.activations_tensor)
    if _own.loaded == wanted:
        return
    _own.loaded = ()
    data = modelfiles.read(run.model_sha256)
    arguments = (data, run.model_sha256, run.profile, run.activations_tensor)
    _patiently(lambda: _sandbox().prepare("batchservices.inference:load", *arguments, deadline=LOAD_DEADLINE))
    _own.loaded = wanted


def expect(run: BatchRun) -> None:
    """Has the child ready to check what another system said of the inputs of a run.

    Raises:
        Refused: sandbox_failed.
    """
    wanted = ("elsewhere", run.predictor)
    if _own.loaded == wanted:
        return
    _own.loaded = ()
    expected = (run.profile["task"], run.profile["class_names"])
    _patiently(lambda: _sandbox().prepare("batchservices.foreign_answers:expect", *expected, deadline=LOAD_DEADLINE))
    _own.loaded = wanted


def asking(function: str) -> Questions:
    """A function of `batchservices.answering` for one question about an image after another, several under way at once;
    use it as a context, put them in, and `take` what became of them."""
    return _sandbox().questions(function, deadline_each=settings.IMAGE_DEADLINE_SECONDS)


def take(questions: Questions, *, within: float) -> Outcome | None:
    """As `config.sandbox.Questions.take`, with a new child where the one before died.

    Raises:
        Refused: the child could not be started again, or not with the model.
    """
    return _patiently(partial(questions.take, within=within))


def predict_labeled(data: bytes, boxes: np.ndarray, *, parts: bool) -> dict[str, Any]:
    """What `batchservices.closer_looks.predict_labeled` says about an image of the training set.

    Raises:
        Refused: what the image cost, or the child could not be started again.
    """
    question = {"data": data, "boxes": boxes, "parts": parts}
    return _answer("batchservices.closer_looks:predict_labeled", question)


def describe_labeled(data: bytes, boxes: np.ndarray, *, parts: bool) -> dict[str, Any]:
    """As `predict_labeled`, without asking any model: as `batchservices.foreign_answers.describe_labeled`.

    Raises:
        Refused: what the image cost, or the child could not be started again.
    """
    question = {"data": data, "boxes": boxes, "parts": parts}
    return _answer("batchservices.foreign_answers:describe_labeled", question)


def predict_changed(data: bytes, operations: Sequence[str], boxes: np.ndarray | None) -> dict[str, Any]:
    """What `batchservices.closer_looks.predict_changed` says about an image, in as much time per operation as a
    prediction may take.

    Raises:
        Refused: what the image cost, or the child could not be started again.
    """
    question = {"data": data, "operations": list(operations), "boxes": boxes}
    deadline = settings.IMAGE_DEADLINE_SECONDS * len(operations)
    return _answer("batchservices.closer_looks:predict_changed", question, deadline=deadline)


def prepare(data: bytes) -> Prepared:
    """What intake must know of an image. Raises Refused as `datasets.preparation.prepare`; image_crashed, ..."""
    return Prepared(**_plain(_answer("datasets.preparation:prepare", data)))


def close() -> None:
    """Ends this thread's child."""
    if _own.sandbox is not None:
        _own.sandbox.close()
    _own.sandbox, _own.loaded = None, ()


def _sandbox() -> Sandbox:
    if _own.sandbox is None:
        _own.sandbox = Sandbox(
            imports=["batchservices.closer_looks", "batchservices.foreign_answers", "datasets.preparation"],
            memory=settings.SANDBOX_MEMORY_MIB * 2**20,
            noun="image",
        )
    return _own.sandbox


def _each(function: str, item: Any, *, deadline: float | None = None) -> Outcome:
    seconds = deadline or settings.IMAGE_DEADLINE_SECONDS
    with _sandbox().questions(function, deadline_each=seconds) as questions:
        questions.put(item)
        return _patiently(questions.wait)


def _answer(function: str, question: Any, *, deadline: float | None = None) -> Any:
    outcome = _each(function, question, deadline=deadline)
    if outcome.error is not None and outcome.error.code in TRANSIENT:
        outcome = _each(function, question, deadline=deadline)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _patiently[T](work: Callable[[], T]) -> T:
    """What `work` returns, with a new child where the one before died."""
    tries = 0
    while True:
        tries += 1
        try:
            return work()
        except Refused as error:
            if error.code not in TRANSIENT or tries == TRIES:
                raise


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "thumbnail": bytes(value["thumbnail"])}
