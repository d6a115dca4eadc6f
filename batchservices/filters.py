"""What lists of models, services, runs and predictions can be filtered by in the API."""

from django_filters import rest_framework as filters

from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
    ItemStatus,
    ModelStatus,
    RunItem,
    RunStatus,
)
from config.api.strict import TrueOrFalse
from datasets.inputs import MAX_ID
from datasets.models import Task


class ModelFilters(filters.FilterSet):
    name = filters.CharFilter(lookup_expr="icontains", max_length=100)
    versions_of = filters.CharFilter(field_name="name", max_length=100)
    sha256 = filters.CharFilter(max_length=64)
    task = filters.ChoiceFilter(choices=Task.choices)
    status = filters.ChoiceFilter(choices=ModelStatus.choices)

    class Meta:
        model = InferenceModel
        fields: tuple[str, ...] = ()


class ServiceFilters(filters.FilterSet):
    name = filters.CharFilter(lookup_expr="icontains", max_length=64)
    filtering = TrueOrFalse()

    class Meta:
        model = BatchService
        fields: tuple[str, ...] = ()


class RunFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=RunStatus.choices)

    class Meta:
        model = BatchRun
        fields: tuple[str, ...] = ()


class AnyRunFilters(RunFilters):
    service = filters.NumberFilter(field_name="service_id", min_value=1, max_value=MAX_ID, decimal_places=0)
    model = filters.NumberFilter(field_name="model_id", min_value=1, max_value=MAX_ID, decimal_places=0)


class PredictionFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=ItemStatus.choices)
    predicted_label = filters.CharFilter(max_length=1024)
    name = filters.CharFilter(lookup_expr="icontains", max_length=1000)

    class Meta:
        model = RunItem
        fields: tuple[str, ...] = ()


class CollectionFilters(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=CollectionKind.choices)
    status = filters.ChoiceFilter(choices=CollectionStatus.choices)

    class Meta:
        model = CollectionTask
        fields: tuple[str, ...] = ()


class AnyCollectionFilters(CollectionFilters):
    service = filters.NumberFilter(field_name="service_id", min_value=1, max_value=MAX_ID, decimal_places=0)
    run = filters.NumberFilter(field_name="run_id", min_value=1, max_value=MAX_ID, decimal_places=0)
    dataset = filters.NumberFilter(field_name="dataset_id", min_value=1, max_value=MAX_ID, decimal_places=0)
