"""The filter after a run: its reference, and its mining. What it picked stands in `batchservices.picked`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from django.db import transaction

from batchservices import child
from batchservices.models import (
    COLLECTION_MOVES,
    BatchRun,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    ItemStatus,
    RunItem,
)
from batchservices.other_answers import other_answers
from batchservices.predictions import Detection, from_modelarts
from batchservices.training import check_training
from config.leases import Lease
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets import locations
from datasets.images import MAX_BYTES
from datasets.models import Task
from hardexamples import mining, reference, store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.filter_settings import FilterSettings
from hardexamples.scoring import Batch
from hardexamples.second_look import Looker

BLOCK = 500
MISSING_SHOWN = 100
NAME_SHOWN = 300


def frozen_of(task: CollectionTask) -> dict[str, Any]:
    """What the filter of a collection goes by. A task from before filters could be applied later has its run's."""
    assert task.run is not None  # noqa: S101  a constraint of the table
    return task.filter_settings or task.run.filter_settings or {}


def mine_run(lease: Lease, task: CollectionTask) -> None:
    """Applies the frozen filter to all that the run predicted; then the task is importing.

    Raises:
        LeaseLost: stopped, or taken over.
        Refused: the training manifest cannot be read or is of another type, or the frozen model not loaded.
    """
    run, frozen = task.run, frozen_of(task)
    assert run is not None  # noqa: S101  a constraint of the table
    with transaction.atomic():
        lease.hold(progress=task.status == CollectionStatus.WAITING)
        begun = mining.begin(
            subject=_subject(run, task),
            task=run.model.task,
            settings=FilterSettings.from_dict(frozen["settings"]),
            filter_id=frozen["filter"],
            training_manifest=frozen["training_manifest"],
        )
        tasks = CollectionTask.objects.filter(pk=task.pk)
        move_one(tasks, moves=COLLECTION_MOVES, to=CollectionStatus.FILTERING, changes={"mining": begun})
        step("collection.mining.before_commit")
    step("collection.mining.begun")
    looker = looker_of(run, frozen)
    with lease.renewing():
        check_training(frozen["training_manifest"], task=run.profile["task"])
        found = reference_of(lease, run, frozen, looker=looker)
        subjects, batch = inputs_of(run, between=lease.now_and_then())
        mining.mine(
            mining=begun,
            batch=batch,
            subjects=subjects,
            found=found,
            hold=lambda progress: lease.hold(progress=progress),
            again=mining.Again(looker, partial(_read, run)) if looker else None,
        )
    with transaction.atomic():
        missing = [name[:NAME_SHOWN] for name in found.missing[:MISSING_SHOWN]] if found else []
        lease.hold(changes={"total": begun.flagged + begun.controls, "missing": missing})
        move_one(tasks, moves=COLLECTION_MOVES, to=CollectionStatus.IMPORTING)
        step("collection.filter.before_commit")
    step("collection.filtered")


def _subject(run: BatchRun, task: CollectionTask) -> str:
    """The words of the mining: a run that is filtered again has another one."""
    earlier = run.collection_tasks.filter(kind=CollectionKind.FILTER, pk__lt=task.pk).count()
    return f"batch run {run.pk}" + (f", filtering {earlier + 1}" if earlier else "")


def looker_of(run: BatchRun, frozen: dict) -> Looker | None:
    """Who looks again at images for a run's filter: the run's own model, as long as its settings say; None for
    nobody. A model that runs elsewhere cannot be asked."""
    if run.results_location:
        return None
    chosen = FilterSettings.from_dict(frozen["settings"])
    return Looker.of(chosen, predictor=run.predictor, ask=partial(_ask_again, run))


def reference_of(lease: Lease, run: BatchRun, frozen: dict, *, looker: Looker | None = None) -> reference.Found | None:
    """The training set that a run's filter goes by; what the store lacks of it is measured now.

    Args:
        lease: of who works on it.
        run: whose model saw the images.
        frozen: the run's filter settings.
        looker: who looks again at some of the images; None: nobody does, but what was kept is there.
    """
    if not frozen["training_manifest"]:
        return None
    seer = reference.Seer(
        model=run.model_sha256,
        tensor=run.activations_tensor,
        predictor=run.predictor,
        task=run.profile["task"],
        class_names=run.profile["class_names"],
        describe=partial(_describe, run),
        asked=not run.results_location,
    )
    return reference.build(
        frozen["training_manifest"],
        seer=seer,
        label_mapping=frozen["label_mapping"],
        committed=lease.hold,
        looker=looker or _who_looked(run, frozen),
    )


def _describe(run: BatchRun, data: bytes, boxes: np.ndarray, parts: bool) -> dict[str, Any]:
    if run.results_location:
        return child.describe_labeled(data, boxes, parts=parts)
    child.load(run)
    return child.predict_labeled(data, boxes, parts=parts)


def _ask_again(run: BatchRun, data: bytes, operations: Sequence[str], boxes: np.ndarray | None) -> dict[str, Any]:
    child.load(run)
    return child.predict_changed(data, operations, boxes)


