"""Workers as real processes, and how they are killed; what must hold of their work when it has ended."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from batchservices import collection, running
from batchservices.models import BatchRun, CollectionTask
from config.leases import LeasedWork
from datasets import counters
from datasets.models import Sample
from tests import loop
from tests.processes import environment

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = 12
TRAINED = 30


class Workers:
    """Worker processes on the test's own database and storages, forked from one that has loaded everything.

    Args:
        deaths: the directory in which a file names the step at which a worker dies.
    """

    def __init__(self, deaths: Path) -> None:
        self.deaths = deaths
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.worker"],
            env=environment() | {"HARDMINE_DEATHS": str(deaths)},
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def begin(self, kind: str, pk: int) -> int:
        """Starts a worker and returns its process id."""
        assert self.process.stdin
        self.process.stdin.write(f"{kind} {pk}\n")
        self.process.stdin.flush()
        return self._number()

    def end(self) -> int:
        """Waits for the worker and returns its return code."""
        return self._number()

    def killed(self, kind: str, pk: int, step: str) -> bool:
        """Whether a worker came to the step and died there."""
        name, _, count = step.partition(":")
        order = self.deaths / name
        order.write_text(count)
        self.begin(kind, pk)
        died = self.end() == -signal.SIGKILL
        order.unlink(missing_ok=True)
        return died

    def _number(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


def walk[Work: LeasedWork](
    workers: Workers,
    kind: str,
    steps: tuple[str, ...],
    *,
    begin: Callable[[], Work],
    settle: Callable[[Work], None],
) -> None:
    """Kills a worker at each step, one after another, on the same work while it has not ended."""
    work = begin()
    for step in steps:
        if not workers.killed(kind, work.pk, step):
            settle(work)
            work = begin()
            assert workers.killed(kind, work.pk, step), f"nobody came to {step}"
        release(work)
    settle(work)


def release(work: LeasedWork) -> None:
    """Lets the dead worker's leases expire at once, to save the time of waiting for that. Its death is forgiven: work
    that dies five times in a row is given up, which is a promise of its own."""
    rows = type(work)._default_manager.filter(pk=work.pk).exclude(lease_token="")
    rows.update(lease_expires_at=work.created_at, attempts=0)
    if isinstance(work, BatchRun):
        work.items.filter(status="leased").update(lease_expires_at=work.created_at)


def finish(work: LeasedWork, execute: Callable[[int], None]) -> None:
    """What sweeper and workers do: go on until the work has ended."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        execute(work.pk)
        work.refresh_from_db()
        if work.status not in work.WORKING:
            return
        time.sleep(0.1)
    raise AssertionError(f"{work} has not ended: {work.status}")


def finish_run(run: BatchRun) -> None:
    finish(run, running.execute)
    assert (run.status, run.total, run.done, run.failed) == ("finished", IMAGES, IMAGES, 0), run.error
    items = list(run.items.all())
    assert len({item.name for item in items}) == len(items) == IMAGES
    assert all(item.status == "done" and item.prediction for item in items)
    assert len(loop.content(run.manifest).splitlines()) == IMAGES
    assert CollectionTask.objects.filter(run=run).count() == 1


def finish_collection(task: CollectionTask) -> None:
    finish(task, collection.execute)
    assert task.status == "dataset_imported", task.words
    found = IMAGES if task.mining is None else task.mining.flagged + task.mining.controls
    assert (task.cursor, task.added + task.already_there) == (found, found)
    assert Sample.objects.filter(dataset=task.dataset).count() == found
    assert not counters.check(task.dataset)
    assert not task.dataset.holds.exists()
    if task.mining is not None:
        assert task.mining.items.count() == IMAGES


def sandbox_of(pid: int) -> int:
    """The child of a worker, or the worker itself where it ends without one."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ProcessLookupError):
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                if found := children.read_text().split():
                    return int(found[0])
        if not Path(f"/proc/{pid}").exists():
            return pid
        time.sleep(0.01)
    return pid


def killed_at_random[Work: LeasedWork](workers: Workers, kind: str, work: Work, chance: random.Random) -> None:
    """Kills workers of a work, and their sandboxes, at moments that nobody chose."""
    for number in range(4):
        pid = workers.begin(kind, work.pk)
        victim = sandbox_of(pid) if number % 2 else pid
        time.sleep(chance.uniform(0, 1.5))
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        workers.end()
        release(work)
