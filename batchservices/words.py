"""What a service and its collections must tell people, in words."""

from dataclasses import dataclass

from batchservices.models import (
    ACTIVE_COLLECTION,
    ACTIVE_RUN,
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    RunStatus,
)


@dataclass(frozen=True)
class Outlook:
    """What becomes of the hard examples of a service.

    Attributes:
        state: in a word or two, as ModelArts names the states of filtering.
        words: why, and what to do.
        task: the newest filtering, where the last run has one.
        run: the last run, where its kept predictions can be filtered at once, and have not been by these settings.
    """

    state: str
    words: str
    task: CollectionTask | None = None
    run: BatchRun | None = None


def outlook(service: BatchService) -> Outlook:
    """The last run of a service against the settings of its filter as they are now."""
    run = service.runs.first()
    if not service.filtering:
        return Outlook("Off", _while_off(run))
    if run is None:
        words = "Hard example filtering is on. Start the service: filtering begins when the run has ended."
        return Outlook("Configured", words)
    task = run.collection_tasks.filter(kind=CollectionKind.FILTER).first()
    if run.status in ACTIVE_RUN:
        return Outlook("Waiting for the run", _while_running(service, run))
    kept = run if run.done and (task is None or task.status not in ACTIVE_COLLECTION) else None
    if task is not None and task.created_at >= service.filtering_changed_at and _goes_by_settings_of_now(task, service):
        words = f"Run {run.pk}: {task.words or task.get_status_display()}"
        over = task.status in (CollectionStatus.FAILED, CollectionStatus.STOPPED)
        return Outlook(task.get_status_display(), words, task, kept if over else None)
    return Outlook("Waiting for a start", _since(service, run, at_once=kept is not None), task, kept)


def _while_off(run: BatchRun | None) -> str:
    words = "Hard example filtering is off."
    if run is None:
        return words
    if not run.filtering:
        return f"{words} Nothing is filtered when a run ends while it is off."
    if run.status in ACTIVE_RUN:
        return f"{words} It was on when run {run.pk} started, so that run is filtered when it ends."
    return words


def _goes_by_settings_of_now(task: CollectionTask, service: BatchService) -> bool:
    """Whether a filtering froze what its service says now: a run that ends brings the settings of its start."""
    frozen = task.filter_settings
    if not frozen:
        return True
    labels = frozen["label_mapping"]
    return (
        frozen["filter"] == service.filter_id
        and frozen["training_manifest"] == service.training_manifest
        and frozen["output_dataset"] == service.output_dataset_id
        and all(service.label_mapping.get(name, label) == label for name, label in labels.items())
    )


def _while_running(service: BatchService, run: BatchRun) -> str:
    if not run.filtering:
        return (
            f"Filtering was off when run {run.pk} started, so nothing is filtered when it ends. "
            "Restart the service to filter."
        )
    frozen = " with the settings of before" if run.created_at < service.filtering_changed_at else ""
    return f"Run {run.pk} is going on; filtering begins when it has ended{frozen}."


def _since(service: BatchService, run: BatchRun, *, at_once: bool) -> str:
    """Why the last run, which has ended, was not filtered by the settings of now."""
    if run.status in (RunStatus.STOPPED, RunStatus.FAILED) and run.filtering:
        why = f"Run {run.pk} did not get to its end, so nothing was filtered."
    elif not run.filtering:
        why = f"Filtering was off when run {run.pk} started, so nothing was filtered when it ended."
    elif run.created_at < service.filtering_changed_at:
        why = f"The settings were changed after run {run.pk} started."
    else:
        why = f"Run {run.pk} ended without being filtered."
    what = "Start the service again to filter by them" if run.filtering else "Start the service again to filter"
    if at_once:
        return f"{why} {what}, or filter run {run.pk} now from its kept predictions."
    return f"{why} {what}."


def kept_words(run: BatchRun) -> str:
    """How many predictions of a run were kept, and how many inferred; "" where none was kept."""
    if not run.kept:
        return ""
    whence = f"run {run.kept_from_id}" if run.kept_from_id else "earlier runs"
    inferred = run.done - run.kept
    return (
        f"{run.kept:,} of {run.total or run.done:,} {_were(run.kept)} kept from {whence}; "
        f"{inferred:,} {_were(inferred)} inferred."
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def summary(task: CollectionTask) -> str:
    """What a collection has brought so far, in one or two sentences of at most 500 characters."""
    if task.kind == CollectionKind.SYNCHRONIZE and not task.added and not task.failed and task.cursor:
        return f"Nothing new: all {task.cursor:,} images are in {task.dataset} already."
    if task.recut is not None:
        made = task.recut
        words = f"{made.added:,} became hard, {made.dropped:,} are hard no more, {made.kept:,} stayed."
        if made.decided:
            words += f" On {made.decided:,} of them people had decided; these samples stayed as they are."
        return words + (f" {task.failed:,} could not be read." if task.failed else "")
    parts = [f"{task.added:,} images added", f"{task.already_there:,} already there"]
    if task.already_labeled:
        parts.append(f"{task.already_labeled:,} already labeled")
    if task.failed:
        parts.append(f"{task.failed:,} could not be taken")
    words = ", ".join(parts) + "."
    if task.kind == CollectionKind.FILTER and task.mining is not None:
        mining = task.mining
        words = f"{mining.flagged:,} of {mining.total:,} images are hard. {words}"
        if mining.controls:
            others = "another one" if mining.controls == 1 else f"{mining.controls:,} others"
            words += f" With {others} at random, to check the filter blindly."
        if mining.reference_missing:
            words += f" Of the training manifest, {mining.reference_missing:,} could not be read."
    return words[:500]
