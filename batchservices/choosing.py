"""Inputs of a run at chosen positions come into a dataset, unlabeled, with what the model said about them."""

from collections.abc import Collection, Iterator
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from batchservices.beginning import begin
from batchservices.bringing import Candidate
from batchservices.models import (
    COLLECTION_MOVES,
    BatchRun,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    ItemStatus,
    RunItem,
)
from config.leases import Lease
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets.intake import Incoming, Words
from datasets.models import Dataset, Origin, Status
from datasets.preparation import Prepared

MOST = 500
BLOCK = 100


def add_inputs(*, run: BatchRun, positions: Collection[int], dataset: Dataset, by: User | None) -> CollectionTask:
    """Brings chosen inputs of a run into a dataset, unlabeled; what is there already stays as it is.

    Args:
        run: that has read them.
        positions: at most 500 of its predicted inputs.
        dataset: of the model's task.
        by: who asks.

    Raises:
        Refused: nothing_selected, too_many_selected, not_predicted, type_mismatch.
    """
    chosen = sorted(set(positions))
    if not chosen:
        raise Refused("nothing_selected", "Select images first.", field="positions")
    if len(chosen) > MOST:
        raise Refused("too_many_selected", f"Select at most {MOST} images at once.", field="positions")
    there = RunItem.objects.filter(run=run, status=ItemStatus.DONE, position__in=chosen).count()
    if there != len(chosen):
        raise Refused("not_predicted", "Some of these are no predicted inputs of this run.", field="positions")
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        if dataset.task != run.model.task:
            words = (
                f"{dataset.name} is for {dataset.get_task_display().lower()}; these images were predicted otherwise."
            )
            raise Refused("type_mismatch", words, status=409, field="dataset")
        task = begin(
            kind=CollectionKind.CHOSEN,
            service=run.service,
            run=run,
            dataset=dataset,
            input_location=run.input_location,
            positions=chosen,
            created_by=by,
        )
    step("chosen.start.committed")
    return task


def count_chosen(lease: Lease, task: CollectionTask) -> None:
    """Says how much there is to do, and begins."""
    with transaction.atomic():
        lease.hold(changes={"total": len(task.positions)})
        move_one(CollectionTask.objects.filter(pk=task.pk), moves=COLLECTION_MOVES, to=CollectionStatus.IMPORTING)
        step("chosen.count.before_commit")
    step("chosen.counted")


def candidates_of_chosen(task: CollectionTask) -> Iterator[Candidate]:
    """The chosen inputs from the cursor on, in the order of the run."""
    run = task.run
    assert run is not None  # noqa: S101  a constraint of the table
    left = task.positions[task.cursor :]
    for start in range(0, len(left), BLOCK):
        items = RunItem.objects.filter(run=run, position__in=left[start : start + BLOCK]).order_by("position")
        for item in items.defer("probabilities"):
            yield Candidate(item.name, item.location, item.sha256, partial(_incoming, run, item))


def _incoming(run: BatchRun, item: RunItem, prepared: Prepared) -> Incoming:
    return Incoming(
        prepared=prepared,
        name=item.name.rpartition("/")[2],
        source=item.location,
        origin=Origin.SYNCHRONIZE,
        status=Status.UNLABELED,
        prediction=Words(
            predictor=run.predictor,
            model_name=str(run.model),
            predicted_label=item.predicted_label,
            confidence=item.confidence,
            output=item.prediction or {},
        ),
    )
