"""Filters in the REST API: how hard examples are found."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door
from config.api.strict import FiniteFloat, Strict
from hardexamples.filters import change_filter, create_filter
from hardexamples.models import HardExampleFilter
from hardexamples.notation import MODELARTS_THRESHOLD

CHANGEABLE = ("comprehensive_algo_config", "algo_hard_threshold", "aug_op_config", "control_share", "fusion")


class FilterSerializer(serializers.ModelSerializer):
    """A filter in ModelArts' notation: weights of the algorithms, a threshold, augmentations."""

    created_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = HardExampleFilter
        fields = [
            "id", "name", "kind", "fusion", "comprehensive_algo_config", "algo_hard_threshold", "aug_op_config",
            "control_share", "fusion_version", "fitted", "created_at", "created_by",
        ]  # fmt: skip
        read_only_fields = fields


class FilterInput(Strict):
    """A filter in ModelArts' notation: `algorithm:weight`, joined by +."""

    name = serializers.CharField(max_length=100)
    comprehensive_algo_config = serializers.CharField(max_length=4096)
    algo_hard_threshold = FiniteFloat(min_value=0, max_value=1, default=MODELARTS_THRESHOLD)
    aug_op_config = serializers.CharField(max_length=4096, allow_blank=True, default="")
    control_share = FiniteFloat(min_value=0, max_value=1, default=0.02)
    fusion = serializers.ChoiceField(choices=HardExampleFilter.Fusion.choices, default=HardExampleFilter.Fusion.FITTED)


class FilterChange(Strict):
    comprehensive_algo_config = serializers.CharField(max_length=4096, required=False)
    algo_hard_threshold = FiniteFloat(min_value=0, max_value=1, required=False)
    aug_op_config = serializers.CharField(max_length=4096, allow_blank=True, required=False)
    control_share = FiniteFloat(min_value=0, max_value=1, required=False)
    fusion = serializers.ChoiceField(choices=HardExampleFilter.Fusion.choices, required=False)


class FilterDoor(ListModelMixin, RetrieveModelMixin, Door):
    """How hard examples are found."""

    queryset = HardExampleFilter.objects.select_related("created_by")
    serializer_class = FilterSerializer
    orders = {"oldest": ("id",)}
    lookup_value_converter = "int"
    permissions = {
        "list": "hardexamples.view_hardexamplefilter",
        "retrieve": "hardexamples.view_hardexamplefilter",
        "create": "hardexamples.add_hardexamplefilter",
        "partial_update": "hardexamples.change_hardexamplefilter",
    }

    @extend_schema(request=FilterInput, responses={201: FilterSerializer})
    def create(self, request: Request) -> Response:
        """Make a filter of one's own."""
        return self.answer(create_filter(**self.said(FilterInput), by=self.caller), FilterSerializer, status=201)

    @extend_schema(request=FilterChange, responses=FilterSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a filter; runs that were started keep what they froze."""
        chosen = self.get_object()
        said = {name: getattr(chosen, name) for name in CHANGEABLE} | self.said(FilterChange)
        return self.answer(change_filter(chosen=chosen, **said, by=self.caller), FilterSerializer)
