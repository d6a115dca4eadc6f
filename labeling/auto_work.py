"""The work of an auto labeling task, step by step, wherever a worker before left it.

init freezes what is labeled and what is not; labeling measures, predicts and finds hard examples, into rows that nobody
else looks at; result_processing brings all of it to To Be Confirmed at once, in the transaction that ends the task. The
work of auto grouping between init and end is in `labeling.auto_grouping_work`.
"""

import logging
from collections.abc import Sequence

import numpy as np
from django.db import transaction

from config.leases import AWAY, CHUNK_ROWS, Lease, LeaseLost, breathe, claim
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets import proposing
from datasets.models import Annotation, Sample, Status
from hardexamples import mining
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import Mining
from labeling import auto_grouping_work, auto_labeling, auto_predictions
from labeling.auto.ordering import most_useful
from labeling.auto_measuring import FROZEN, KNOWN, measure, turn_to
from labeling.auto_predictions import Image, Said
from labeling.auto_proposals import proposals_of
from labeling.auto_second_look import again_of, looker_of
from labeling.models import AUTO_LABELING_MOVES, AutoLabelingItem, AutoLabelingStatus, AutoLabelingTask

log = logging.getLogger("hardmine.auto_labeling")

TOLD, FILTERED = 0.7, 0.95  # how far a task is after each piece of its work


def execute(task_id: int) -> None:
    """Goes on with a task wherever it stands, unless one of the same dataset is before it; harmless however often it is
    called."""
    if not _turn(task_id):
        return
    try:
        lease = claim(AutoLabelingTask, task_id)
        if lease is not None:
            with lease.giving_back(), lease.waiting():
                _execute(lease)
    except LeaseLost:
        log.info("Auto labeling %s was stopped, or somebody else works on it.", task_id)
    except Refused as error:
        if error.status == AWAY:
            log.warning("Auto labeling %s waits: %s", task_id, error)
            return
        log.warning("Auto labeling %s failed: %s", task_id, error)
        _fail(task_id, error)


def _turn(task_id: int) -> bool:
    """Whether no task of the dataset that was started before is unfinished."""
    dataset = AutoLabelingTask.objects.filter(pk=task_id).values_list("dataset", flat=True).first()
    before = AutoLabelingTask.objects.filter(dataset=dataset, pk__lt=task_id, status__in=AutoLabelingTask.WORKING)
    return not before.exists()


def _fail(task_id: int, error: Refused) -> None:
    with transaction.atomic():
        if AutoLabelingTask.objects.filter(pk=task_id, status__in=AutoLabelingTask.WORKING).exists():
            changes = {"error_code": error.code, "error": str(error)}
            auto_labeling.end(task_id, AutoLabelingStatus.FAILED, changes=changes)


def _execute(lease: Lease) -> None:
    tasks = AutoLabelingTask.objects.select_related("dataset", "mining", "filter")
    task = tasks.get(pk=lease.pk)
    groups = task.kind == AutoLabelingTask.Kind.AUTO_GROUPING
    if task.total is None:
        _freeze(lease, task)
        task.refresh_from_db()
    if task.events[-1]["name"] != "result_processing":
        with lease.renewing():
            (auto_grouping_work.group_images if groups else _label)(lease, task)
        task = tasks.get(pk=lease.pk)
    (auto_grouping_work.deliver if groups else _deliver)(lease, task)
    step("auto_labeling.ended")


def _freeze(lease: Lease, task: AutoLabelingTask) -> None:
    """Keeps which samples are labeled how, and which are to be labeled, in chunks by id."""
    with transaction.atomic():
        turn_to(lease, task, "init")
        rows = AutoLabelingTask.objects.filter(pk=task.pk)
        move_one(rows, moves=AUTO_LABELING_MOVES, to=AutoLabelingStatus.RUNNING)
    groups = task.kind == AutoLabelingTask.Kind.AUTO_GROUPING
    auto_labeling.check(dataset=task.dataset, kind=task.kind)
    unlabeled = Sample.objects.filter(dataset=task.dataset, status=Status.UNLABELED).order_by("id")
    while True:
        last = AutoLabelingItem.objects.filter(task=task).order_by("-position").first()
        position, after = (last.position + 1, last.sample_id) if last else (0, 0)
        ids = list(unlabeled.filter(pk__gt=after).values_list("pk", flat=True)[:CHUNK_ROWS])
        if not ids:
            break
        with transaction.atomic():
            lease.hold()
            AutoLabelingItem.objects.bulk_create(
                AutoLabelingItem(task=task, position=position + number, sample_id=pk) for number, pk in enumerate(ids)
            )
            step("auto_labeling.items.before_commit")
        step("auto_labeling.items.committed")
        breathe()
    learned_from = None if groups else _labeled(task)
    with transaction.atomic():
        total = AutoLabelingItem.objects.filter(task=task).count()
        name = "grouping" if groups else "labeling"
        turn_to(lease, task, name, total=total, learned_from=learned_from, share=FROZEN)
        step("auto_labeling.frozen.before_commit")
    step("auto_labeling.frozen")


