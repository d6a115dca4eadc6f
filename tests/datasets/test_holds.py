"""Holds say who works on a dataset."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.refusals import Refused
from datasets import holds
from tests.factories import DatasetFactory

pytestmark = pytest.mark.django_db


def test_an_exclusive_hold_keeps_others_out_and_says_why() -> None:
    dataset = DatasetFactory()
    holds.place(dataset=dataset, key="run-1", kind="run", words="Run 1 fills it.", exclusive=True)
    holds.place(dataset=dataset, key="run-1", kind="run", words="Run 1 fills it.", exclusive=True)
    holds.place(dataset=dataset, key="import-1", kind="import", words="An import.")
    with pytest.raises(Refused, match=r"Run 1 fills it\."):
        holds.place(dataset=dataset, key="run-2", kind="run", words="Run 2 fills it.", exclusive=True)
    holds.progress(dataset=dataset, key="run-1", done=3, total=9)
    assert {(hold.key, hold.done, hold.total) for hold in holds.standing(dataset)} == {
        ("run-1", 3, 9), ("import-1", 0, None),
    }  # fmt: skip
    holds.lift(dataset=dataset, key="run-1")
    holds.place(dataset=dataset, key="run-2", kind="run", words="Run 2 fills it.", exclusive=True)


def test_an_expired_hold_holds_nothing() -> None:
    dataset = DatasetFactory()
    past = timezone.now() - timedelta(seconds=1)
    holds.place(dataset=dataset, key="run-1", kind="run", words="Gone.", exclusive=True, expires_at=past)
    assert holds.standing(dataset) == []
    holds.place(dataset=dataset, key="run-2", kind="run", words="Here.", exclusive=True)
