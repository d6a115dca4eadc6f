"""Decisions about selections in words: how far they are, and what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from labeling.models import ReviewTask, ReviewTaskStatus

Verb = ReviewTask.Verb
DONE: Mapping[str, str] = {
    Verb.CONFIRM: "Labeled",
    Verb.ACCEPT: "Labeled, accepted at once",
    Verb.LABEL: "Labeled",
    Verb.REJECT: "rejected",
    Verb.MARK_HARD: "confirmed as hard examples",
    Verb.UNMARK_HARD: "unmarked",
    Verb.ADD_TO_DATASET: "added",
    Verb.DELETE: "deleted",
    Verb.UNDO: "as they were before",
}
WHY_NOT: Mapping[str, str] = {
    Verb.CONFIRM: "are not To Be Confirmed or have no label",
    Verb.ACCEPT: "are not To Be Confirmed or have no label",
    Verb.LABEL: "would have no label",
    Verb.REJECT: "are Unlabeled already",
    Verb.MARK_HARD: "are so already",
    Verb.UNMARK_HARD: "were not hard",
    Verb.ADD_TO_DATASET: "are in it already or not Labeled yet",
    Verb.DELETE: "are gone already",
    Verb.UNDO: "were undone already or are gone",
}


@dataclass(frozen=True)
class Working:
    """A decision that a worker is at, or that ended a while ago, in words."""

    task: ReviewTask
    words: str
    percent: int
    at_work: bool


def working(task: ReviewTask) -> Working:
    """A decision in words."""
    percent = 100 * task.cursor // max(1, task.total)
    what = task.get_verb_display()
    came = f"{task.changed:,} {DONE[task.verb]}"
    if task.overtaken:
        came += f", {task.overtaken:,} passed over because somebody else had changed them"
    if task.passed_over:
        came += f", {task.passed_over:,} {WHY_NOT[task.verb]}"
    at_work = task.status == ReviewTaskStatus.RUNNING
    if at_work:
        return Working(task, f"{what}: {task.cursor:,} of {task.total:,} samples. {_left(task)}", percent, True)
    ended = "" if task.status == ReviewTaskStatus.FINISHED else f"{task.get_status_display()}. "
    return Working(task, f"{what}: {ended}{came}. {task.error}".strip(), percent, False)


def _left(task: ReviewTask) -> str:
    if not task.started_at or not task.cursor:
        return "Waiting for a worker." if not task.started_at else ""
    seconds = (timezone.now() - task.started_at).total_seconds() * (task.total - task.cursor) / task.cursor
    return (
        f"About {max(1, round(seconds / 60))} min left." if seconds > 90 else f"About {max(1, round(seconds))} s left."
    )
