"""What lists of datasets and samples can be filtered by in the API."""

from django.db.models import Exists, OuterRef, QuerySet
from django_filters import rest_framework as filters

from config.api.strict import TrueOrFalse
from datasets.models import Annotation, Dataset, HardReason, Sample, SampleAttribute, Status, Task

MAX_CODE = 32_767


class DatasetFilters(filters.FilterSet):
    """Datasets by task and by a part of their name."""

    name = filters.CharFilter(lookup_expr="icontains", max_length=100)
    task = filters.ChoiceFilter(choices=Task.choices)

    class Meta:
        model = Dataset
        fields: tuple[str, ...] = ()


class SampleFilters(filters.FilterSet):
    """Samples by what people know of them and by what the rules say."""

    status = filters.ChoiceFilter(choices=Status.choices)
    hard = TrueOrFalse()
    reason = filters.NumberFilter(
        method="with_reason", min_value=0, max_value=MAX_CODE, decimal_places=0, help_text="The code of a hard reason."
    )
    coefficient_min = filters.NumberFilter(
        field_name="hard_coefficient", lookup_expr="gte", min_value=0, max_value=1, help_text="From 0 to 1."
    )
    coefficient_max = filters.NumberFilter(
        field_name="hard_coefficient", lookup_expr="lte", min_value=0, max_value=1, help_text="From 0 to 1."
    )
    label = filters.CharFilter(method="with_label", max_length=1024, help_text="The name of an annotation's label.")
    attribute = filters.CharFilter(
        method="with_attribute",
        max_length=129,
        help_text="A value of a sample attribute, as `name:value`: `group:3` after auto grouping.",
    )
    predicted_label = filters.CharFilter(max_length=1024)
    name = filters.CharFilter(lookup_expr="icontains", max_length=255, help_text="A part of the name.")

    class Meta:
        model = Sample
        fields: tuple[str, ...] = ()

    def with_reason(self, samples: QuerySet, name: str, code: int) -> QuerySet:
        """Samples that have a reason of this code."""
        return samples.filter(Exists(HardReason.objects.filter(sample=OuterRef("pk"), code=code)))

    def with_label(self, samples: QuerySet, name: str, label: str) -> QuerySet:
        """Samples that have an annotation with the label of this name."""
        return samples.filter(Exists(Annotation.objects.filter(sample=OuterRef("pk"), label__name=label)))

    def with_attribute(self, samples: QuerySet, name: str, wanted: str) -> QuerySet:
        """Samples that have this value of this attribute."""
        attribute, _, value = wanted.partition(":")
        has = SampleAttribute.objects.filter(sample=OuterRef("pk"), name=attribute, value__value=value)
        return samples.filter(Exists(has))
