"""Progress and history of a labeling job."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from datasets import bulk_review, undoing
from datasets.bulk_labels import Relabeling, label_many
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, ReviewEvent, Status
from datasets.review import confirm, reject
from labeling import history
from labeling.progress import progress_of
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    LabelFactory,
    ReviewEventFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.conftest import rights


@pytest.fixture
def dataset(db) -> Dataset:
    """Four samples that are To Be Confirmed as cats."""
    made = DatasetFactory()
    cat = LabelFactory(dataset=made, name="cat")
    LabelFactory(dataset=made, name="dog")
    for number in range(4):
        sample = SampleFactory(dataset=made, status="to_be_confirmed", name=f"{number}.png")
        AnnotationFactory(sample=sample, label=cat)
    return made


def address(dataset, page) -> str:
    return reverse(f"labeling:{page}", args=[dataset.labeling_jobs.get().pk])


def test_progress_tells_who_decided_what(dataset):
    ann, bob = UserFactory(username="ann"), UserFactory(username="bob")
    first, second, third, fourth = dataset.samples.order_by("id")
    confirm(sample_id=first.pk, by=ann)
    confirm(sample_id=second.pk, by=ann, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    reject(sample_id=third.pk, by=bob)
    undoing.undo(event_id=confirm(sample_id=fourth.pk, by=bob).pk, by=bob)
    bulk_review.mark_hard(samples=[first.pk], by=bob)
    found = progress_of(dataset, span="day")
    assert found.decided == 3
    assert [(each.name, each.decided, each.corrected) for each in found.reviewers] == [("ann", 2, 1), ("bob", 1, 1)]
    assert {words: number for words, number, _ in found.corrections} == {
        "Unchanged": 1,
        "Label changed": 1,
        "Discarded": 1,
    }
    assert len(found.columns) == 24
    assert sum(number for _, number in found.columns) == 3


def test_the_pace_leaves_pauses_out(dataset):
    ann = UserFactory()
    start = timezone.now() - timedelta(hours=5)
    for number in range(11):
        later = timedelta(hours=3) if number > 5 else timedelta()
        ReviewEventFactory(dataset=dataset, by=ann, verb="confirm", at=start + later + timedelta(seconds=10 * number))
    assert progress_of(dataset, span="day").reviewers[0].per_hour == pytest.approx(360)


def test_old_decisions_are_of_longer_spans(dataset):
    ReviewEventFactory(dataset=dataset, verb="confirm", at=timezone.now() - timedelta(days=3))
    assert [progress_of(dataset, span=span).decided for span in ("day", "week", "month")] == [0, 1, 1]
    assert [len(progress_of(dataset, span=span).columns) for span in ("day", "week", "month")] == [24, 7, 30]


def test_the_page_shows_it(dataset, review):
    assert "Nothing was decided in this time" in review.get(address(dataset, "progress")).content.decode()
    bulk_review.confirm_many(sample_ids=dataset.samples.all(), by=UserFactory(username="<ann>"))
    text = review.get(address(dataset, "progress") + "?span=day").content.decode()
    assert "&lt;ann&gt;" in text
    assert "Images decided per hour; at most 4" in text
    assert review.get(address(dataset, "progress") + "?span=nonsense").status_code == 200


def test_history_is_a_line_an_action(dataset, reviewer):
    samples = list(dataset.samples.order_by("id"))
    bulk_review.mark_hard(samples=dataset.samples.all(), by=reviewer)
    confirm(sample_id=samples[0].pk, by=reviewer, claims=[Claim("dog", by=Annotation.By.HUMAN)])
    lines = history.page_of(dataset).lines
    assert [(line.event.verb, line.number) for line in lines] == [("confirm", 1), ("mark_hard", 4)]
    assert lines[0].words == "To Be Confirmed → Labeled, cat → dog"


def test_history_of_many_says_what_was_before_and_after(dataset, reviewer):
    bulk_review.mark_hard(samples=dataset.samples.all(), by=reviewer)
    versions = dict(dataset.samples.values_list("pk", "version"))
    LabelFactory(dataset=dataset, name="owl")
    confirm(sample_id=min(versions), by=reviewer, claims=[Claim("owl", by=Annotation.By.HUMAN)])
    versions = dict(dataset.samples.values_list("pk", "version"))
    label_many(dataset=dataset, samples=versions, wanted=Relabeling(only=["owl"]), by=reviewer, batch="")
    words = [line.words for line in history.page_of(dataset).lines]
    assert words[0] == "3 × To Be Confirmed → Labeled, cat → owl; 1 × as it was"
    assert words[2] == "hard example"


def test_history_goes_on_where_a_page_ends(dataset, reviewer, monkeypatch):
    monkeypatch.setattr(history, "LINES", 3)
    for sample in dataset.samples.all():
        confirm(sample_id=sample.pk, by=reviewer)
        reject(sample_id=sample.pk, by=reviewer)
    seen, page = [], history.page_of(dataset)
    while True:
        seen += [line.event.pk for line in page.lines]
        if page.before is None:
            break
        page = history.page_of(dataset, before=page.before)
    assert seen == list(ReviewEvent.objects.order_by("-id").values_list("pk", flat=True))


def test_a_step_of_the_history_is_undone_there(dataset, review, reviewer):
    reviewer.user_permissions.add(*rights("datasets.view_reviewevent"))
    batch = bulk_review.reject_many(sample_ids=dataset.samples.all(), by=UserFactory(username="bob")).batch
    text = review.get(address(dataset, "history")).content.decode()
    assert "4 samples" in text
    assert "bob" in text
    answer = review.post(address(dataset, "undo_batch"), {"batch": batch, "to": "history"})
    assert answer["Location"] == address(dataset, "history")
    assert dataset.samples.filter(status=Status.TO_BE_CONFIRMED).count() == 4
    assert "undone" in review.get(address(dataset, "history")).content.decode()


def test_one_event_is_undone_by_its_own_button(dataset, review, reviewer):
    sample = dataset.samples.earliest("id")
    other = ReviewEventFactory()
    event = confirm(sample_id=sample.pk, by=reviewer)
    review.post(address(dataset, "undo_batch"), {"event": event.pk})
    sample.refresh_from_db()
    assert sample.status == Status.TO_BE_CONFIRMED
    text = review.post(address(dataset, "undo_batch"), {"event": other.pk}, follow=True).content.decode()
    assert "no such change" in text


def test_history_needs_its_own_right(dataset, review):
    assert review.get(address(dataset, "history")).status_code == 403


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30])
def test_nonsense_in_the_address_is_the_first_page(dataset, review, reviewer, before):
    reviewer.user_permissions.add(*rights("datasets.view_reviewevent"))
    assert review.get(address(dataset, "history") + f"?before={before}").status_code == 200
