"""What a service and its collections must tell people, in words."""

from batchservices.models import BatchRun, BatchService, CollectionKind, CollectionTask, RunStatus


def filtering_words(service: BatchService) -> str:
    """What becomes of the hard examples of a service: the last run against the setting as it is now."""
    run = service.runs.first()
    if not service.filtering:
        return "Hard example filtering is off."
    if run is None:
        return "Hard example filtering is on. Start the service: filtering begins when the run has ended."
    if not run.filtering:
        return f"Filtering was off when run {run.pk} started. Start the service again to filter."
    if run.status in (RunStatus.PREPARING, RunStatus.RUNNING):
        frozen = " with the settings of before" if run.created_at < service.filtering_changed_at else ""
        return f"Run {run.pk} is going on; filtering begins when it has ended{frozen}."
    if run.created_at < service.filtering_changed_at:
        return f"The settings were changed after run {run.pk} started. Start the service again to filter by them."
    if run.status in (RunStatus.STOPPED, RunStatus.FAILED):
        return f"Run {run.pk} did not get to its end, so nothing was filtered. Start the service again to filter."
    task = run.collection_tasks.filter(kind=CollectionKind.FILTER).first()
    return f"Run {run.pk}: {task.words or task.get_status_display()}" if task else "Hard example filtering is on."


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
            words += f" With {mining.controls:,} others at random, to check the filter blindly."
    return words[:500]
