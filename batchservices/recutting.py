"""A mining is decided anew: the verb, what it refuses, and how it ends. `batchservices.recut_work` does it."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from batchservices.beginning import begin
from batchservices.models import (
    ACTIVE_COLLECTION,
    CollectionKind,
    CollectionTask,
)
from config.refusals import Refused
from config.steps import step
from datasets.models import Label
from hardexamples.models import Mining, MiningItem, Recut, RecutStatus
from hardexamples.recut import (
    Preview,
    Wish,
    preview,
    state_of,
    state_wanted,
)


def filtering_of(mining: Mining) -> CollectionTask:
    """The collection that made a mining: its run, its dataset, its mapping of labels.

    Raises:
        Refused: no_run (409).
    """
    tasks = CollectionTask.objects.select_related("run__model", "service", "dataset")
    task = tasks.filter(mining=mining, run__isnull=False).first()
    if task is None:
        raise Refused("no_run", "The run of this mining is gone; there is nothing to take images from.", status=409)
    return task


def look(*, mining: Mining, wanted: Wish) -> Preview:
    """What a re-cut would change in the dataset of a mining. Raises Refused as `filtering_of`."""
    return preview(mining=mining, wanted=wanted, dataset=filtering_of(mining).dataset)


def recut(*, mining: Mining, wanted: Wish, by: User | None) -> CollectionTask:
    """Begins to decide a mining anew.

    Args:
        mining: a finished one.
        wanted: as `hardexamples.recut.wish` read it.
        by: who decides it.

    Raises:
        Refused: no_run, filtered_again, unmapped_class, still_importing, already_recutting (409).
    """
    filtering = filtering_of(mining)
    _check_newest(filtering)
    _check_labels(filtering)
    if filtering.status in ACTIVE_COLLECTION:
        words = "The hard examples of this mining are still being brought into the dataset. Wait for that, then re-cut."
        raise Refused("still_importing", words, status=409)
    shown = look(mining=mining, wanted=wanted)
    try:
        with transaction.atomic():
            made = Recut.objects.create(
                mining=mining,
                filter=wanted.chosen or mining.filter,
                before=state_of(mining),
                after=state_wanted(mining, wanted),
                added=shown.added,
                dropped=shown.dropped,
                kept=shown.kept,
                decided=shown.decided,
                created_by=by,
            )
            task = begin(
                kind=CollectionKind.RECUT,
                service=filtering.service,
                run=filtering.run,
                dataset=filtering.dataset,
                input_location=filtering.input_location,
                label_mapping=filtering.label_mapping,
                recut=made,
                created_by=by,
            )
    except IntegrityError:
        if not mining.recuts.filter(status=RecutStatus.WORKING).exists():
            raise
        raise Refused("already_recutting", "This mining is being decided anew already.", status=409) from None
    step("recut.start.committed")
    return task


def _check_newest(filtering: CollectionTask) -> None:
    again = CollectionTask.objects.filter(
        kind=CollectionKind.FILTER, run=filtering.run, mining__isnull=False, pk__gt=filtering.pk
    )
    if again.exists():
        words = f"{filtering.run} was filtered again since. Re-cut the mining of that instead."
        raise Refused("filtered_again", words, status=409)


def _check_labels(filtering: CollectionTask) -> None:
    labels = set(Label.objects.filter(dataset=filtering.dataset).values_list("name", flat=True))
    lost = sorted(set(filtering.label_mapping.values()) - labels)
    if lost:
        words = f"{filtering.dataset} has lost the label {lost[0][:100]}, which a class of the model is mapped to."
        raise Refused("unmapped_class", f"{words} Add it again, then re-cut.", status=409, field="label_mapping")


def end_recut(made: Recut, *, applied: bool) -> None:
    """Says in the history what became of a re-cut; inside the transaction that ends its task."""
    if not applied:
        items = MiningItem.objects.filter(mining=made.mining)
        Mining.objects.filter(pk=made.mining_id).update(
            flagged=items.filter(flagged=True).count(), controls=items.filter(control=True, flagged=False).count()
        )
    status = RecutStatus.APPLIED if applied else RecutStatus.ENDED
    Recut.objects.filter(pk=made.pk).update(status=status, finished_at=timezone.now())
