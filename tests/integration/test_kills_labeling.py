"""A worker is killed at every named step of auto labeling, of a simulation and of a large decision.

To Be Confirmed stays empty until the end; then each sample is there once.
"""

import random

import pytest
from django.contrib.auth.models import User

from datasets import blobs, counters
from datasets.models import Annotation, Dataset, Prediction, ReviewEvent, SampleAttribute, Status
from datasets.preparation import Prepared, prepare
from hardexamples.models import Mining
from labeling import auto_labeling, auto_work, selections, simulating, simulation_work
from labeling.models import AutoLabelingTask, LabelingSimulation, ReviewTask
from labeling.selections import Arguments, Selection
from tests import loop
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory, UserFactory
from tests.integration.killing import Workers, finish, killed_at_random, release, walk
from tests.integration.steps import (
    AUTO_GROUPING_STEPS,
    AUTO_LABELING_STEPS,
    REVIEW_STEPS,
    SIMULATION_STEPS,
    START_STEPS,
)

pytestmark = pytest.mark.django_db(transaction=True)

CLASSES = 3
UNLABELED = 12


def digits(*, labeled: int = 8, unlabeled: int = UNLABELED) -> Dataset:
    """A dataset of digits, so many labeled of each label and so many unlabeled, whose bytes are kept."""
    dataset = DatasetFactory.create()
    labels = [LabelFactory.create(dataset=dataset, name=str(number)) for number in range(CLASSES)]
    left = dict.fromkeys(range(CLASSES), labeled)
    pictures, truth = loop.digits()
    for picture, digit in zip(pictures, truth, strict=True):
        if digit >= CLASSES or (not (known := left[digit] > 0) and not unlabeled):
            continue
        data = loop.png(picture)
        prepared = Prepared(**prepare(data))
        blobs.keep(prepared=prepared, data=data)
        blob = blobs.rows([prepared])[prepared.sha256]
        sample = SampleFactory.create(dataset=dataset, blob=blob, status="labeled" if known else "unlabeled")
        if known:
            left[digit] -= 1
            AnnotationFactory(sample=sample, label=labels[digit])
        else:
            unlabeled -= 1
        if not unlabeled and not any(left.values()):
            break
    return dataset


@pytest.fixture
def ann() -> User:
    return UserFactory.create(username="ann")


def is_empty(task: AutoLabelingTask) -> bool:
    return not task.dataset.samples.filter(status=Status.TO_BE_CONFIRMED).exists()


def finish_auto_labeling(task: AutoLabelingTask) -> None:
    finish(task, auto_work.execute)
    assert (task.status, task.proposed, task.unreadable) == ("succeeded", UNLABELED, 0), task.error
    found = task.dataset.samples.filter(status=Status.TO_BE_CONFIRMED)
    assert found.count() == UNLABELED
    assert Annotation.objects.filter(sample__in=found, origin="model").count() == UNLABELED
    assert Prediction.objects.filter(sample__in=found).count() == UNLABELED
    assert len({sample.usefulness for sample in found}) == UNLABELED
    assert not counters.check(task.dataset)
    assert not task.dataset.holds.exists()
    assert Mining.objects.filter(subject=f"auto labeling {task.pk}").count() == 1
    assert task.mining is not None
    assert (task.mining.status, task.mining.items.count()) == ("finished", UNLABELED)


@pytest.mark.parametrize("kind", ["fast", "pre-labeling"])
def test_a_worker_is_killed_at_every_step_of_auto_labeling(workers: Workers, ann: User, kind: str) -> None:
    model = loop.ready_model() if kind == "pre-labeling" else None
    dataset = digits()
    if model:
        for name in loop.CLASSES[CLASSES:]:
            LabelFactory.create(dataset=dataset, name=name)
    chosen = {"kind": "pre_labeling", "model": model} if model else {"kind": "active_learning", "algorithm": kind}
    task = auto_labeling.start_auto_labeling(dataset=dataset, by=ann, **chosen)
    for step in AUTO_LABELING_STEPS:
        assert workers.killed("auto labeling", task.pk, step), f"nobody came to {step}"
        assert is_empty(task) == (step != "auto_labeling.ended"), step
        release(task)
    finish_auto_labeling(task)


def test_workers_and_sandboxes_of_auto_labeling_are_killed_at_random_moments(workers: Workers, ann: User) -> None:
    task = auto_labeling.start_auto_labeling(dataset=digits(), kind="active_learning", algorithm="accurate", by=ann)
    killed_at_random(workers, "auto labeling", task, random.Random(11))
    task.refresh_from_db()
    assert is_empty(task) == (task.status != "succeeded")
    finish_auto_labeling(task)


def test_a_worker_is_killed_at_every_step_of_auto_grouping(workers: Workers, ann: User) -> None:
    dataset = digits(labeled=0)
    assert workers.killed("start auto grouping", dataset.pk, START_STEPS["auto_grouping"][0])
    task = dataset.auto_labeling_tasks.get()
    told = SampleAttribute.objects.filter(sample__dataset=dataset)
    for step in AUTO_GROUPING_STEPS:
        assert workers.killed("auto labeling", task.pk, step), f"nobody came to {step}"
        assert not told.exists(), step
        release(task)
    finish(task, auto_work.execute)
    assert (task.status, told.count()) == ("succeeded", UNLABELED), task.error
    assert sum(group["count"] for group in task.groups) == UNLABELED


def test_auto_labeling_is_started_whole_or_not_at_all(workers: Workers, ann: User) -> None:
    for step in START_STEPS["auto_labeling"]:
        dataset = digits()
        assert workers.killed("start auto labeling", dataset.pk, step)
        finish_auto_labeling(dataset.auto_labeling_tasks.get())


def test_a_worker_is_killed_at_every_step_of_a_simulation(workers: Workers) -> None:
    dataset = digits(labeled=22, unlabeled=0)

    def begin() -> LabelingSimulation:
        return simulating.simulate_labeling(dataset=dataset, by=None, seeds=2, most_labels=12)

    def settle(simulation: LabelingSimulation) -> None:
        finish(simulation, simulation_work.execute)
        assert simulation.status == "succeeded", simulation.error
        assert {len(curves) for curves in simulation.curves.values()} == {2}

    walk(workers, "simulation", SIMULATION_STEPS, begin=begin, settle=settle)
    assert workers.killed("start simulation", dataset.pk, START_STEPS["simulation"][0])
    settle(dataset.labeling_simulations.latest("pk"))


def test_a_worker_is_killed_at_every_step_of_a_large_decision(workers: Workers, ann: User) -> None:
    dataset = DatasetFactory.create()
    label = LabelFactory.create(dataset=dataset)
    for _ in range(30):
        AnnotationFactory(sample=SampleFactory(dataset=dataset, status="to_be_confirmed"), label=label)
    chosen = Selection(dict(dataset.samples.values_list("pk", "version")))
    task = selections.begin(
        dataset=dataset, verb=ReviewTask.Verb.CONFIRM, selection=chosen, arguments=Arguments(), by=ann, batch="0" * 32
    )
    for step in REVIEW_STEPS:
        assert workers.killed("review", task.pk, step), f"nobody came to {step}"
        release(task)
    finish(task, selections.execute)
    assert (task.status, dataset.samples.filter(status=Status.LABELED).count()) == ("finished", 30)
    assert ReviewEvent.objects.filter(dataset=dataset).count() == 30
    assert not counters.check(dataset)
