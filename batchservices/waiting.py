"""Commands wait for runs and collections that workers execute, with a line of progress where a person looks on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.management.base import OutputWrapper

from batchservices.models import ACTIVE_COLLECTION, ACTIVE_RUN, BatchRun, CollectionStatus, CollectionTask, RunStatus
from batchservices.words import kept_words

POLL_SECONDS = 0.5
BAD = {RunStatus.ALARM, RunStatus.FAILED, RunStatus.STOPPED}
"""Where the script that comes next cannot rely on the results: an alarm is a run whose images did not all succeed."""


@dataclass(frozen=True)
class Progress:
    """How far something is: inputs settled, inputs in all (None: not known yet), whether it has ended."""

    done: int
    total: int | None
    ended: bool


def of_run(pk: int) -> Progress:
    """A run, as it stands in the database."""
    run = BatchRun.objects.get(pk=pk)
    return Progress(run.done + run.failed, run.total or None, run.status not in ACTIVE_RUN)


def of_collection(pk: int) -> Progress:
    """A collection, as it stands in the database."""
    task = CollectionTask.objects.get(pk=pk)
    return Progress(task.cursor, task.total, task.status not in ACTIVE_COLLECTION)


def wait_for_run(pk: int, *, name: str, terminal: OutputWrapper) -> dict[str, Any]:
    """Waits until a run and its filtering have ended.

    Args:
        pk: of the run.
        name: of its service.
        terminal: as `wait` has it.

    Returns:
        What came of it, as commands print it: status, predicted, kept, failed, ok (whether one can go on with the
        results), message; and, where it was filtered, collection_status.
    """
    wait(partial(of_run, pk), words=f"{name}, run {pk}", terminal=terminal)
    run = BatchRun.objects.get(pk=pk)
    result: dict[str, Any] = {
        "status": run.status,
        "predicted": run.done,
        "kept": run.kept,
        "failed": run.failed,
        "ok": run.status not in BAD,
        "message": f"Run {run.pk} {run.status}: {run.done:,} predicted, {run.failed:,} failed. "
        f"{kept_words(run)} {run.error}".strip(),
    }
    for task in run.collection_tasks.order_by("pk"):
        wait(partial(of_collection, task.pk), words=f"{name}, filtering", terminal=terminal)
        task.refresh_from_db()
        result["collection_status"] = task.status
        result["ok"] = result["ok"] and task.status == CollectionStatus.DATASET_IMPORTED
        result["message"] += f" {task.words}"
    return result


def wait(look: Callable[[], Progress], *, words: str, terminal: OutputWrapper) -> None:
    """Returns when the work has ended. On a terminal, one line shows progress, rate and time left.

    Args:
        look: how far the work is.
        words: what it is.
        terminal: where the line is shown, if that is a terminal.
    """
    started = time.monotonic()
    first = look()
    now = first
    while not now.ended:
        if terminal.isatty():
            line = _line(words, now, now.done - first.done, time.monotonic() - started)
            terminal.write(f"\r\x1b[K{line}", ending="")
            terminal.flush()
        time.sleep(POLL_SECONDS)
        now = look()
    if terminal.isatty():
        terminal.write("\r\x1b[K", ending="")


def _line(words: str, now: Progress, done: int, seconds: float) -> str:
    if now.total is None:
        return f"{words}: preparing"
    line = f"{words}: {now.done:,} of {now.total:,}"
    rate = done / max(seconds, 1e-3)
    if rate > 0:
        line += f", {rate:,.0f} per second, {(now.total - now.done) / rate:,.0f} s left"
    return line
