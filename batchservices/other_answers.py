"""What the model before said about the inputs of a run: the answers that a filter may compare with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchservices.differences import Contents
from batchservices.models import BatchRun, ItemStatus, RunItem, RunStatus
from batchservices.predictions import Detection, from_modelarts
from datasets.models import Task
from hardexamples.scoring import Batch

BLOCK = 500


def run_of_another_model(run: BatchRun) -> BatchRun | None:
    """The latest finished run of the same service, before this one, that another model or profile predicted."""
    before = run.service.runs.filter(pk__lt=run.pk, status__in=(RunStatus.FINISHED, RunStatus.ALARM), done__gt=0)
    return before.exclude(predictor=run.predictor).filter(profile__task=run.profile["task"]).order_by("-pk").first()


def other_answers(run: BatchRun, names: Sequence[str], sha256s: Sequence[str]) -> Batch | None:
    """What that run says about inputs, by their bytes, in terms of this run's classes; classes that it lacks are left
    out. None where there is no such run, or it knows none of the inputs.

    Args:
        run: whose inputs.
        names, sha256s: n, of each input.
    """
    other = run_of_another_model(run)
    if other is None:
        return None
    done = RunItem.objects.filter(run=other, status=ItemStatus.DONE)
    rows = [(sha256[:16], position) for sha256, position in done.values_list("sha256", "position").iterator(BLOCK)]
    places = Contents([sha256 for sha256, _ in rows], [position for _, position in rows]).find(sha256s)
    if not (places >= 0).any():
        return None
    classes = tuple(run.profile["class_names"])
    index = {name: number for number, name in enumerate(classes)}
    said: dict[str, Any] = {"names": tuple(names), "task": run.profile["task"], "class_names": classes}
    if run.profile["task"] == Task.IMAGE_CLASSIFICATION:
        theirs = other.profile["class_names"]
        shared = [number for number, name in enumerate(theirs) if name in index]
        columns = [index[theirs[number]] for number in shared]
        table = np.full((len(places), len(classes)), np.nan, np.float32)
        for number, answer in _answers(other, places, "probabilities"):
            table[number] = 0
            table[number, columns] = np.frombuffer(answer, "<f4")[shared]
        return Batch(**said, probabilities=table)
    boxes, labels, confidences = ([np.zeros(shape)] * len(places) for shape in ((0, 4), 0, 0))
    answered = np.zeros(len(places), bool)
    for number, answer in _answers(other, places, "prediction"):
        read = from_modelarts(answer)
        if not isinstance(read, Detection):
            continue
        kept = [place for place, name in enumerate(read.labels) if name in index]
        boxes[number] = np.array(read.boxes, np.float32).reshape(-1, 4)[kept]
        labels[number] = np.array([index[read.labels[place]] for place in kept], np.int64)
        confidences[number] = np.array(read.confidences, np.float32)[kept]
        answered[number] = True
    return Batch(
        **said,
        boxes=tuple(boxes),
        box_labels=tuple(labels),
        box_confidences=tuple(confidences),
        answered=answered,
    )


def _answers(run: BatchRun, places: np.ndarray, column: str) -> Any:
    """Index and answer of each input that the run predicted."""
    for start in range(0, len(places), BLOCK):
        block = places[start : start + BLOCK]
        rows = RunItem.objects.filter(run=run, position__in=[int(place) for place in block if place >= 0])
        answers = dict(rows.values_list("position", column))
        for offset, place in enumerate(block):
            answer = answers.get(int(place))
            if answer is not None:
                yield start + offset, answer
