"""Undo brings back what was there, is an event of its own, and never takes away what others did since."""

import pytest

from config.refusals import Refused
from datasets import bulk_review, counters, review, undoing
from datasets.intake import Claim
from datasets.models import Annotation, HardSetBy, Outcome, ReviewEvent, Sample, Status, Verb
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    HardReasonFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return UserFactory(username="ann")


@pytest.fixture
def bob():
    return UserFactory(username="bob")


@pytest.fixture
def cat() -> Sample:
    """A sample that is To Be Confirmed, said to be a cat; the dataset knows dogs, too."""
    sample = SampleFactory(status="to_be_confirmed", hard=True, hard_coefficient=0.8)
    LabelFactory(dataset=sample.dataset, name="dog")
    AnnotationFactory(
        sample=sample, label=LabelFactory(dataset=sample.dataset, name="cat"), origin="model", confidence=0.4
    )
    return sample


def told(sample: Sample) -> list[tuple]:
    columns = ("label__name", "origin", "confidence", "xmin", "ymin", "xmax", "ymax", "hard", "hard_coefficient")
    return list(sample.annotations.order_by("label__name", "xmin").values_list(*columns))


def test_a_confirmation_is_taken_back_with_all_that_the_model_had_said(cat, ann):
    before = told(cat)
    event = review.confirm(sample_id=cat.pk, by=ann, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    undone = undoing.undo(event_id=event.pk, by=ann)
    cat.refresh_from_db()
    assert (cat.status, cat.confirmed_at, cat.confirmed_by) == (Status.TO_BE_CONFIRMED, None, None)
    assert told(cat) == before
    assert (undone.verb, undone.undoes, undone.after["status"]) == (Verb.UNDO, event, "to_be_confirmed")
    assert counters.check(cat.dataset) == []


def test_undo_of_an_undoing_is_to_redo(cat, ann):
    event = review.confirm(sample_id=cat.pk, by=ann, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    confirmed = Sample.objects.get(pk=cat.pk)
    redone = undoing.undo(event_id=undoing.undo(event_id=event.pk, by=ann).pk, by=ann)
    cat.refresh_from_db()
    assert (redone.verb, redone.outcome) == (Verb.CONFIRM, Outcome.LABEL_CHANGED)
    assert (cat.status, cat.confirmed_by) == (Status.LABELED, ann)
    assert cat.confirmed_at == confirmed.confirmed_at
    assert [label for label, *_ in told(cat)] == ["dog"]


def test_boxes_come_back_to_the_last_decimal_with_their_reasons(ann):
    sample = SampleFactory(dataset__task="object_detection", status="to_be_confirmed")
    label = LabelFactory(dataset=sample.dataset, name="car")
    box = BoxFactory(sample=sample, label=label, xmin=1.1, ymin=2.2, xmax=10.3, ymax=11.7, hard=True)
    reason = HardReasonFactory(sample=sample, annotation=box)
    before = told(sample)
    event = review.reject(sample_id=sample.pk, by=ann)
    undoing.undo(event_id=event.pk, by=ann)
    assert told(sample) == before
    reason.refresh_from_db()
    assert reason.annotation == sample.annotations.get()


def test_who_changed_it_later_comes_first(cat, ann, bob):
    event = review.confirm(sample_id=cat.pk, by=ann)
    later = review.relabel(sample_id=cat.pk, by=bob, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    with pytest.raises(Refused, match="bob changed it later"):
        undoing.undo(event_id=event.pk, by=ann)
    undoing.undo(event_id=later.pk, by=bob)
    undoing.undo(event_id=event.pk, by=ann)
    cat.refresh_from_db()
    assert cat.status == Status.TO_BE_CONFIRMED


def test_nothing_is_undone_twice(cat, ann):
    event = review.confirm(sample_id=cat.pk, by=ann)
    undoing.undo(event_id=event.pk, by=ann)
    with pytest.raises(Refused, match="undone already") as refused:
        undoing.undo(event_id=event.pk, by=ann)
    assert refused.value.status == 409


def test_hardness_comes_back_to_who_had_set_it(cat, ann):
    bulk_review.unmark_hard(samples=[cat.pk], by=ann)
    undoing.undo(event_id=ReviewEvent.objects.get().pk, by=ann)
    cat.refresh_from_db()
    assert (cat.hard, cat.hard_set_by) == (True, HardSetBy.RULES)
    assert counters.check(cat.dataset) == []


def test_a_label_that_is_gone_is_named(cat, ann):
    event = review.confirm(sample_id=cat.pk, by=ann, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    cat.dataset.labels.get(name="cat").delete()
    with pytest.raises(Refused, match="has no label cat any more"):
        undoing.undo(event_id=event.pk, by=ann)
    cat.refresh_from_db()
    assert cat.status == Status.LABELED


def test_a_batch_is_undone_but_for_what_others_changed(ann, bob):
    first = SampleFactory(status="to_be_confirmed")
    dataset = first.dataset
    second, third = (SampleFactory(status="to_be_confirmed", dataset=dataset) for _ in range(2))
    for sample in (first, second, third):
        AnnotationFactory(sample=sample)
    done = bulk_review.confirm_many(sample_ids=[first.pk, second.pk, third.pk], by=ann)
    review.reject(sample_id=second.pk, by=bob)
    undone = undoing.undo_batch(batch=done.batch, by=ann, dataset=dataset)
    assert (undone.changed, undone.overtaken, undone.passed_over) == (2, 1, 0)
    again = undoing.undo_batch(batch=done.batch, by=ann, dataset=dataset)
    assert (again.changed, again.passed_over) == (0, 2)
    redone = undoing.undo_batch(batch=undone.batch, by=ann, dataset=dataset)
    assert redone.changed == 2
    assert Sample.objects.filter(status=Status.LABELED).count() == 2


def test_what_undo_means_across_images(ann, bob):
    one = SampleFactory(status="to_be_confirmed")
    two = SampleFactory(status="to_be_confirmed", dataset=one.dataset)
    for sample in (one, two):
        AnnotationFactory(sample=sample)
    where = {"dataset": one.dataset, "by": ann}
    assert undoing.last_done(**where) is None
    first = review.confirm(sample_id=one.pk, by=ann)
    second = review.confirm(sample_id=two.pk, by=ann)
    review.confirm(sample_id=two.pk, by=bob)
    undoing.undo(event_id=ReviewEvent.objects.filter(by=bob).get().pk, by=bob)
    assert undoing.last_done(**where) == second
    undone = undoing.undo(event_id=second.pk, by=ann)
    assert undoing.last_done(**where) == first
    assert undoing.last_undone(**where) == undone
    undoing.undo(event_id=undone.pk, by=ann)
    assert undoing.last_undone(**where) is None
    undoing.undo(event_id=undoing.last_done(**where).pk, by=ann)
    review.reject(sample_id=one.pk, by=ann)
    assert undoing.last_undone(**where) is None


@pytest.mark.parametrize("name", ["", "no such batch"])
def test_an_unknown_batch_is_refused(ann, name):
    with pytest.raises(Refused, match="no such change"):
        undoing.undo_batch(batch=name, by=ann, dataset=DatasetFactory())
    with pytest.raises(Refused, match="no such change"):
        undoing.undo(event_id=999, by=ann)


def test_a_decision_that_is_sent_twice_is_made_once(cat, ann):
    once = review.confirm(sample_id=cat.pk, by=ann, version=cat.version, batch="pressed once")
    assert review.confirm(sample_id=cat.pk, by=ann, version=cat.version, batch="pressed once") == once
    assert ReviewEvent.objects.count() == 1


def test_many_are_decided_as_they_were_seen(ann, bob):
    seen, changed = (SampleFactory(status="to_be_confirmed") for _ in range(2))
    for sample in (seen, changed):
        AnnotationFactory(sample=sample)
    versions = {seen.pk: seen.version, changed.pk: changed.version}
    bulk_review.unmark_hard(samples=[changed.pk], by=bob)
    bulk_review.mark_hard(samples=[changed.pk], by=bob)
    done = bulk_review.confirm_many(sample_ids=versions, by=ann)
    assert (done.changed, done.overtaken, done.passed_over) == (1, 1, 0)
