"""Every factory makes a row that the database takes."""

import inspect

import pytest

from datasets import counters
from hardexamples.filters import settings_of
from tests import factories

FACTORIES = [
    factory
    for _, factory in inspect.getmembers(factories, inspect.isclass)
    if issubclass(factory, factories.Factory) and factory is not factories.Factory
]


@pytest.mark.django_db
@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
def test_factory_makes_rows_one_after_the_other(factory: type[factories.Factory]) -> None:
    first, second = factory.create_batch(2)
    assert first.pk != second.pk
    assert str(first)


@pytest.mark.django_db
def test_samples_are_counted() -> None:
    sample = factories.SampleFactory(status="to_be_confirmed", hard=True)
    assert counters.counts(sample.dataset) == counters.Counts(unlabeled=0, to_be_confirmed=1, labeled=0, hard=1)
    assert counters.check(sample.dataset) == []


@pytest.mark.django_db
def test_a_filter_can_be_used() -> None:
    assert settings_of(factories.HardExampleFilterFactory()).weights == {"predict_score_mining": 1.0}
