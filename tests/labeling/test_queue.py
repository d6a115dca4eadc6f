"""The queue: hardest first, nothing skipped, nothing twice, nothing counted."""

from datetime import UTC, datetime

import pytest
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets.models import Sample, Status
from labeling import queue
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    HardReasonFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)


@pytest.fixture
def dataset(db):
    return DatasetFactory()


def walk(samples: QuerySet[Sample], size: int) -> list[list[int]]:
    pages, page = [], queue.page(samples, size=size)
    while page.samples:
        pages.append([sample.pk for sample in page.samples])
        if not page.following:
            break
        page = queue.page(samples, after=queue.Cursor().clean(page.following), size=size)
    return pages


def test_pages_hold_every_sample_once_the_hardest_first_also_among_equals(dataset):
    for coefficient in (0.5, 0.9, 0.5, 0.1 + 0.2, 0.5, 0.0, 1.0):
        SampleFactory(dataset=dataset, hard_coefficient=coefficient)
    pages = walk(queue.Queue().samples(dataset), size=2)
    expected = sorted(Sample.objects.all(), key=lambda sample: (-sample.hard_coefficient, -sample.pk))
    assert [pk for page in pages for pk in page] == [sample.pk for sample in expected]


def test_a_page_back_is_the_page_that_came_before(dataset):
    for number in range(7):
        SampleFactory(dataset=dataset, hard_coefficient=number % 3 / 3)
    samples = queue.Queue().samples(dataset)
    first = queue.page(samples, size=3)
    second = queue.page(samples, after=queue.Cursor().clean(first.following), size=3)
    back = queue.page(samples, before=queue.Cursor().clean(second.previous), size=3)
    assert [sample.pk for sample in back.samples] == [sample.pk for sample in first.samples]
    assert (back.previous, bool(back.following)) == ("", True)


def test_a_sample_that_leaves_the_queue_makes_nobody_skip_another(dataset):
    samples = [SampleFactory(dataset=dataset, hard_coefficient=number / 10) for number in range(6)]
    rows = queue.Queue().samples(dataset)
    first = queue.page(rows, size=2)
    first.samples[1].delete()
    second = queue.page(rows, after=queue.Cursor().clean(first.following), size=2)
    assert [sample.pk for sample in second.samples] == [samples[3].pk, samples[2].pk]


def test_each_filter_keeps_what_it_names(dataset):
    label = LabelFactory(dataset=dataset, name="cat")
    wanted = SampleFactory(
        dataset=dataset,
        status=Status.TO_BE_CONFIRMED,
        hard=True,
        hard_coefficient=0.7,
        predicted_label="cat",
        confidence=0.6,
        name="street_7.png",
        origin="filter",
        stack="m1-2",
        created_at=datetime(2026, 3, 2, 23, 59, tzinfo=UTC),
    )
    AnnotationFactory(sample=wanted, label=label)
    HardReasonFactory(sample=wanted, code=1, rule="low_confidence")
    dog = LabelFactory(dataset=dataset, name="dog")
    other = SampleFactory(dataset=dataset, predicted_label="dog", confidence=0.9, name="yard.png", hard_coefficient=0.1)
    AnnotationFactory(sample=other, label=dog)
    for words in (
        {"tab": "to_be_confirmed"},
        {"hard": "yes"},
        {"reason": "1"},
        {"label": str(label.pk)},
        {"predicted": "cat"},
        {"name": "STREET"},
        {"coefficient_from": "0.7"},
        {"coefficient_to": "0.75", "coefficient_from": "0.2"},
        {"rule": "low_confidence"},
        {"rule": "low_confidence", "reason": "1"},
        {"without": str(dog.pk)},
        {"confidence_to": "0.6"},
        {"added_from": "2026-03-02", "added_to": "2026-03-02"},
        {"origin": "filter"},
        {"stack": "m1-2"},
    ):
        found, _ = queue.read(words)
        assert [sample.pk for sample in found.samples(dataset)] == [wanted.pk], words


def test_who_labeled_it_is_a_filter(dataset):
    ann, bob = UserFactory(), UserFactory()
    samples = [
        SampleFactory(dataset=dataset, status=Status.LABELED, confirmed_by=who, confirmed_at=timezone.now())
        for who in (ann, bob)
    ]
    found, _ = queue.read({"labeled_by": str(bob.pk)})
    assert list(found.samples(dataset)) == [samples[1]]


