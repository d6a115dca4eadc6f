"""Confirmed hard examples join the training set, once."""

import pytest

from config.refusals import Refused
from datasets import counters, transfer
from datasets.models import Sample
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardReasonFactory,
    PredictionFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def confirmed() -> Sample:
    sample = SampleFactory(status="labeled", hard=True, hard_coefficient=0.7, usage="EVAL")
    annotation = AnnotationFactory(sample=sample, label__name="cat")
    HardReasonFactory(sample=sample, annotation=annotation)
    PredictionFactory(sample=sample)
    return sample


def test_it_brings_all_that_is_known_and_adds_labels(confirmed) -> None:
    target = DatasetFactory()
    done = transfer.add_to_dataset(samples=Sample.objects.all(), target=target, by=UserFactory())
    assert done == transfer.Transferred(added=1, updated=0, already_there=0, passed_over=0)
    copy = target.samples.get()
    assert (copy.blob, copy.status, copy.hard, copy.hard_coefficient, copy.usage) == (
        confirmed.blob, "labeled", True, 0.7, "EVAL",
    )  # fmt: skip
    annotation = copy.annotations.get()
    assert (annotation.label.name, annotation.label.dataset, annotation.origin) == ("cat", target, "human")
    assert copy.reasons.get().annotation == annotation
    assert copy.predictions.get().predicted_label == "cat"
    assert counters.check(target) == []


def test_the_second_time_adds_nothing(confirmed) -> None:
    target, by = DatasetFactory(), UserFactory()
    transfer.add_to_dataset(samples=[confirmed.pk], target=target, by=by)
    again = transfer.add_to_dataset(samples=[confirmed.pk], target=target, by=by)
    assert (again.added, again.already_there) == (0, 1)
    assert target.samples.count() == 1


def test_only_labeled_ones_go_and_labeled_ones_stay(confirmed) -> None:
    target = DatasetFactory()
    there = SampleFactory(dataset=target, blob=confirmed.blob, status="labeled")
    kept = AnnotationFactory(sample=there, label__name="dog")
    waiting = SampleFactory(dataset=confirmed.dataset, status="to_be_confirmed")
    done = transfer.add_to_dataset(samples=[confirmed.pk, waiting.pk], target=target, by=UserFactory())
    assert done == transfer.Transferred(added=0, updated=0, already_there=1, passed_over=1)
    assert list(there.annotations.all()) == [kept]


def test_one_that_waits_in_the_target_takes_what_was_confirmed(confirmed) -> None:
    target = DatasetFactory()
    there = SampleFactory(dataset=target, blob=confirmed.blob, status="to_be_confirmed")
    AnnotationFactory(sample=there, label__name="dog", origin="model")
    assert transfer.add_to_dataset(samples=[confirmed.pk], target=target, by=UserFactory()).updated == 1
    there.refresh_from_db()
    assert (there.status, there.annotations.get().label.name) == ("labeled", "cat")
    assert counters.check(target) == []


def test_a_target_of_another_task_is_refused(confirmed) -> None:
    target = DetectionDatasetFactory()
    with pytest.raises(Refused) as refused:
        transfer.add_to_dataset(samples=[confirmed.pk], target=target, by=UserFactory())
    assert refused.value.code == "type_mismatch"
    assert not target.labels.exists()
