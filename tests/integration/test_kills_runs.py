"""A worker is killed at every named step of a run; each input is predicted once."""

import json
import random

import pytest

from batchservices import comparison, running
from batchservices.compared import RunComparison
from batchservices.deployment import deploy
from batchservices.elsewhere import register_elsewhere
from batchservices.models import BatchRun, BatchService
from datasets import locations
from tests import loop
from tests.integration.killing import (
    IMAGES,
    Workers,
    finish,
    finish_collection,
    finish_run,
    killed_at_random,
    walk,
)
from tests.integration.steps import COMPARISON_STEPS, KEEPING_STEPS, REOPEN_STEPS, RUN_STEPS, START_STEPS

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_workers_and_sandboxes_are_killed_at_random_moments(workers: Workers, service: BatchService) -> None:
    run = running.start(service=service, by=None)
    killed_at_random(workers, "run", run, random.Random(7))
    finish_run(run)
    finish_collection(run.collection_tasks.get())
