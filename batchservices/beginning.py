"""How a collection begins: its row, the hold on its dataset, the doorbell; inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from batchservices.models import BatchRun, BatchService, CollectionKind, CollectionTask
from config.doorbell import ring
from datasets import holds
from datasets.models import Dataset
from hardexamples.models import Recut

COLLECTION = "batchservices.execute_collection"


def begin(
    *,
    kind: CollectionKind,
    service: BatchService,
    dataset: Dataset,
    input_location: str,
    created_by: User | None,
    run: BatchRun | None = None,
    label_mapping: Mapping[str, str] | None = None,
    recut: Recut | None = None,
    positions: Sequence[int] = (),
    filter_settings: Mapping[str, Any] | None = None,
) -> CollectionTask:
    """A collection that workers go on with once the transaction is committed.

    Args:
        kind: what it does.
        service: whose inputs.
        dataset: where they go.
        input_location: where they are.
        created_by: who asked.
        run: whose inputs, where it is about a run.
        label_mapping: class of the model -> label.
        recut: what is decided anew.
        positions: which inputs of the run, where they were chosen.
        filter_settings: what a filter goes by, frozen.
    """
    task = CollectionTask.objects.create(
        kind=kind,
        service=service,
        run=run,
        dataset=dataset,
        input_location=input_location,
        label_mapping=dict(label_mapping or {}),
        recut=recut,
        positions=list(positions),
        filter_settings=filter_settings,
        created_by=created_by,
    )
    holds.place(
        dataset=dataset,
        key=hold_key(task),
        kind="collection",
        words=f"{task} brings images into it.",
        link=reverse("admin:batchservices_batchservice_change", args=[service.pk]),
    )
    ring(COLLECTION, task.pk)
    return task


def hold_key(task: CollectionTask) -> str:
    """The key of the hold that a collection has on its dataset."""
    return f"collection-{task.pk}"
