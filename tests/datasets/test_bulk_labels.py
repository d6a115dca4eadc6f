"""Labels of many images at once mean what they mean for one."""

import secrets

import pytest

from datasets import counters, review, undoing
from datasets.bulk_labels import Relabeling, label_many
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, ReviewEvent
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardReasonFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

STANDING = ([], ["cat"], ["dog"], ["cat", "dog"], ["cat", "dog", "owl"])


@pytest.fixture
def ann():
    return UserFactory(username="ann")


def filled() -> Dataset:
    """Images with no, one and several labels; what a model said has a reason."""
    dataset = DatasetFactory()
    labels = {name: LabelFactory(dataset=dataset, name=name) for name in ("cat", "dog", "owl")}
    for place, names in enumerate(STANDING):
        status = ("to_be_confirmed", "labeled")[place % 2] if names else "unlabeled"
        sample = SampleFactory(dataset=dataset, status=status, hard=place == 1)
        for name in names:
            claim = AnnotationFactory(sample=sample, label=labels[name], origin="model", confidence=0.4)
            HardReasonFactory(sample=sample, annotation=claim, position=claim.pk % 1000)
    return dataset


def told(dataset: Dataset) -> list[tuple]:
    """What a dataset and its events say, without ids and times."""
    said = []
    for sample in dataset.samples.order_by("pk"):
        labels = sample.annotations.order_by("pk").values_list(
            "label__name", "origin", "annotated_by", "confidence", "reasons__code"
        )
        events = [
            (event.verb, event.outcome, *([claim["label"] for claim in state["claims"]] for state in states))
            for event in sample.review_events.all()
            if (states := (event.before, event.after))
        ]
        said.append((sample.status, sample.hard, sample.version, sample.confirmed_by_id, list(labels), events))
    return said


@pytest.mark.parametrize(
    "wanted",
    [
        Relabeling(only=["dog"]),
        Relabeling(only=["owl", "cat"]),
        Relabeling(add=["dog"]),
        Relabeling(remove=["cat"]),
        Relabeling(remove=["cat", "dog"], add=["owl"]),
    ],
)
def test_many_at_once_become_what_each_alone_would(ann, wanted) -> None:
    together, alone = filled(), filled()
    versions = dict(together.samples.values_list("pk", "version"))
    done = label_many(dataset=together, samples=versions, wanted=wanted, by=ann, batch="")
    fitting = 0
    for sample, standing in zip(alone.samples.order_by("pk"), STANDING, strict=True):
        if names := wanted.of(standing):
            review.confirm(sample_id=sample.pk, by=ann, claims=[Claim(name) for name in names])
            fitting += 1
    assert told(together) == told(alone)
    assert (done.changed, done.passed_over, done.overtaken) == (fitting, len(STANDING) - fitting, 0)
    assert counters.check(together) == []


def test_what_was_labeled_in_bulk_is_undone_in_bulk(ann) -> None:
    dataset = filled()
    versions = dict(dataset.samples.values_list("pk", "version"))
    before = [(one[0], one[1], [label[:4] for label in one[4]]) for one in told(dataset)]
    batch = secrets.token_hex(16)
    label_many(dataset=dataset, samples=versions, wanted=Relabeling(only=["owl"]), by=ann, batch=batch)
    undoing.undo_batch(batch=batch, by=ann, dataset=dataset)
    assert [(one[0], one[1], sorted(label[:4] for label in one[4])) for one in told(dataset)] == [
        (status, hard, sorted(labels)) for status, hard, labels in before
    ]


def test_a_label_of_another_dataset_and_boxes_are_passed_over(ann) -> None:
    dataset, boxes = filled(), DetectionDatasetFactory()
    sample = SampleFactory(dataset=boxes)
    LabelFactory(dataset=boxes, name="cat")
    versions = dict(dataset.samples.values_list("pk", "version"))
    for home, samples, label in (
        (dataset, versions, "bird"),
        (boxes, {sample.pk: sample.version}, "cat"),
        (boxes, versions, "cat"),
    ):
        done = label_many(dataset=home, samples=samples, wanted=Relabeling(only=[label]), by=ann, batch="")
        assert (done.changed, done.passed_over) == (0, len(samples))
    assert not ReviewEvent.objects.exists()
    assert not Annotation.objects.filter(origin="human").exists()


def test_queries_do_not_grow_with_the_samples(ann, django_assert_max_num_queries) -> None:
    dataset = DatasetFactory()
    cat, _ = LabelFactory(dataset=dataset, name="cat"), LabelFactory(dataset=dataset, name="dog")
    for _ in range(60):
        AnnotationFactory(sample=SampleFactory(dataset=dataset, status="to_be_confirmed"), label=cat)
    versions = dict(dataset.samples.values_list("pk", "version"))
    with django_assert_max_num_queries(30):
        done = label_many(dataset=dataset, samples=versions, wanted=Relabeling(only=["dog"]), by=ann, batch="")
    assert done.changed == 60