def test_a_stack_is_one_card_led_by_the_hardest_that_the_filters_leave(dataset):
    lone = SampleFactory(dataset=dataset, hard_coefficient=0.5)
    led = [SampleFactory(dataset=dataset, hard_coefficient=c, stack="m1-2") for c in (0.9, 0.9, 0.3)]
    SampleFactory(dataset=dataset, hard_coefficient=1.0, stack="m1-2", status=Status.LABELED)
    SampleFactory(hard_coefficient=1.0, stack="m1-2")
    wanted, _ = queue.read({"tab": "unlabeled"})
    assert list(wanted.folded(dataset)) == [led[1], lone]
    assert wanted.stack_sizes(dataset, [led[1], lone]) == {"m1-2": 3}
    opened, _ = queue.read({"tab": "unlabeled", "stack": "m1-2"})
    assert list(opened.folded(dataset)) == [led[1], led[0], led[2]]
    easy, _ = queue.read({"tab": "unlabeled", "coefficient_to": "0.4"})
    assert list(easy.folded(dataset)) == [led[2]]
    assert easy.stack_sizes(dataset, [led[2]]) == {"m1-2": 1}


def test_an_address_brings_back_the_same_queue(dataset):
    words = {"tab": "labeled", "coefficient_from": "0.25", "added_to": "2026-03-02", "without": "3", "origin": "import"}
    wanted, _ = queue.read(words)
    assert queue.read(QueryDict(wanted.address()))[0] == wanted


@pytest.mark.parametrize(
    "words",
    [
        {"coefficient_from": "nan"},
        {"coefficient_to": "1.5"},
        {"confidence_from": "-inf"},
        {"added_from": "yesterday"},
        {"origin": "elsewhere"},
        {"labeled_by": "0"},
        {"stack": "x" * 33},
        {"tab": "everything"},
        {"hard": "maybe"},
        {"reason": "x"},
        {"reason": "99999999999999999999"},
        {"label": "-1"},
        {"after": "nan:1"},
        {"after": "0.5:99999999999999999999"},
        {"before": "0.5"},
        {"name": "x" * 256},
        {"name": "a\0b"},
    ],
)
def test_what_cannot_be_meant_is_refused(words):
    with pytest.raises(Refused) as caught:
        queue.read(words)
    assert caught.value.code == "unknown_filter"


@given(st.floats(0, 1), st.integers(1, 2**63 - 1))
def test_a_cursor_comes_back_to_the_last_digit(coefficient, identity):
    sample = Sample(pk=identity, hard_coefficient=coefficient)
    assert queue.Cursor().clean(queue.cursor(sample)) == (coefficient, identity)


def test_an_address_leads_to_the_same_queue():
    asked = queue.Queue(tab="labeled", hard="no", reason=0, label=3, predicted="a&b=c", name="ü x")
    words = dict(pair for pair in queue.QueryDict(asked.address()).items())
    assert queue.read(words)[0] == asked


@pytest.mark.parametrize(("order", "column"), [("most_useful", "usefulness"), ("random", "lot")])
def test_to_be_confirmed_can_be_looked_through_in_another_order(dataset, order, column):
    values = [0.4, 0.9, 0.4, 0.1, 0.7]
    samples = [SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, **{column: value}) for value in values]
    expected = [samples[place].pk for place in (1, 4, 2, 0, 3)]
    wanted, _ = queue.read({"tab": "to_be_confirmed", "order": order})
    rows = wanted.samples(dataset)
    found, place = [], None
    while True:
        page = queue.page(rows, after=place, size=2, column=wanted.column)
        found += [sample.pk for sample in page.samples]
        if not page.following:
            break
        place = queue.Cursor().clean(page.following)
    assert found == expected
    here = queue.Cursor().clean(queue.cursor(samples[0], wanted.column))
    back = queue.page(rows, before=here, size=2, column=wanted.column)
    assert [sample.pk for sample in back.samples] == expected[1:3]
    assert "order=" + order in wanted.address()


def test_other_tabs_stay_hardest_first(dataset):
    easy, hard = (SampleFactory(dataset=dataset, hard_coefficient=c, usefulness=1 - c) for c in (0.1, 0.8))
    wanted, _ = queue.read({"tab": "unlabeled", "order": "most_useful"})
    assert list(wanted.samples(dataset)) == [hard, easy]


def test_a_stack_is_led_by_the_first_in_the_order(dataset):
    words = {"dataset": dataset, "status": Status.TO_BE_CONFIRMED, "stack": "m1-2"}
    SampleFactory(hard_coefficient=0.9, usefulness=0.1, **words)
    useful = SampleFactory(hard_coefficient=0.2, usefulness=0.8, **words)
    wanted, _ = queue.read({"tab": "to_be_confirmed", "order": "most_useful"})
    assert list(wanted.folded(dataset)) == [useful]
