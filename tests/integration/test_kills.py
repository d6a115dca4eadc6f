"""Workers and their sandboxes are killed at every named step and at random moments; what they did is done once."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils import timezone

from batchservices import choosing, collection, comparison, recutting, registration, running, schedules
from batchservices.compared import RunComparison
from batchservices.deployment import deploy
from batchservices.elsewhere import register_elsewhere
from batchservices.models import BatchRun, BatchService, CollectionTask, InferenceModel
from config.leases import LeasedWork
from datasets import counters, locations
from datasets.creation import create_dataset
from datasets.models import Dataset, Sample
from hardexamples.models import Mining, Recut
from hardexamples.recut import wish
from tests import loop
from tests.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = 12
TRAINED = 30

RUN_STEPS = (
    "run.list.before_commit",
    "run.list.committed",
    "run.prepare.before_commit",
    "batchservices.execute_run.before_ring",
    "run.chunk.before_commit",
    "run.chunk.leased",
    "run.item.predicted",
    "run.result.written",
    "run.chunk.before_commit:2",
    "run.chunk.committed",
    "run.manifest.written",
    "run.conclude.before_commit",
    "batchservices.execute_collection.before_ring",
    "batchservices.execute_run.rung",
    "batchservices.execute_collection.rung",
    "run.prepared",
    "run.concluded",
)
KEEPING_STEPS = (
    "run.list.before_commit",
    "run.list.committed",
    "run.prepare.before_commit",
    "run.prepared",
    "run.chunk.leased",
    "run.result.written",
    "run.chunk.before_commit:2",
    "run.chunk.committed",
    "run.conclude.before_commit",
)
FILTER_STEPS = (
    "collection.mining.before_commit",
    "collection.mining.begun",
    "reference.chunk.before_commit",
    "reference.chunk.committed",
    "second_look.chunk.before_commit",
    "mining.fit.before_commit",
    "mining.fitted",
    "mining.suspects.before_commit",
    "mining.suspects.committed",
    "second_look.chunk.committed",
    "mining.second_look.before_commit",
    "mining.second_look.ended",
    "mining.chunk.before_commit",
    "mining.chunk.committed",
    "mining.finish.before_commit",
    "mining.finished",
    "collection.filter.before_commit",
    "collection.filtered",
    "blob.before_write",
    "blob.written:2",
    "collection.bytes.kept",
    "collection.chunk.before_commit",
    "collection.chunk.committed",
    "collection.end.before_commit",
    "collection.ended",
)
SYNCHRONIZE_STEPS = ("collection.count.before_commit", "collection.counted", "collection.chunk.committed")
RECUT_STEPS = (
    "recut.begin.before_commit",
    "recut.begun",
    "recut.chunk.before_commit",
    "recut.chunk.committed",
    "recut.conclude.before_commit",
    "recut.concluded",
)
CHOSEN_STEPS = ("chosen.count.before_commit", "chosen.counted", "collection.chunk.before_commit")
COMPARISON_STEPS = (
    "comparison.chunk.before_commit",
    "comparison.chunk.committed",
    "comparison.finished.before_commit",
)
REOPEN_STEPS = ("run.reopen.before_commit", "run.reopen.committed")
CHECK_STEPS = ("model.check.tried", "model.check.committed")
START_STEPS = {
    "start": ("run.started", "batchservices.execute_run.before_ring", "run.start.committed"),
    "synchronize": (
        "batchservices.execute_collection.before_ring",
        "batchservices.execute_collection.rung",
        "collection.start.committed",
    ),
    "recut": ("recut.start.committed",),
    "chosen": ("chosen.start.committed",),
    "retry": ("run.retry.before_commit", "run.retry.committed"),
    "schedule": ("schedule.settled",),
    "register": ("model.bytes.kept", "batchservices.execute_check.before_ring", "batchservices.execute_check.rung"),
}


def test_every_named_step_is_walked_through() -> None:
    found = set()
    for path in [*ROOT.glob("batchservices/*.py"), *ROOT.glob("hardexamples/*.py"), ROOT / "datasets/blobs.py"]:
        found |= set(re.findall(r'step\("([a-z_.]+)"\)', path.read_text()))
    walked = [
        *RUN_STEPS,
        *FILTER_STEPS,
        *SYNCHRONIZE_STEPS,
        *RECUT_STEPS,
        *CHOSEN_STEPS,
        *REOPEN_STEPS,
        *COMPARISON_STEPS,
        *CHECK_STEPS,
        *sum(START_STEPS.values(), ()),
    ]
    assert found <= {step.partition(":")[0] for step in walked}


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


@pytest.fixture
def workers(settings, tmp_path: Path) -> Iterator[Workers]:
    settings.LEASE_SECONDS = 2
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    started = Workers(deaths)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.fixture
def service() -> BatchService:
    loop.put_digits("inputs:night", first=400, count=IMAGES)
    manifest = loop.put_training_manifest(count=TRAINED)
    return loop.service(filtering=True, training_manifest=manifest, output_dataset_name="night")


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


def test_a_worker_is_killed_at_every_step_of_a_run(workers: Workers, service: BatchService) -> None:
    walk(workers, "run", RUN_STEPS, begin=lambda: running.start(service=service, by=None), settle=finish_run)


def test_a_worker_is_killed_at_every_step_of_a_run_that_keeps(workers: Workers, service: BatchService) -> None:
    first = loop.run(service)
    said = list(first.items.values_list("name", "sha256", "prediction"))

    def begin() -> BatchRun:
        for item in first.items.all()[: IMAGES // 2]:
            locations.remove(locations.parse(f"outputs:nightly/infer-result/{item.name}_result.txt"))
        return running.start(service=service, by=None)

    def settle(run: BatchRun) -> None:
        finish_run(run)
        assert (run.kept, run.items.filter(kept=True).count()) == (IMAGES, IMAGES)
        assert list(run.items.values_list("name", "sha256", "prediction")) == said
        for line in loop.content(run.manifest).splitlines():
            assert loop.content(json.loads(line)["inference-loc"])

    walk(workers, "run", KEEPING_STEPS, begin=begin, settle=settle)


def test_a_worker_is_killed_at_every_step_of_taking_in_what_another_system_said(
    workers: Workers, service: BatchService
) -> None:
    loop.run(service)
    theirs = deploy(
        name="theirs",
        model=register_elsewhere(name="theirs", task="image_classification", class_names=loop.CLASSES, by=None),
        input_location="inputs:night",
        output_location="outputs:theirs",
        results_location="outputs:nightly",
        by=None,
        filtering=True,
        output_dataset_name="theirs",
    )
    walk(workers, "run", RUN_STEPS, begin=lambda: running.start(service=theirs, by=None), settle=finish_run)


def test_a_worker_is_killed_at_every_step_of_a_filtering(workers: Workers, service: BatchService) -> None:
    walk(
        workers,
        "collection",
        FILTER_STEPS,
        begin=lambda: loop.run(service).collection_tasks.get(),
        settle=finish_collection,
    )


def test_a_worker_is_killed_at_every_step_of_a_synchronization(workers: Workers, service: BatchService) -> None:
    def begin() -> CollectionTask:
        number = Dataset.objects.count()
        return collection.synchronize(service=service, dataset_name=f"all {number}", by=None)

    walk(workers, "collection", SYNCHRONIZE_STEPS, begin=begin, settle=finish_collection)


def mined(service: BatchService) -> Mining:
    task = loop.run(service).collection_tasks.get()
    finish_collection(task)
    assert task.mining is not None
    return task.mining


def finish_recut(task: CollectionTask) -> None:
    finish(task, collection.execute)
    assert (task.status, task.cursor) == ("dataset_imported", task.total), task.words
    mining = task.recut.mining
    items = mining.items.filter(flagged=True)
    hard = Sample.objects.filter(dataset=task.dataset, hard=True)
    assert set(hard.values_list("blob__sha256", flat=True)) == set(items.values_list("sha256", flat=True))
    assert not hard.filter(reasons__isnull=True).exists()
    assert items.count() == mining.flagged
    assert mining.settings == task.recut.after["settings"]
    assert not counters.check(task.dataset)
    assert not task.dataset.holds.exists()


def test_a_worker_is_killed_at_every_step_of_a_recut(workers: Workers, service: BatchService) -> None:
    mining = mined(service)

    def begin() -> CollectionTask:
        mining.refresh_from_db()
        value = 0.9 if mining.settings["threshold"] < 0.5 else 0.001
        wanted = wish(mining=mining, changes={"algo_hard_threshold": value})
        return recutting.recut(mining=mining, wanted=wanted, by=None)

    walk(workers, "collection", RECUT_STEPS, begin=begin, settle=finish_recut)


def test_a_worker_is_killed_at_every_step_of_bringing_chosen_inputs(workers: Workers, service: BatchService) -> None:
    run = loop.run(service)

    def begin() -> CollectionTask:
        name = f"chosen {Dataset.objects.count()}"
        dataset = create_dataset(name=name, task="image_classification", by=None, labels=())
        return choosing.add_inputs(run=run, positions=range(5), dataset=dataset, by=None)

    def settle(task: CollectionTask) -> None:
        finish(task, collection.execute)
        assert (task.status, task.cursor, task.added) == ("dataset_imported", 5, 5)
        assert Sample.objects.filter(dataset=task.dataset).count() == 5
        assert not counters.check(task.dataset)

    walk(workers, "collection", CHOSEN_STEPS, begin=begin, settle=settle)


def failed_run(service: BatchService) -> BatchRun:
    """A run that has ended, as if two of its images had failed."""
    run = loop.run(service)
    finish_collection(run.collection_tasks.latest("pk"))
    run.items.filter(position__lt=2).update(
        status="failed", error_code="image_timeout", error="It took too long.", prediction=None, sha256="", attempts=3
    )
    BatchRun.objects.filter(pk=run.pk).update(status="alarm", done=IMAGES - 2, failed=2)
    return run


def finish_retried(run: BatchRun) -> None:
    finish(run, running.execute)
    assert (run.status, run.total, run.done, run.failed) == ("finished", IMAGES, IMAGES, 0), run.error
    assert run.items.filter(status="done", attempts__lte=2).count() == IMAGES
    finish_collection(run.collection_tasks.latest("pk"))


def test_a_worker_is_killed_while_it_opens_a_run_again(workers: Workers, service: BatchService) -> None:
    def begin() -> BatchRun:
        run = failed_run(service)
        running.retry(run=run, by=None)
        return run

    walk(workers, "run", REOPEN_STEPS, begin=begin, settle=finish_retried)
    run = failed_run(service)
    for step in START_STEPS["retry"]:
        assert workers.killed("retry", run.pk, step)
        run.refresh_from_db()
        assert run.status == ("alarm" if step.endswith("before_commit") else "preparing")
    finish_retried(run)


def test_a_worker_is_killed_while_it_compares_runs(workers: Workers, service: BatchService) -> None:
    runs = []
    for _ in range(2):
        runs.append(running.start(service=service, by=None, again=True))
        finish_run(runs[-1])

    def begin() -> RunComparison:
        RunComparison.objects.all().delete()
        return comparison.compare(run=runs[1], other=runs[0], by=None)

    def settle(made: RunComparison) -> None:
        finish(made, comparison.execute)
        assert (made.status, made.counts) == ("finished", {"same": IMAGES}), made.error

    walk(workers, "comparison", COMPARISON_STEPS, begin=begin, settle=settle)


def test_who_starts_what_is_due_is_killed(workers: Workers, service: BatchService) -> None:
    schedules.set_schedule(service=service, schedule="0 * * * *", by=None)
    BatchService.objects.filter(pk=service.pk).update(due_at=timezone.now())
    assert workers.killed("schedule", 0, START_STEPS["schedule"][0])
    assert not BatchRun.objects.exists()
    assert [each.code for each in schedules.start_due(now=timezone.now())] == ["started"]
    assert schedules.start_due(now=timezone.now()) == []
    finish_run(BatchRun.objects.get())


def test_a_worker_is_killed_while_it_checks_a_model(workers: Workers) -> None:
    def begin() -> InferenceModel:
        return registration.register_model(name="digits", data=loop.model_bytes(), by=None, profile=loop.PROFILE)

    def settle(model: InferenceModel) -> None:
        finish(model, registration.execute_check)
        assert model.status == "ready", model.error

    walk(workers, "check", CHECK_STEPS, begin=begin, settle=settle)


def test_what_is_started_is_there_whole_or_not_at_all(workers: Workers, service: BatchService) -> None:
    assert workers.killed("start", service.pk, "run.started")
    assert not BatchRun.objects.exists()
    for step in START_STEPS["start"][1:]:
        assert workers.killed("start", service.pk, step)
        finish_run(BatchRun.objects.latest("pk"))
    for step in START_STEPS["synchronize"]:
        assert workers.killed("synchronize", service.pk, step)
        finish_collection(CollectionTask.objects.get(dataset__name="all"))
        Dataset.objects.filter(name="all").update(name=f"all by {step}")
    filtering = CollectionTask.objects.filter(kind="filter").latest("pk")
    finish(filtering, collection.execute)
    mining = filtering.mining
    assert workers.killed("recut", mining.pk, START_STEPS["recut"][0])
    finish(CollectionTask.objects.get(kind="recut"), collection.execute)
    assert Recut.objects.get().status == "applied"
    assert workers.killed("chosen", filtering.run_id, START_STEPS["chosen"][0])
    finish(CollectionTask.objects.get(kind="chosen"), collection.execute)
    for number, step in enumerate(START_STEPS["register"]):
        assert workers.killed("register", 0, step)
        assert InferenceModel.objects.filter(name="another").count() == number


def test_workers_and_sandboxes_are_killed_at_random_moments(workers: Workers, service: BatchService) -> None:
    chance = random.Random(7)
    run = running.start(service=service, by=None)
    for number in range(4):
        pid = workers.begin("run", run.pk)
        victim = sandbox_of(pid) if number % 2 else pid
        time.sleep(chance.uniform(0, 1.5))
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        workers.end()
        release(run)
    finish_run(run)
    finish_collection(run.collection_tasks.get())


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
