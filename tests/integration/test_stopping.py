"""A worker that is stopped gives its work back, so that the next start goes on at once."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchservices import running
from batchservices.models import BatchRun, ItemStatus
from config.celery import ORPHANED
from config.sweeper import sweep
from tests import loop
from tests.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = 900
ENDS_WITHIN = 30
"""Seconds; half of a lease, so that none of what is free afterwards has expired by itself."""


@pytest.fixture
def run() -> BatchRun:
    loop.put_digits("inputs:night", first=400, count=IMAGES)
    return running.start(service=loop.service(), by=None)


@pytest.fixture
def known(tmp_path: Path) -> dict[str, str]:
    """The environment of a worker on the test's database."""
    return environment() | {"HARDMINE_DATA_DIR": str(tmp_path), "HARDMINE_BROKER_URL": "filesystem://"}


@pytest.fixture
def worker(known: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A real Celery worker with one process, that knows nothing of the run yet."""
    line = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--concurrency", "1"]
    process = subprocess.Popen([*line, "--without-gossip", "--without-mingle"], cwd=ROOT, env=known)
    yield process
    process.kill()
    process.wait()


def tell(run: BatchRun, known: dict[str, str]) -> None:
    words = f"from config.celery import app; app.send_task('batchservices.execute_run', args=[{run.pk}])"
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=known, check=True)


def processes_of(worker: subprocess.Popen) -> set[int]:
    found = Path(f"/proc/{worker.pid}/task").glob("*/children")
    return {int(child) for children in found for child in children.read_text().split()}


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


WHOM = ["worker", "worker with a process started anew", "first process", "its processes", "its processes, told often"]


@pytest.mark.parametrize("whom", WHOM)
def test_what_a_stopped_worker_had_leased_is_free_at_once(
    whom: str, run: BatchRun, known: dict[str, str], worker: subprocess.Popen
) -> None:
    wait(lambda: bool(processes_of(worker)))
    if whom == "worker with a process started anew":
        [before] = processes_of(worker)
        os.kill(before, signal.SIGKILL)
        wait(lambda: bool(processes_of(worker) - {before}))
    tell(run, known)
    wait(lambda: BatchRun.objects.get(pk=run.pk).done > 0)
    if whom == "first process":
        worker.kill()
    elif whom in ("its processes", "its processes, told often"):
        # as a system that stops them all together; and as the kernel, for every thread of a worker that is gone
        [child] = processes_of(worker)
        for number in [ORPHANED if "often" in whom else signal.SIGTERM] + [ORPHANED] * 200:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
            time.sleep(0.001)
        wait(lambda: not run.items.filter(status=ItemStatus.LEASED).exists())
    worker.send_signal(signal.SIGTERM)
    worker.wait(ENDS_WITHIN)
    wait(lambda: not run.items.filter(status=ItemStatus.LEASED).exists())
    run.refresh_from_db()
    assert (run.status, run.lease_token) == ("running", "")
    assert 0 < run.done < IMAGES
    assert run.done == run.items.filter(status=ItemStatus.DONE).count()
    assert not run.items.filter(status=ItemStatus.PENDING, attempts__gt=0).exists()
    BatchRun.objects.update(created_at=run.created_at.replace(year=2000))
    assert sweep() == 1
