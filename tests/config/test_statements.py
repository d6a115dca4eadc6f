"""Rows written by one statement are those that the models would have written."""

from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from config import statements
from config.statements import WrittenJSON
from datasets.models import Outcome, Prediction, ReviewEvent, Sample, Status, Verb
from hardexamples.models import Features
from tests.factories import SampleFactory, StaffFactory

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 22, 7, 30, 0, 123456, tzinfo=UTC)
FEATURES = ("sha256", "extractor", "version", "statistics", "vector", "created_at")


def test_values_come_back_as_they_were_given() -> None:
    rows = [
        ("a" * 64, "one", 1, b"\x00\xff", None, AT),
        ("b" * 64, "two", np.int64(2), None, memoryview(b"\x01"), AT),
    ]
    statements.insert(Features, FEATURES, rows)
    found = [
        (*row[:3], *(None if each is None else bytes(each) for each in row[3:5]), row[5])
        for row in Features.objects.order_by("sha256").values_list(*FEATURES)
    ]
    assert found == [("a" * 64, "one", 1, b"\x00\xff", None, AT), ("b" * 64, "two", 2, None, b"\x01", AT)]


def test_what_is_there_stays_where_that_is_asked_for() -> None:
    row = ("a" * 64, "one", 1, b"first", None, AT)
    statements.insert(Features, FEATURES, [row])
    statements.insert(Features, FEATURES, [(*row[:3], b"second", None, AT)], ignore_conflicts=True)
    assert bytes(Features.objects.get().statistics) == b"first"
    with pytest.raises(IntegrityError), transaction.atomic():
        statements.insert(Features, FEATURES, [row])


def test_json_is_written_once() -> None:
    sample, by = SampleFactory(), StaffFactory()
    words = {"status": "labeled", "claims": [{"label": 'caf\u00e9 \u4e2d "quoted"', "box": None}]}
    rows = [
        (sample.dataset_id, sample.pk, "written", WrittenJSON('{"status": "labeled", "claims": []}'), words),
        (sample.dataset_id, sample.pk, "a text", "labeled", [1, None]),
    ]
    same = {"by": by.pk, "at": AT, "verb": Verb.CONFIRM, "outcome": Outcome.UNCHANGED, "batch": "b"}
    statements.insert(ReviewEvent, ("dataset", "sample", "sample_name", "before", "after"), rows, same=same)
    first, second = ReviewEvent.objects.order_by("id")
    assert (first.before, first.after) == ({"status": "labeled", "claims": []}, words)
    assert (second.before, second.after) == ("labeled", [1, None])
    assert (first.by, first.at, first.verb, first.outcome, first.batch) == (by, AT, "confirm", "unchanged", "b")


def test_rows_are_changed_by_their_key() -> None:
    first, second, third = SampleFactory.create_batch(3)
    statements.update(
        Sample,
        ("status", "hard", "hard_set_by", "hard_coefficient"),
        [(Status.TO_BE_CONFIRMED, True, "rules", 0.5, first.pk), ("unlabeled", False, "", 0, second.pk)],
    )
    found = Sample.objects.order_by("id").values_list("status", "hard", "hard_set_by", "hard_coefficient")
    untouched = (third.status, third.hard, third.hard_set_by, third.hard_coefficient)
    assert list(found) == [("to_be_confirmed", True, "rules", 0.5), ("unlabeled", False, "", 0), untouched]


def test_nothing_is_asked_of_the_database_for_no_rows(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        statements.insert(Prediction, ("sample",), [])
        statements.update(Sample, ("status",), [])
