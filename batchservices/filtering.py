"""The filter after a run: reference, mining, and the images that it picked."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from django.db import transaction

from batchservices import child
from batchservices.bringing import Candidate
from batchservices.models import COLLECTION_MOVES, BatchRun, CollectionStatus, CollectionTask, ItemStatus, RunItem
from batchservices.predictions import Detection, from_modelarts
from config.leases import Lease
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets.intake import Claim, Incoming, Reason, Words
from datasets.models import HardSetBy, Origin, Status, Task
from datasets.preparation import Prepared
from hardexamples import mining, reference, store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import MiningItem
from hardexamples.scoring import Batch, FilterSettings

BLOCK = 500


def filter_run(lease: Lease, task: CollectionTask) -> None:
    """Applies the frozen filter to all that the run predicted; then the task is importing.

    Raises:
        LeaseLost: stopped, or taken over.
        Refused: the training manifest cannot be read, or the frozen model not loaded.
    """
    run = task.run
    assert run is not None  # noqa: S101  a constraint of the table
    frozen = run.filter_settings or {}
    with transaction.atomic():
        lease.hold(progress=task.status == CollectionStatus.WAITING)
        begun = mining.begin(
            subject=f"batch run {run.pk}",
            task=run.model.task,
            settings=FilterSettings.from_dict(frozen["settings"]),
            filter_id=frozen["filter"],
            training_manifest=frozen["training_manifest"],
        )
        tasks = CollectionTask.objects.filter(pk=task.pk)
        move_one(tasks, moves=COLLECTION_MOVES, to=CollectionStatus.FILTERING, changes={"mining": begun})
        step("collection.mining.before_commit")
    step("collection.mining.begun")
    with lease.renewing():
        found = _found(lease, run, frozen)
        items = _items(run)
        mining.mine(
            mining=begun,
            batch=_batch(run, items),
            subjects=[mining.Subject(item.position, item.sha256) for item in items],
            found=found,
            hold=lambda progress: lease.hold(progress=progress),
        )
    with transaction.atomic():
        lease.hold(changes={"total": begun.flagged + begun.controls})
        move_one(tasks, moves=COLLECTION_MOVES, to=CollectionStatus.IMPORTING)
        step("collection.filter.before_commit")
    step("collection.filtered")


def _found(lease: Lease, run: BatchRun, frozen: dict) -> reference.Found | None:
    if not frozen["training_manifest"]:
        return None
    seer = reference.Seer(
        model=run.model_sha256,
        tensor=run.activations_tensor,
        predictor=run.predictor,
        task=run.profile["task"],
        class_names=run.profile["class_names"],
        describe=partial(_describe, run),
    )
    return reference.build(
        frozen["training_manifest"], seer=seer, label_mapping=frozen["label_mapping"], committed=lease.hold
    )


def _describe(run: BatchRun, data: bytes) -> dict:
    child.load(run)
    outcome = child.predict(data)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _items(run: BatchRun) -> list[RunItem]:
    done = RunItem.objects.filter(run=run, status=ItemStatus.DONE).order_by("position")
    return list(done.only("position", "name", "sha256", "width", "height", "prediction", "probabilities"))


def _batch(run: BatchRun, items: list[RunItem]) -> Batch:
    """What the model said about the inputs, with what is kept of their bytes."""
    classes = run.profile["class_names"]
    sha256s = [item.sha256 for item in items]
    own = store.load(sha256s, EXTRACTOR, VERSION)
    activations = None
    if run.activations_tensor:
        extractor = store.activations_extractor(run.model_sha256, run.activations_tensor)
        activations = store.load(sha256s, extractor, 1).vectors
    said: dict = {}
    if run.profile["task"] == Task.IMAGE_CLASSIFICATION:
        said["probabilities"] = np.stack([np.frombuffer(item.probabilities or b"", "<f4") for item in items])
    else:
        said.update(_boxes(items, classes))
    return Batch(
        names=tuple(item.name for item in items),
        task=run.profile["task"],
        class_names=tuple(classes),
        sizes=np.array([(item.width, item.height) for item in items]),
        statistics=own.statistics,
        descriptor=own.vectors,
        activations=activations,
        **said,
    )


def _boxes(items: list[RunItem], classes: list[str]) -> dict:
    index = {name: number for number, name in enumerate(classes)}
    read = [from_modelarts(item.prediction) for item in items]
    found = [each for each in read if isinstance(each, Detection)]
    return {
        "boxes": tuple(np.array(each.boxes, np.float32).reshape(-1, 4) for each in found),
        "box_labels": tuple(np.array([index[name] for name in each.labels], np.int64) for each in found),
        "box_confidences": tuple(np.array(each.confidences, np.float32) for each in found),
    }


def candidates_of_mining(task: CollectionTask) -> Iterator[Candidate]:
    """What the filter flagged, and its blind controls, in the order of the run, from the cursor on."""
    run = task.run
    assert run is not None  # noqa: S101  a constraint of the table
    assert task.mining is not None  # noqa: S101  importing begins after mining
    picked = task.mining.items.filter(flagged=True) | task.mining.items.filter(control=True)
    positions = list(picked.order_by("position").values_list("position", flat=True))[task.cursor :]
    for start in range(0, len(positions), BLOCK):
        block = positions[start : start + BLOCK]
        mined = {row.position: row for row in task.mining.items.filter(position__in=block)}
        items = {item.position: item for item in RunItem.objects.filter(run=run, position__in=block)}
        for position in block:
            item = items[position]
            incoming = partial(_incoming, task, run, item, mined[position])
            yield Candidate(item.name, item.location, item.sha256, incoming)


def _incoming(task: CollectionTask, run: BatchRun, item: RunItem, mined: MiningItem, prepared: Prepared) -> Incoming:
    """A flagged image with its reasons; a control as any other, so that nothing tells people which it is."""
    return Incoming(
        prepared=prepared,
        name=item.name.rpartition("/")[2],
        source=item.location,
        origin=Origin.FILTER,
        status=Status.TO_BE_CONFIRMED,
        claims=_claims(task, run, item, mined),
        prediction=Words(
            predictor=run.predictor,
            model_name=str(run.model),
            predicted_label=item.predicted_label,
            confidence=item.confidence,
            output=item.prediction or {},
        ),
        hard=mined.flagged,
        hard_coefficient=mined.coefficient,
        hard_set_by=HardSetBy.RULES if mined.flagged else "",
        reasons=tuple(Reason(**reason) for reason in mined.reasons) if mined.flagged else (),
        control=mined.control,
        stack=mined.stack,
    )


def _claims(task: CollectionTask, run: BatchRun, item: RunItem, mined: MiningItem) -> tuple[Claim, ...]:
    prediction = from_modelarts(item.prediction)
    by = str(run.model)
    if isinstance(prediction, Detection):
        hard = {reason["claim"] for reason in mined.reasons} if mined.flagged else set()
        found = zip(prediction.labels, prediction.boxes, prediction.confidences, strict=True)
        return tuple(
            Claim(
                _label(task, name),
                box=box,
                confidence=sure,
                annotated_by=by,
                hard=number in hard,
                hard_coefficient=mined.coefficient if number in hard else 0.0,
            )
            for number, (name, box, sure) in enumerate(found)
        )
    return (Claim(_label(task, item.predicted_label), confidence=item.confidence, annotated_by=by),)


def _label(task: CollectionTask, name: str) -> str:
    try:
        return task.label_mapping[name]
    except KeyError:
        raise Refused("unmapped_class", f"The class {name} is mapped to no label.", field="label_mapping") from None
