"""The queue: hardest first, nothing skipped, nothing twice, nothing counted."""

import pytest
from django.db.models import QuerySet
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets.models import Sample, Status
from labeling import queue
from tests.factories import AnnotationFactory, DatasetFactory, HardReasonFactory, LabelFactory, SampleFactory


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
        dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, predicted_label="cat", name="street_7.png"
    )
    AnnotationFactory(sample=wanted, label=label)
    HardReasonFactory(sample=wanted, code=1)
    SampleFactory(dataset=dataset, predicted_label="dog", name="yard.png")
    for words in (
        {"tab": "to_be_confirmed"},
        {"hard": "yes"},
        {"reason": "1"},
        {"label": str(label.pk)},
        {"predicted": "cat"},
        {"name": "STREET"},
    ):
        found, _ = queue.read(words)
        assert [sample.pk for sample in found.samples(dataset)] == [wanted.pk], words


@pytest.mark.parametrize(
    "words",
    [
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
