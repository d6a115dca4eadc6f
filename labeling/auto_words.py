"""Auto labeling tasks in words: what they do, how far they are, what came of them."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from config.figures import lasting
from labeling.models import AutoLabelingStatus, AutoLabelingTask

EVENTS = {
    "start": "Started",
    "init": "Preparing",
    "labeling": "Labeling",
    "grouping": "Grouping",
    "result_processing": "Processing results",
    "end": "Ended",
}
_RESULTS = "Results come to To Be Confirmed"
LEAST_TOLD = 0.08  # share of the work from which on the time left can be told


@dataclass(frozen=True)
class Progress:
    """A task at one moment: `share` 0..1, `seconds_left` None where that cannot be told."""

    task: AutoLabelingTask
    words: str
    share: float
    seconds_left: float | None
    at_work: bool

    @property
    def percent(self) -> int:
        """0..100."""
        return round(100 * self.share)


def title_of(task: AutoLabelingTask) -> str:
    """What it does: "Active learning, fast"; "Pre-labeling by lights 2"; "Auto grouping into 20 groups"."""
    if task.kind == AutoLabelingTask.Kind.PRE_LABELING:
        return f"Pre-labeling by {task.model_name}"
    if task.kind == AutoLabelingTask.Kind.AUTO_GROUPING:
        return f"Auto grouping into {task.group_count} groups" if task.group_count else "Auto grouping"
    by = f" on activations of {task.model_name}" if task.model_name else ""
    return f"Active learning, {task.algorithm}{by}"


def progress_of(task: AutoLabelingTask, *, now: datetime | None = None) -> Progress:
    """How far a task is; `now` is for tests."""
    at_work = task.status in AutoLabelingTask.WORKING
    left = None
    if task.status == AutoLabelingStatus.RUNNING and task.started_at and task.share >= LEAST_TOLD:
        elapsed = ((now or timezone.now()) - task.started_at).total_seconds()
        left = elapsed * (1 - task.share) / task.share
    return Progress(task, f"{title_of(task)}: {_words(task, left)}", task.share, left, at_work)


def _words(task: AutoLabelingTask, left: float | None) -> str:
    if task.status == AutoLabelingStatus.WAITING:
        return "queuing. It begins when the tasks before it have ended."
    if task.status == AutoLabelingStatus.RUNNING:
        now = EVENTS[task.events[-1]["name"]].lower() if task.events else "preparing"
        counts = f", {task.done:,} of {task.total:,} images looked at" if task.total else ""
        until = f". About {lasting(left)} left." if left is not None else "."
        waits = f" It waits: {task.waits_for}" if task.waits_for else ""
        results = "The groups come" if task.kind == AutoLabelingTask.Kind.AUTO_GROUPING else _RESULTS
        return f"{now}{counts}{until} {results} when it ends.{waits}"
    if task.status == AutoLabelingStatus.SUCCEEDED:
        return result_of(task)
    if task.status == AutoLabelingStatus.FAILED:
        return f"failed. {task.error}"
    return "stopped. Nothing came of it."


def result_of(task: AutoLabelingTask) -> str:
    """What came of a task that succeeded."""
    if task.kind == AutoLabelingTask.Kind.AUTO_GROUPING:
        images = sum(group["count"] for group in task.groups)
        words = f"{images:,} images are in {len(task.groups)} groups, as the sample attribute “{task.attribute}”"
        return f"{words}; {task.unreadable:,} could not be read." if task.unreadable else f"{words}."
    parts = [f"{task.proposed:,} samples came to To Be Confirmed, {task.hard:,} of them hard"]
    if task.passed_over:
        parts.append(f"{task.passed_over:,} passed over, since people were there first")
    if task.unreadable:
        parts.append(f"{task.unreadable:,} could not be read")
    return "; ".join(parts) + "."


def learned_of(task: AutoLabelingTask) -> str:
    """What active learning tells of its classifier; "" where there is none."""
    told = task.learned
    if "classifier" not in told:
        return ""
    others = ", ".join(f"{name} {loss:.3f}" for name, loss in sorted(told["others"].items(), key=lambda each: each[1]))
    return (
        f"Learned from {told['labeled']:,} labeled images by {told['classifier']}, which foretold "
        f"{told['accuracy']:.1%} of them without having learned them (log-loss {told['log_loss']:.3f}; {others})."
    )


def compared_of(task: AutoLabelingTask) -> str:
    """What auto grouping compared images by."""
    by = f"activations of {task.model_name}" if task.model_name else "the built-in descriptor"
    return " and ".join([by, ", ".join(task.measures)] if task.measures else [by])
