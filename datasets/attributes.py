"""Sample attributes: what samples of a dataset are told apart by besides status, hardness and labels, such as the
group that auto grouping found them in. People filter by them; a published version does not have them."""

import re
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value

from config import statements
from config.refusals import Refused
from config.steps import step
from datasets import picking
from datasets.models import AttributeValue, Dataset, Sample, SampleAttribute

LONGEST = 64
NAME = re.compile(r"\w[\w .-]*")
MOST_VALUES = 1_000
FEW = 5_000  # samples of one value


def check_name(name: str) -> None:
    """Whether an attribute may be called that: letters, digits, spaces, points, _ and -, at most 64.

    Raises:
        Refused: bad_attribute_name.
    """
    if len(name) > LONGEST or not NAME.fullmatch(name):
        words = f"An attribute's name has letters, digits, spaces, points, _ and - only, at most {LONGEST} of them."
        raise Refused("bad_attribute_name", words, field="attribute")


@transaction.atomic
def assign(*, dataset: Dataset, name: str, values: Mapping[int, str]) -> dict[str, AttributeValue]:
    """Tells an attribute of a dataset anew: samples that are not named have none of that name any more.

    Nobody sees a part of it, and it changes nothing else of a sample. Ids of other datasets are passed over.

    Args:
        dataset: locked until the caller's transaction ends.
        name: as `check_name` allows.
        values: by id of the sample, 1 to 64 characters, at most 1,000 different ones; pages show them in the order in
            which they come here first. None at all removes the attribute.

    Returns:
        What stands now, by value.

    Raises:
        Refused: bad_attribute_name, bad_attribute_value, too_many_values.
    """
    check_name(name)
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    ours = set(Sample.objects.filter(dataset=dataset).values_list("pk", flat=True))
    told: dict[str, list[int]] = {}
    for pk, value in values.items():
        if pk in ours:
            told.setdefault(value, []).append(pk)
    _check_values(list(told))
    before = list(AttributeValue.objects.filter(dataset=dataset, name=name).values_list("pk", flat=True))
    SampleAttribute.objects.filter(value__in=before).delete()
    AttributeValue.objects.filter(pk__in=before).delete()
    made = {}
    for value, ids in told.items():
        made[value] = AttributeValue.objects.create(dataset=dataset, name=name, value=value)
        rows = Sample.objects.filter(pk__in=picking.of(ids)).order_by("pk")
        said = rows.values_list("pk", Value(made[value].pk), Value(name))
        statements.insert_from(SampleAttribute, ("sample", "value", "name"), said)
        step("attributes.value")
    return made


def _check_values(values: Sequence[str]) -> None:
    for value in values:
        if not 0 < len(value) <= LONGEST or not value.isprintable():
            words = f"A value of an attribute has 1 to {LONGEST} characters, without line breaks."
            raise Refused("bad_attribute_value", words, field="values")
    if len(values) > MOST_VALUES:
        words = f"An attribute has at most {MOST_VALUES:,} different values, not {len(values):,}."
        raise Refused("too_many_values", words, field="values")


def values_of(dataset: Dataset) -> dict[str, list[AttributeValue]]:
    """The attributes of a dataset with their values, by name."""
    found: dict[str, list[AttributeValue]] = {}
    for value in AttributeValue.objects.filter(dataset=dataset).order_by("name", "id"):
        found.setdefault(value.name, []).append(value)
    return found


def having(dataset: Dataset, value: int) -> QuerySet[Sample]:
    """The samples of a dataset that have a value of its attributes, by the value's id.

    Few are found by their ids, many on the way along an order of the dataset: each would be slow for the other.
    """
    rows = SampleAttribute.objects.filter(value=value, value__dataset=dataset)
    ids = list(rows.order_by("sample").values_list("sample", flat=True)[: FEW + 1])
    if len(ids) <= FEW:
        # with a word of the dataset a planner would walk along one of its orders for them, to the end
        return Sample.objects.filter(pk__in=picking.of(ids))
    return among(Sample.objects.filter(dataset=dataset), value)


def among(samples: QuerySet[Sample], value: int) -> QuerySet[Sample]:
    """Those of the samples that have a value, by its id."""
    return samples.filter(Exists(SampleAttribute.objects.filter(value=value, sample=OuterRef("pk"))))
