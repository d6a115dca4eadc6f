"""Runs compared with each other, through the REST API."""

from django.db.models import OuterRef, Subquery
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices.compared import Change, ComparedInput, RunComparison
from batchservices.comparison import compare
from batchservices.models import BatchRun, RunItem
from config.api.doors import Door, Inside
from config.api.strict import Strict
from datasets.serializers import WORK_FIELDS


class CompareInput(Strict):
    """The run to compare with."""

    other = serializers.PrimaryKeyRelatedField(queryset=BatchRun.objects.select_related("model"))


class ComparisonSerializer(serializers.ModelSerializer):
    """A run against another one. `counts`: inputs by change, and "same"; `labels`: [before, after, count], the most
    frequent first; `hardness`: whether a filter has looked at both runs, so that hard examples are compared."""

    counts = serializers.DictField(child=serializers.IntegerField())
    labels = serializers.ListField(child=serializers.JSONField())

    class Meta:
        model = RunComparison
        fields = ["id", "run", "other", "status", "hardness", "counts", "labels", *WORK_FIELDS]
        read_only_fields = fields


class ComparedInputSerializer(serializers.ModelSerializer):
    """An input that differs, once for each way, and what each of the runs calls it and says of it; of a run that has
    no such input all is null."""

    name = serializers.CharField(allow_null=True)
    predicted_label = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    other_name = serializers.CharField(allow_null=True)
    other_predicted_label = serializers.CharField(allow_null=True)
    other_confidence = serializers.FloatField(allow_null=True)

    class Meta:
        model = ComparedInput
        fields = [
            "id", "change", "position", "name", "predicted_label", "confidence", "other_position", "other_name",
            "other_predicted_label", "other_confidence",
        ]  # fmt: skip
        read_only_fields = fields


class ComparedFilters(filters.FilterSet):
    change = filters.ChoiceFilter(choices=Change.choices)

    class Meta:
        model = ComparedInput
        fields: tuple[str, ...] = ()


class RunComparisonDoor(Door):
    """A run is compared with another one."""

    queryset = BatchRun.objects.select_related("model", "service")
    lookup_value_converter = "int"
    permissions = {"compare": "batchservices.view_batchrun"}

    @extend_schema(request=CompareInput, responses={202: ComparisonSerializer})
    @action(detail=True, methods=["post"])
    def compare(self, request: Request, pk: int) -> Response:
        """Compare a run with another one, over the inputs that have the same bytes; a worker does it."""
        made = compare(run=self.get_object(), **self.said(CompareInput), by=self.caller)
        return self.answer(made, ComparisonSerializer, status=202)


class ComparisonDoor(RetrieveModelMixin, Door):
    """What differs between two runs, in numbers."""

    queryset = RunComparison.objects.all()
    serializer_class = ComparisonSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "batchservices.view_batchrun"}


def _said_of(prefix: str, run: str, position: str) -> dict[str, Subquery]:
    """What a run says of a compared input, as columns: one walk along an index each."""
    item = RunItem.objects.filter(run=OuterRef(run), position=OuterRef(position))
    return {f"{prefix}{name}": Subquery(item.values(name)) for name in ("name", "predicted_label", "confidence")}


class ComparedInputDoor(ListModelMixin, Inside):
    """The inputs that differ."""

    queryset = ComparedInput.objects.annotate(
        **_said_of("", "comparison__run", "position"),
        **_said_of("other_", "comparison__other", "other_position"),
    )
    serializer_class = ComparedInputSerializer
    filterset_class = ComparedFilters
    above = RunComparison
    column = "comparison"
    orders = {"place": ("place", "id")}
    permissions = {"list": "batchservices.view_batchrun"}