def _labeled(task: AutoLabelingTask) -> bytes:
    """What is labeled how: ids of samples and then of the first label of each."""
    claims = Annotation.objects.filter(sample__dataset=task.dataset, sample__status=Status.LABELED).order_by("-id")
    labeled = dict(claims.values_list("sample", "label"))  # the first of each sample stays
    return np.array([list(labeled), list(labeled.values())], "<i8").tobytes()


def _label(lease: Lease, task: AutoLabelingTask) -> None:
    """Predicts all items and finds the hard ones."""
    images = auto_predictions.images_of(task)
    labeled = auto_predictions.labeled_of(task)
    seer = auto_predictions.seer_of(task)
    measure(lease, task, images, seer)
    images = [image for image in images if image.item.readable]
    looker = looker_of(task)
    said = auto_predictions.said_about(
        task,
        images,
        labeled,
        seer,
        looker=looker,
        hold=lambda: lease.hold(),
        done=lambda share: _advance(lease, KNOWN, TOLD, share),
    )
    _stage(lease, task, images, said)
    with transaction.atomic():
        begun = mining.begin(
            subject=f"auto labeling {task.pk}",
            task=task.dataset.task,
            settings=FilterSettings.from_dict(task.filter_settings),
            filter_id=task.filter_id,
            training_manifest="",
        )
        lease.hold(changes={"mining": begun, "learned": said.learned, "share": TOLD})
        step("auto_labeling.mining.before_commit")
    step("auto_labeling.mining.begun")
    subjects = [mining.Subject(image.item.position, image.sha256) for image in images]
    mining.mine(
        mining=begun,
        batch=said.batch,
        subjects=subjects,
        found=said.found,
        hold=lambda progress: lease.hold(progress=progress),
        again=again_of(looker, images),
    )
    _rank(lease, task, begun, images, said)
    with transaction.atomic():
        turn_to(lease, task, "result_processing", share=FILTERED)
        step("auto_labeling.filtered.before_commit")
    step("auto_labeling.filtered")


def _advance(lease: Lease, start: float, stop: float, share: float) -> None:
    lease.hold(changes={"share": start + (stop - start) * share})


def _stage(lease: Lease, task: AutoLabelingTask, images: Sequence[Image], said: Said) -> None:
    for start in range(0, len(images), CHUNK_ROWS):
        part = range(start, min(start + CHUNK_ROWS, len(images)))
        rows = []
        for index in part:
            label, confidence = said.best(index)
            rows.append(
                AutoLabelingItem(
                    task=task,
                    position=images[index].item.position,
                    sample=images[index].sample,
                    prediction=said.prediction(index),
                    predicted_label=label,
                    confidence=confidence,
                )
            )
        with transaction.atomic():
            lease.hold()
            AutoLabelingItem.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["task", "position"],
                update_fields=["prediction", "predicted_label", "confidence"],
            )
            step("auto_labeling.staged.before_commit")
        step("auto_labeling.staged")
        breathe()


def _rank(lease: Lease, task: AutoLabelingTask, mined: Mining, images: Sequence[Image], said: Said) -> None:
    """Keeps how early each image comes in the order that teaches most: 1 the first."""
    hardness = dict(mined.items.values_list("position", "coefficient"))
    points = said.batch.descriptor if said.batch.activations is None else said.batch.activations
    assert points is not None  # noqa: S101  they were measured
    order = most_useful(
        np.nan_to_num(points),
        np.array([hardness.get(image.item.position, 0.0) for image in images]),
        least_per_label=said.least_per_label,
    )
    for start in range(0, len(order), CHUNK_ROWS):
        rows = [
            AutoLabelingItem(
                task=task,
                position=images[index].item.position,
                sample=images[index].sample,
                usefulness=1 - (start + place) / len(order),
            )
            for place, index in enumerate(order[start : start + CHUNK_ROWS])
        ]
        with transaction.atomic():
            lease.hold()
            AutoLabelingItem.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["task", "position"], update_fields=["usefulness"]
            )
            step("auto_labeling.ranked.before_commit")
        breathe()


def _deliver(lease: Lease, task: AutoLabelingTask) -> None:
    """Brings all results to To Be Confirmed and ends the task: one transaction, so nobody ever sees a part of them."""
    with lease.renewing():  # of very many results this takes longer than a lease lasts
        proposals = proposals_of(task)
    with transaction.atomic():
        lease.hold()
        told = proposing.propose(dataset=task.dataset, proposals=proposals)
        step("auto_labeling.deliver.before_end")
        counts = {"proposed": told.proposed, "hard": told.hard, "passed_over": told.passed_over, "share": 1.0}
        auto_labeling.end(task.pk, AutoLabelingStatus.SUCCEEDED, changes=counts)
        step("auto_labeling.deliver.before_commit")
