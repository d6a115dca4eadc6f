"""What people decide changes what they meant to change, and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.forms.models import model_to_dict

from config.refusals import Refused
from datasets import counters, review
from datasets.intake import Claim
from datasets.models import Annotation, ReviewEvent, Sample
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardReasonFactory,
    LabelFactory,
    PredictionFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return UserFactory(username="ann")


@pytest.fixture
def cat() -> Annotation:
    """A model's claim "cat" on a hard sample that is To Be Confirmed, in a dataset that knows dogs, too."""
    sample = SampleFactory(status="to_be_confirmed", hard=True, hard_coefficient=0.8)
    PredictionFactory(sample=sample)
    LabelFactory(dataset=sample.dataset, name="dog")
    label = LabelFactory(dataset=sample.dataset, name="cat")
    annotation = AnnotationFactory(sample=sample, label=label, origin="model", confidence=0.4)
    HardReasonFactory(sample=sample, annotation=annotation)
    return annotation


def test_confirm_as_predicted_makes_it_labeled(ann, cat) -> None:
    event = review.confirm(sample_id=cat.sample_id, by=ann)
    sample = Sample.objects.get()
    assert (sample.status, sample.confirmed_by, sample.version, sample.hard) == ("labeled", ann, 2, True)
    assert sample.confirmed_at
    assert (event.outcome, event.before["status"], event.after["status"]) == ("unchanged", "to_be_confirmed", "labeled")
    assert event.before["claims"][0] == {
        "label": "cat", "box": None, "by": "model", "annotated_by": "", "confidence": 0.4,
        "hard": False, "hard_coefficient": 0.0, "reasons": list(sample.reasons.values_list("pk", flat=True)),
    }  # fmt: skip
    assert sample.annotations.get() == cat
    assert sample.annotations.get().origin == "model"
    assert counters.check(sample.dataset) == []


def test_confirm_with_another_label_is_the_persons(ann, cat) -> None:
    event = review.confirm(sample_id=cat.sample_id, by=ann, claims=[Claim("dog")], version=1)
    annotation = Annotation.objects.select_related("label").get()
    assert (annotation.pk, annotation.label.name) == (cat.pk, "dog")
    assert (annotation.origin, annotation.annotated_by, annotation.confidence) == ("human", "ann", None)
    assert event.outcome == "label_changed"
    assert event.after["claims"][0]["label"] == "dog"
    assert annotation.sample.reasons.get().annotation == annotation


def test_a_stale_page_is_told_who_was_faster(ann, cat) -> None:
    review.confirm(sample_id=cat.sample_id, by=UserFactory(username="bob"), version=1)
    with pytest.raises(Refused, match="bob changed it at") as refused:
        review.confirm(sample_id=cat.sample_id, by=ann, claims=[Claim("dog")], version=1)
    assert (refused.value.code, refused.value.status) == ("stale", 412)
    assert ReviewEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ([], "no_label"),
        ([Claim("bird")], "unknown_label"),
        ([Claim("dog", box=(0, 0, 1, 1))], "bad_box"),
        ([Claim("dog"), Claim("dog")], "repeated_label"),
    ],
)
def test_bad_claims_change_nothing(ann, cat, claims, code: str) -> None:
    before = model_to_dict(Sample.objects.get())
    with pytest.raises(Refused) as refused:
        review.confirm(sample_id=cat.sample_id, by=ann, claims=claims)
    assert refused.value.code == code
    assert model_to_dict(Sample.objects.get()) == before
    assert not ReviewEvent.objects.exists()


def test_confirm_needs_a_label_only_for_classification(ann) -> None:
    with pytest.raises(Refused) as refused:
        review.confirm(sample_id=SampleFactory(status="to_be_confirmed").pk, by=ann)
    assert refused.value.code == "no_label"
    empty = SampleFactory(status="to_be_confirmed", dataset=DetectionDatasetFactory())
    assert review.confirm(sample_id=empty.pk, by=ann).after["status"] == "labeled"


def test_unchanged_boxes_keep_their_row_and_their_author(ann) -> None:
    kept = BoxFactory(origin="model", confidence=0.9)
    sample, label = kept.sample, kept.label.name
    moved = BoxFactory(sample=sample, label=kept.label, xmin=300, ymin=300, xmax=400, ymax=400, origin="model")
    claims = [
        Claim(label, box=(10, 20, 110, 220)),
        Claim(label, box=(305, 300, 405, 400)),
        Claim(label, box=(500, 10, 520, 30)),
    ]
    event = review.confirm(sample_id=sample.pk, by=ann, claims=claims)
    boxes = {box.pk: box for box in sample.annotations.all()}
    assert (boxes[kept.pk].origin, boxes[kept.pk].confidence) == ("model", 0.9)
    assert (boxes[moved.pk].origin, boxes[moved.pk].xmin) == ("human", 305)
    assert len(boxes) == 3
    assert event.outcome == "added"


