"""Attributes of samples: told as a whole, one value of each, gone with their samples."""

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from config.refusals import Refused
from datasets import attributes, deletion, removal
from datasets.models import AttributeValue, SampleAttribute
from tests.factories import DatasetFactory, SampleFactory, UserFactory

SAMPLES = 6
VALUES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)
TOLD = st.dictionaries(st.integers(0, SAMPLES - 1), VALUES)


def said(dataset, name: str) -> dict[int, str]:
    rows = SampleAttribute.objects.filter(sample__dataset=dataset, value__name=name)
    return dict(rows.values_list("sample", "value__value"))


class Telling(TestCase):
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(tellings=st.lists(st.tuples(st.sampled_from(["group", "scene 2"]), TOLD), max_size=5))
    def test_what_was_told_last_stands_and_nothing_else(self, tellings) -> None:
        """Of each name, in each dataset on its own; each value leads to its samples, in the order it was told."""
        dataset, other = DatasetFactory.create(), DatasetFactory.create()
        samples = [SampleFactory.create(dataset=dataset).pk for _ in range(SAMPLES)]
        foreign = SampleFactory.create(dataset=other)
        attributes.assign(dataset=other, name="group", values={foreign.pk: "there"})
        stands: dict[str, dict[int, str]] = {}
        for name, told in tellings:
            stands[name] = {samples[place]: value for place, value in told.items()}
            attributes.assign(dataset=dataset, name=name, values={**stands[name], foreign.pk: "not ours"})
        for name in ("group", "scene 2"):
            told = stands.get(name, {})
            assert said(dataset, name) == told
            values = attributes.values_of(dataset).get(name, [])
            assert [each.value for each in values] == list(dict.fromkeys(told.values()))
            for each in values:
                expected = {pk for pk, value in told.items() if value == each.value}
                for few in (0, SAMPLES):  # both ways to find them
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setattr(attributes, "FEW", few)
                        assert {sample.pk for sample in attributes.having(dataset, each.pk)} == expected
        assert said(other, "group") == {foreign.pk: "there"}


pytestmark = pytest.mark.django_db


def test_who_still_sees_old_values_finds_nothing_under_them() -> None:
    """A page that was made before cannot decide about other images than it shows."""
    sample = SampleFactory.create()
    old = attributes.assign(dataset=sample.dataset, name="group", values={sample.pk: "1"})["1"]
    new = attributes.assign(dataset=sample.dataset, name="group", values={sample.pk: "1"})["1"]
    assert not attributes.having(sample.dataset, old.pk).exists()
    assert attributes.having(sample.dataset, new.pk).get() == sample


@pytest.mark.parametrize("name", ["", " group", "a:b", "a\nb", "<b>", "x" * 65, "-x"])
def test_a_name_that_cannot_be_is_refused(name) -> None:
    with pytest.raises(Refused, match="name"):
        attributes.assign(dataset=DatasetFactory.create(), name=name, values={})


@pytest.mark.parametrize("value", ["", "x" * 65, "a\nb", "\x00"])
def test_a_value_that_cannot_be_changes_nothing(value) -> None:
    one, two = (SampleFactory.create(dataset=dataset) for dataset in [DatasetFactory.create()] * 2)
    attributes.assign(dataset=one.dataset, name="group", values={one.pk: "1"})
    with pytest.raises(Refused, match="64 characters"):
        attributes.assign(dataset=one.dataset, name="group", values={one.pk: "2", two.pk: value})
    assert said(one.dataset, "group") == {one.pk: "1"}


def test_too_many_values_are_refused() -> None:
    sample = SampleFactory.create()
    many = {SampleFactory.create(dataset=sample.dataset).pk: str(number) for number in range(3)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attributes, "MOST_VALUES", 2)
        with pytest.raises(Refused, match="at most 2 different"):
            attributes.assign(dataset=sample.dataset, name="group", values=many)


def test_the_database_keeps_one_value_of_an_attribute_per_sample() -> None:
    sample = SampleFactory.create()
    attributes.assign(dataset=sample.dataset, name="group", values={sample.pk: "1"})
    other = AttributeValue.objects.create(dataset=sample.dataset, name="group", value="2")
    with pytest.raises(IntegrityError), transaction.atomic():
        SampleAttribute.objects.create(sample=sample, value=other, name="group")


def test_attributes_go_with_their_samples_and_their_dataset() -> None:
    by = UserFactory.create()
    dataset = DatasetFactory.create()
    one, two = (SampleFactory.create(dataset=dataset) for _ in range(2))
    attributes.assign(dataset=dataset, name="group", values={one.pk: "1", two.pk: "2"})
    deletion.delete_samples(samples=[one.pk], by=by)
    assert said(dataset, "group") == {two.pk: "2"}
    removal.delete_dataset(dataset=dataset, by=by)
    assert not SampleAttribute.objects.exists()
    assert not AttributeValue.objects.exists()
