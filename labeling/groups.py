"""The groups that auto grouping found, as people label them: one after another, until none has an unlabeled image."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from datasets.models import AttributeValue, Dataset, Sample, SampleAttribute, Status
from labeling import auto_grouping
from labeling.models import AutoLabelingTask


@dataclass(frozen=True)
class Group:
    """One group as it stands.

    Attributes:
        value: its value of the attribute, by which the grid is filtered.
        count: its images.
        unlabeled: those of them that are unlabeled still.
        pictures: its most typical images, the most typical first.
    """

    value: AttributeValue
    count: int
    unlabeled: int
    pictures: Sequence[Sample]


def groups_of(task: AutoLabelingTask) -> list[Group]:
    """The groups that a task found, the largest first; none where it has not ended, or another told its attribute
    anew."""
    if not task.groups or auto_grouping.standing(task.dataset, task.attribute) != task:
        return []
    rows = SampleAttribute.objects.filter(value__dataset=task.dataset, value__name=task.attribute).values("value")
    unlabeled = Count("pk", filter=Q(sample__status=Status.UNLABELED))
    counts = {row["value"]: row for row in rows.annotate(count=Count("pk"), unlabeled=unlabeled).order_by()}
    typical = {told["value"]: told["samples"] for told in task.groups}
    wanted = [pk for chosen in typical.values() for pk in chosen]
    pictures = task.dataset.samples.select_related("blob").in_bulk(wanted)
    return [
        Group(
            value=value,
            count=counts[value.pk]["count"],
            unlabeled=counts[value.pk]["unlabeled"],
            pictures=[pictures[pk] for pk in typical.get(value.value, ()) if pk in pictures],
        )
        for value in AttributeValue.objects.filter(dataset=task.dataset, name=task.attribute).order_by("id")
        if value.pk in counts
    ]


def following(value: AttributeValue) -> AttributeValue | None:
    """The next value of the same attribute that an unlabeled image has, after the last the first again; None where
    there is no other."""
    unlabeled = SampleAttribute.objects.filter(value=OuterRef("pk"), sample__status=Status.UNLABELED)
    others = AttributeValue.objects.filter(Exists(unlabeled), dataset=value.dataset_id, name=value.name).order_by("id")
    return others.filter(pk__gt=value.pk).first() or others.filter(pk__lt=value.pk).first()


def value_of(dataset: Dataset, value: int | None) -> AttributeValue | None:
    """A value of an attribute of the dataset by its id; None where it has none such."""
    return AttributeValue.objects.filter(dataset=dataset, pk=value).first() if value else None