def _who_looked(run: BatchRun, frozen: dict) -> Looker | None:
    """As `looker_of`, without any time left: one who knows what was kept and asks nothing."""
    looker = looker_of(run, frozen)
    return None if looker is None else replace(looker, seconds=0.0)


def _read(run: BatchRun, position: int) -> bytes:
    location = RunItem.objects.values_list("location", flat=True).get(run=run, position=position)
    return locations.read(locations.parse(location), limit=MAX_BYTES)


def inputs_of(
    run: BatchRun, *, looked: dict[str, Any] | None = None, between: Callable[[], None] | None = None
) -> tuple[list[mining.Subject], Batch]:
    """All that the run predicted, with what is kept of their bytes; read row by row, since it may be a million.

    Args:
        run: whose inputs.
        looked: the frozen settings of a filter whose second looks are kept, for evidence that was found before.
        between: called now and again while rows are read; may raise to end the work.

    Raises:
        Refused: measured_earlier (409).
    """
    classes = run.profile["class_names"]
    classifies = run.profile["task"] == Task.IMAGE_CLASSIFICATION
    done = RunItem.objects.filter(run=run, status=ItemStatus.DONE).order_by("position")
    count = done.count()
    said = _Classified(count, classes) if classifies else _Detected(classes)
    sizes = np.empty((count, 2), np.int64)
    names: list[str] = []
    subjects: list[mining.Subject] = []
    rows = done.values_list("position", "name", "sha256", "width", "height", said.column)
    for index, (position, name, sha256, width, height, answer) in enumerate(rows.iterator(chunk_size=BLOCK)):
        subjects.append(mining.Subject(position, sha256))
        names.append(name)
        sizes[index] = width, height
        said.add(index, answer)
        if between is not None and index % BLOCK == 0:
            between()
    sha256s = [subject.sha256 for subject in subjects]
    columns = said.columns()
    if not classifies:
        columns["box_statistics"] = _box_statistics(sha256s, run.predictor, columns["boxes"])
    own = store.load(sha256s, EXTRACTOR, VERSION, between=between)
    if own.statistics is None or np.isnan(own.statistics).all(axis=1).any():
        _check_measured(run, sha256s)
    activations = None
    if run.activations_tensor:
        extractor = store.activations_extractor(run.model_sha256, run.activations_tensor)
        activations = store.load(sha256s, extractor, 1, between=between).vectors
    batch = Batch(
        names=tuple(names),
        task=run.profile["task"],
        class_names=tuple(classes),
        sizes=sizes,
        statistics=own.statistics,
        descriptor=own.vectors,
        activations=activations,
        other=other_answers(run, names, sha256s),
        **columns,
    )
    looker = _who_looked(run, looked) if looked else None
    return subjects, batch if looker is None else looker.seen(batch, range(count), sha256s)


def _check_measured(run: BatchRun, sha256s: Sequence[str]) -> None:
    """That no update came between a run and its filter: without what it measured, rules would find nothing hard."""
    earlier = len(store.outdated(sha256s, EXTRACTOR, VERSION))
    if earlier:
        words = f"An earlier version of Hardmine measured {earlier:,} images of {run}, and this one does it otherwise."
        again = f"Start {run.service} again: it measures them anew, and filters."
        raise Refused("measured_earlier", f"{words} {again}", status=409)


def _box_statistics(sha256s: Sequence[str], predictor: str, boxes: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """(m, 2) float32 per input, NaN where what is kept is not about these boxes."""
    measured = store.detections(sha256s, predictor)
    return tuple(
        table[:, 6:]
        if table is not None and np.array_equal(table[:, :4], here)
        else np.full((len(here), 2), np.nan, np.float32)
        for table, here in zip(measured, boxes, strict=True)
    )


class _Classified:
    """What a classifier said about n inputs: one table, filled row by row."""

    column = "probabilities"

    def __init__(self, count: int, classes: list[str]) -> None:
        self.table = np.empty((count, len(classes)), np.float32)

    def add(self, index: int, answer: bytes) -> None:
        self.table[index] = np.frombuffer(answer, "<f4")

    def columns(self) -> dict[str, Any]:
        return {"probabilities": self.table}


class _Detected:
    """What a detector said: arrays per input, without the JSON that they come from."""

    column = "prediction"

    def __init__(self, classes: list[str]) -> None:
        self.index = {name: number for number, name in enumerate(classes)}
        self.boxes: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.confidences: list[np.ndarray] = []

    def add(self, index: int, answer: dict[str, Any]) -> None:
        read = from_modelarts(answer)
        assert isinstance(read, Detection)  # noqa: S101  the run's own model said it
        self.boxes.append(np.array(read.boxes, np.float32).reshape(-1, 4))
        self.labels.append(np.array([self.index[name] for name in read.labels], np.int64))
        self.confidences.append(np.array(read.confidences, np.float32))

    def columns(self) -> dict[str, Any]:
        return {
            "boxes": tuple(self.boxes),
            "box_labels": tuple(self.labels),
            "box_confidences": tuple(self.confidences),
        }