def test_reject_takes_the_claims_and_keeps_the_prediction(ann, cat) -> None:
    event = review.reject(sample_id=cat.sample_id, by=ann)
    sample = Sample.objects.get()
    assert (sample.status, sample.hard, sample.version) == ("unlabeled", True, 2)
    assert not sample.annotations.exists()
    assert sample.predictions.count() == sample.reasons.count() == 1
    assert (event.outcome, event.after["claims"], len(event.before["claims"])) == ("discarded", [], 1)
    with pytest.raises(Refused) as refused:
        review.reject(sample_id=sample.pk, by=ann)
    assert refused.value.code == "illegal_status_change"
    assert counters.check(sample.dataset) == []


def test_reject_of_a_labeled_one_clears_who_confirmed_it(ann, cat) -> None:
    review.confirm(sample_id=cat.sample_id, by=ann)
    review.reject(sample_id=cat.sample_id, by=ann)
    sample = Sample.objects.get()
    assert (sample.confirmed_by, sample.confirmed_at) == (None, None)


def test_relabel_leaves_the_status(ann, cat) -> None:
    review.relabel(sample_id=cat.sample_id, by=ann, claims=[Claim("dog")])
    sample = Sample.objects.get()
    assert (sample.status, sample.version, sample.annotations.get().label.name) == ("to_be_confirmed", 2, "dog")
    with pytest.raises(Refused):
        review.relabel(sample_id=SampleFactory().pk, by=ann, claims=[Claim("dog")])


@pytest.mark.parametrize("status", ["unlabeled", "to_be_confirmed", "labeled"])
@pytest.mark.parametrize(("verb", "hard"), [(review.mark_hard, True), (review.unmark_hard, False)])
def test_confirm_hard_example_changes_hard_alone(ann, status: str, verb, hard: bool) -> None:
    sample = SampleFactory(status=status, hard=not hard, hard_coefficient=0.3, usage="TRAIN", stack="s")
    annotation = AnnotationFactory(sample=sample, origin="model")
    HardReasonFactory(sample=sample, annotation=annotation)
    PredictionFactory(sample=sample)
    related = [list(getattr(sample, name).values()) for name in ("annotations", "reasons", "predictions", "names")]
    before = Sample.objects.values().get()
    assert verb(samples=Sample.objects.all(), by=ann).changed == 1
    assert Sample.objects.values().get() == before | {"hard": hard, "hard_set_by": "person", "version": 2}
    assert related == [
        list(getattr(sample, name).values()) for name in ("annotations", "reasons", "predictions", "names")
    ]
    event = ReviewEvent.objects.get()
    assert (event.by, event.before["hard"], event.after["hard"], event.outcome) == (ann, not hard, hard, "hardness")
    assert counters.check(sample.dataset) == []


def test_marking_twice_passes_over(ann) -> None:
    by_rules = SampleFactory(hard=True)
    assert review.mark_hard(samples=[by_rules.pk], by=ann).changed == 1
    again = review.mark_hard(samples=[by_rules.pk], by=ann)
    assert (again.changed, again.passed_over) == (0, 1)
    assert review.unmark_hard(samples=[SampleFactory().pk], by=ann).passed_over == 1


def test_many_are_confirmed_as_predicted_and_the_rest_is_passed_over(ann) -> None:
    dataset = DatasetFactory()
    label = LabelFactory(dataset=dataset)
    ready = SampleFactory.create_batch(3, dataset=dataset, status="to_be_confirmed")
    for sample in ready:
        AnnotationFactory(sample=sample, label=label, origin="model")
    SampleFactory(dataset=dataset, status="to_be_confirmed")  # without a label
    SampleFactory(dataset=dataset)
    done = review.confirm_many(sample_ids=dataset.samples.values_list("pk", flat=True), by=ann)
    assert (done.changed, done.passed_over) == (3, 2)
    assert counters.counts(dataset) == counters.Counts(unlabeled=1, to_be_confirmed=1, labeled=3, hard=0)
    assert counters.check(dataset) == []
    events = ReviewEvent.objects.filter(batch=done.batch)
    assert {event.sample_id for event in events} == {sample.pk for sample in ready}
    assert set(Sample.objects.filter(status="labeled").values_list("version", "confirmed_by")) == {(2, ann.pk)}
    assert review.confirm_many(sample_ids=[sample.pk for sample in ready], by=ann).changed == 0


def test_many_are_rejected(ann) -> None:
    annotation = AnnotationFactory(sample=SampleFactory(status="to_be_confirmed"), origin="model")
    done = review.reject_many(sample_ids=[annotation.sample_id], by=ann)
    assert done.changed == 1
    assert Sample.objects.get().status == "unlabeled"
    assert not Annotation.objects.exists()
    assert ReviewEvent.objects.get().after["claims"] == []
    assert counters.check(annotation.sample.dataset) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_the_same_moment_one_decides(cat) -> None:
    def decide(user) -> str:
        try:
            review.confirm(sample_id=cat.sample_id, by=user, version=1)
        except Refused as refused:
            return refused.code
        finally:
            connection.close()
        return "confirmed"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(decide, UserFactory.create_batch(4)))
    assert sorted(outcomes) == ["confirmed", "stale", "stale", "stale"]
    assert ReviewEvent.objects.count() == 1
    assert counters.check(Sample.objects.get().dataset) == []
