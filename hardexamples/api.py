"""Minings in the REST API: what every rule said."""

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from config.api.doors import Door, Inside
from config.api.strict import TrueOrFalse
from hardexamples.models import Mining, MiningItem, MiningStatus


class MiningSerializer(serializers.ModelSerializer):
    """One application of a filter, with its settings frozen."""

    class Meta:
        model = Mining
        fields = [
            "id", "filter", "subject", "task", "status", "settings", "fitted", "fusion_version", "training_manifest",
            "reference_sha256", "reference_count", "reference_missing", "total", "flagged", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class MiningItemSerializer(serializers.ModelSerializer):
    """What every rule said about one input; null is no opinion."""

    scores = serializers.DictField(child=serializers.FloatField(allow_null=True))

    class Meta:
        model = MiningItem
        fields = ["position", "sha256", "coefficient", "flagged", "stack", "scores", "reasons"]
        read_only_fields = fields


class MiningFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=MiningStatus.choices)
    filter = filters.NumberFilter(field_name="filter_id", min_value=1, max_value=2**63 - 1, decimal_places=0)

    class Meta:
        model = Mining
        fields: tuple[str, ...] = ()


class MiningItemFilters(filters.FilterSet):
    flagged = TrueOrFalse()

    class Meta:
        model = MiningItem
        fields: tuple[str, ...] = ()


class MiningDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Applications of filters."""

    queryset = Mining.objects.all()
    serializer_class = MiningSerializer
    filterset_class = MiningFilters
    lookup_value_converter = "int"
    permissions = {"list": "hardexamples.view_mining", "retrieve": "hardexamples.view_mining"}


class MiningItemDoor(ListModelMixin, Inside):
    """What every rule said about the inputs of a mining, hardest first."""

    queryset = MiningItem.objects.all()
    serializer_class = MiningItemSerializer
    filterset_class = MiningItemFilters
    above = Mining
    column = "mining"
    orders = {"hardest": ("-coefficient", "position"), "position": ("position",)}
    permissions = {"list": "hardexamples.view_mining"}
