"""Who starts something is killed at every named step; it is there whole or not at all."""

import re

import pytest
from django.utils import timezone

from batchservices import collection, registration, schedules
from batchservices.models import BatchRun, BatchService, CollectionTask, InferenceModel
from datasets.models import Dataset
from hardexamples.models import Recut
from tests import loop
from tests.integration import steps
from tests.integration.killing import ROOT, Workers, finish, finish_collection, finish_run, walk
from tests.integration.steps import CHECK_STEPS, START_STEPS

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_named_step_is_walked_through() -> None:
    found = set()
    for folder in ("batchservices", "hardexamples", "labeling"):
        for path in (ROOT / folder).glob("*.py"):
            found |= set(re.findall(r'step\("([a-z_.]+)"\)', path.read_text()))
    for name in ("blobs", "proposing"):
        found |= set(re.findall(r'step\("([a-z_.]+)"\)', (ROOT / f"datasets/{name}.py").read_text()))
    named = [each for name, each in vars(steps).items() if name.endswith("_STEPS")]
    walked = {step for each in named for step in (each if isinstance(each, tuple) else sum(each.values(), ()))}
    assert found
    assert found <= {step.partition(":")[0] for step in walked}


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
