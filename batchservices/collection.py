"""Inputs of a service come into a dataset: all of them (synchronize), or the hard ones of a run (filter)."""

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from batchservices.beginning import begin, hold_key
from batchservices.bringing import bring
from batchservices.choosing import candidates_of_chosen, count_chosen
from batchservices.filtering import mine_run
from batchservices.inputs import has_inputs
from batchservices.models import (
    ACTIVE_COLLECTION,
    COLLECTION_MOVES,
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
)
from batchservices.picked import candidates_of_mining
from batchservices.recut_work import execute_recut
from batchservices.recutting import end_recut
from batchservices.synchronizing import candidates_of_inputs, count_inputs
from batchservices.words import summary
from config.leases import AWAY, Lease, LeaseLost, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.steps import step
from datasets import holds
from datasets.creation import create_dataset
from datasets.models import Dataset
from hardexamples.models import MINING_MOVES, Mining, MiningStatus

log = logging.getLogger("hardmine.collection")


def synchronize(
    *, service: BatchService, by: User | None, dataset: Dataset | None = None, dataset_name: str = ""
) -> CollectionTask:
    """Brings all images of a service's input location into a dataset, unlabeled. Again adds only what is new.

    Args:
        service: whose inputs.
        by: who asks.
        dataset: an existing dataset of the model's task.
        dataset_name: a new dataset, instead; it gets the classes of the model as labels.

    Raises:
        Refused: no_input, no_dataset, type_mismatch, already_synchronizing (409, `item` is the task); as
            `create_dataset` and `batchservices.inputs.list_inputs`.
    """
    if not has_inputs(service.input_location):
        raise Refused(
            "no_input",
            f"{service.name} has no input data, so there is nothing to synchronize. "
            f"Put images into {service.input_location}.",
            field="input_location",
        )
    try:
        with transaction.atomic():
            task = begin(
                kind=CollectionKind.SYNCHRONIZE,
                service=service,
                dataset=_target(service, dataset, dataset_name, by),
                input_location=service.input_location,
                created_by=by,
            )
    except IntegrityError:
        active = service.collection_tasks.filter(kind=CollectionKind.SYNCHRONIZE, status__in=ACTIVE_COLLECTION).first()
        if active is None:
            raise
        words = f"{service.name} is being synchronized to {active.dataset} already: task {active.pk}."
        raise Refused("already_synchronizing", words, status=409, item=active.pk) from None
    step("collection.start.committed")
    return task


def _target(service: BatchService, dataset: Dataset | None, dataset_name: str, by: User | None) -> Dataset:
    model = service.model
    if dataset is None:
        if not dataset_name.strip():
            raise Refused("no_dataset", "Choose a dataset, or name a new one.", field="dataset")
        return create_dataset(name=dataset_name, task=model.task, by=by, labels=model.class_names)
    check_task(model.task, dataset, field="dataset")
    return dataset


def check_task(task: str, dataset: Dataset, *, field: str) -> None:
    """Holds a dataset's task against a model's, inside the verb's transaction. Raises Refused "type_mismatch"."""
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if dataset.task != task:
        raise Refused(
            "type_mismatch",
            f"{dataset.name} is for {dataset.get_task_display().lower()}, the model is for "
            f"{task.replace('_', ' ')}. Choose a dataset of the same type.",
            field=field,
        )


def begin_filtering(run: BatchRun, dataset: Dataset, frozen: Mapping[str, Any], *, by: User | None) -> CollectionTask:
    """The task that filters a run by frozen settings into their dataset; inside the transaction that ends the run, or
    that holds its row."""
    return begin(
        kind=CollectionKind.FILTER,
        service=run.service,
        run=run,
        dataset=dataset,
        input_location=run.input_location,
        label_mapping=frozen["label_mapping"],
        filter_settings=frozen,
        created_by=by,
    )


@transaction.atomic
def stop(*, task: CollectionTask, by: User | None) -> None:
    """Stops a collection; what was brought stays.

    Raises:
        Refused: illegal_status_change (409) for one that has ended.
    """
    # as it stands now: since somebody looked at it, its mining may have begun
    now = CollectionTask.objects.select_for_update(of=("self",)).select_related("dataset", "recut").get(pk=task.pk)
    _end(now, CollectionStatus.STOPPED, words=f"Stopped. {summary(now)}", stop_requested=True)
    task.refresh_from_db()


def execute(task_id: int) -> None:
    """Goes on with a collection wherever it stands; harmless however often it is called."""
    try:
        lease = claim(CollectionTask, task_id)
        if lease is not None:
            with lease.giving_back(), lease.waiting():
                _execute(lease)
    except LeaseLost:
        log.info("Collection %s was stopped, or somebody else works on it.", task_id)
    except Refused as error:
        if error.status == AWAY:
            log.warning("Collection %s waits: %s", task_id, error)
            return
        log.warning("Collection %s failed: %s", task_id, error)
        fail(task_id, error)


def _execute(lease: Lease) -> None:
    tasks = CollectionTask.objects.select_related("service__model", "run__model", "dataset", "recut__mining")
    task = tasks.get(pk=lease.pk)
    if task.kind == CollectionKind.FILTER:
        if task.status != CollectionStatus.IMPORTING:
            mine_run(lease, task)
            task.refresh_from_db()
        bring(lease, task, candidates_of_mining(task), hold_key=hold_key(task))
    elif task.kind == CollectionKind.RECUT:
        execute_recut(lease, task)
    elif task.kind == CollectionKind.CHOSEN:
        if task.status != CollectionStatus.IMPORTING:
            count_chosen(lease, task)
            task.refresh_from_db()
        bring(lease, task, candidates_of_chosen(task), hold_key=hold_key(task))
    else:
        if task.status != CollectionStatus.IMPORTING:
            count_inputs(lease, task)
            task.refresh_from_db()
        bring(lease, task, candidates_of_inputs(task), hold_key=hold_key(task))
    task.refresh_from_db()
    with transaction.atomic():
        lease.hold()
        _end(task, CollectionStatus.DATASET_IMPORTED, words=summary(task), stop_requested=False)
        step("collection.end.before_commit")
    step("collection.ended")


def _end(task: CollectionTask, status: CollectionStatus, *, words: str, stop_requested: bool) -> None:
    ended = {
        "words": words,
        "stop_requested": stop_requested,
        "finished_at": timezone.now(),
        "lease_token": "",
        "lease_expires_at": None,
    }
    move_one(CollectionTask.objects.filter(pk=task.pk), moves=COLLECTION_MOVES, to=status, changes=ended)
    if task.recut is not None:
        end_recut(task.recut, applied=status == CollectionStatus.DATASET_IMPORTED)
    if task.mining_id is not None and status != CollectionStatus.DATASET_IMPORTED:
        to = MiningStatus.STOPPED if status == CollectionStatus.STOPPED else MiningStatus.FAILED
        move(
            Mining.objects.filter(pk=task.mining_id), moves=MINING_MOVES, to=to, changes={"finished_at": timezone.now()}
        )
    holds.lift(dataset=task.dataset, key=hold_key(task))


def fail(task_id: int, error: Refused) -> None:
    """Ends a collection with the reason, unless it has ended already."""
    with transaction.atomic():
        task = CollectionTask.objects.select_related("dataset").filter(pk=task_id, status__in=ACTIVE_COLLECTION).first()
        if task is None:
            return
        _end(task, CollectionStatus.FAILED, words=f"Failed: {error}"[:500], stop_requested=False)
        CollectionTask.objects.filter(pk=task_id).update(error_code=error.code, error=str(error))
