"""A run that has ended is filtered from its kept predictions, by the settings that its service has now."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from batchservices.collection import begin_filtering, check_task
from batchservices.deployment import check_mapping
from batchservices.models import ACTIVE_COLLECTION, ACTIVE_RUN, BatchRun, BatchService, CollectionKind, CollectionTask
from batchservices.training import FIRST_LINES, check_training
from config.refusals import Refused
from config.steps import step
from datasets.models import Dataset
from hardexamples.filters import settings_of


def frozen_filtering(service: BatchService) -> dict[str, Any] | None:
    """What the filter of a service goes by, whatever is changed later; None where it is off."""
    if not service.filtering or service.filter is None:
        return None
    return {
        "filter": service.filter_id,
        "settings": settings_of(service.filter).as_dict(),
        "training_manifest": service.training_manifest,
        "output_dataset": service.output_dataset_id,
        "label_mapping": service.label_mapping,
    }


def filter_run(*, run: BatchRun, by: User | None) -> CollectionTask:
    """Filters a run that has ended, without predicting anything again.

    Args:
        run: one with predictions. Filtered before, it is filtered once more, by the settings of now.
        by: who asks.

    Raises:
        Refused: filtering_off, still_running, nothing_predicted, already_filtering (409, `item` is the task);
            type_mismatch, unmapped_classes, as `batchservices.training.check_training`.
    """
    service = BatchService.objects.select_related("filter", "output_dataset").get(pk=run.service_id)
    frozen = frozen_filtering(service)
    if frozen is None or service.output_dataset is None:
        words = f"Hard example filtering of {service} is off. Switch it on first: it says how to decide, and for where."
        raise Refused("filtering_off", words, status=409)
    check_training(service.training_manifest, task=run.profile["task"], lines=FIRST_LINES)
    try:
        with transaction.atomic():
            task = _begin(run, service.output_dataset, frozen, by)
    except IntegrityError:
        active = run.collection_tasks.filter(kind=CollectionKind.FILTER, status__in=ACTIVE_COLLECTION).first()
        if active is None:
            raise
        words = f"{run} is being filtered into {active.dataset} already: task {active.pk}."
        raise Refused("already_filtering", words, status=409, item=active.pk) from None
    step("collection.start.committed")
    return task


def _begin(run: BatchRun, dataset: Dataset, frozen: dict[str, Any], by: User | None) -> CollectionTask:
    run = BatchRun.objects.select_for_update(of=("self",)).select_related("service").get(pk=run.pk)
    if run.status in ACTIVE_RUN:
        raise Refused("still_running", f"{run} is going on. Wait until it has ended, or stop it.", status=409)
    if not run.done:
        raise Refused("nothing_predicted", f"{run} has no predictions, so there is nothing to filter.", status=409)
    check_task(run.profile["task"], dataset, field="output_dataset")
    mapping = check_mapping(run.profile["class_names"], dataset, frozen["label_mapping"])
    return begin_filtering(run, dataset, {**frozen, "label_mapping": mapping}, by=by)
