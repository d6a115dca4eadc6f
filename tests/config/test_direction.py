"""A name turns nothing but itself."""

import pytest

from config.direction import apart
from tests.factories import BatchRunFactory, BatchServiceFactory, InferenceModelFactory


@pytest.mark.parametrize("name", ["digits", "Straße 2", "交通灯", ""])
def test_names_that_are_read_from_left_to_right_stay(name: str) -> None:
    assert apart(name) == name


@pytest.mark.parametrize("name", ["digits\u202e", "إشارات", "רמזור"])
@pytest.mark.django_db
def test_others_turn_neither_the_version_nor_the_number_of_a_run(name: str) -> None:
    model = InferenceModelFactory(name=name, version=2)
    run = BatchRunFactory(service=BatchServiceFactory(name=name, model=model))
    assert str(model) == f"\u2068{name}\u2069 2"
    assert str(run) == f"\u2068{name}\u2069 run {run.pk}"
