"""A mining is decided anew, through the REST API."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices.recutting import look, recut
from batchservices.serializers import CollectionTaskSerializer
from config.api.doors import Door
from config.api.strict import FiniteFloat, Strict
from hardexamples.models import HardExampleFilter, Mining
from hardexamples.recut import Wish, wish

MOST_CAPPED = 10**9


class RecutInput(Strict):
    """How a mining shall be decided: by another filter, and what is left out stays as it is."""

    filter = serializers.PrimaryKeyRelatedField(
        queryset=HardExampleFilter.objects.all(), required=False, allow_null=True, help_text="Take its settings."
    )
    comprehensive_algo_config = serializers.CharField(max_length=4096, required=False)
    algo_hard_threshold = FiniteFloat(min_value=0, max_value=1, required=False)
    fusion = serializers.ChoiceField(choices=HardExampleFilter.Fusion.choices, required=False)
    cap = serializers.IntegerField(min_value=0, max_value=MOST_CAPPED, required=False, allow_null=True)


class RecutPreviewSerializer(serializers.Serializer):
    """What would change, in images; `decided`: of those added or dropped, on how many a person has decided."""

    flagged = serializers.IntegerField()
    would_be = serializers.IntegerField()
    added = serializers.IntegerField()
    dropped = serializers.IntegerField()
    kept = serializers.IntegerField()
    decided = serializers.IntegerField()
    histogram = serializers.ListField(child=serializers.IntegerField())
    notes = serializers.ListField(child=serializers.CharField())


class MiningRecutDoor(Door):
    """Minings decided anew from the scores that they kept."""

    queryset = Mining.objects.select_related("filter")
    lookup_value_converter = "int"
    keyed = frozenset({"recut"})
    permissions = {"preview": "hardexamples.view_mining", "recut": "hardexamples.change_mining"}

    @extend_schema(request=RecutInput, responses=RecutPreviewSerializer)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: int) -> Response:
        """What other settings would change; nothing is changed."""
        mining = self.get_object()
        return self.answer(look(mining=mining, wanted=self._wanted(mining)), RecutPreviewSerializer)

    @extend_schema(request=RecutInput, responses={202: CollectionTaskSerializer})
    @action(detail=True, methods=["post"])
    def recut(self, request: Request, pk: int) -> Response:
        """Decide by other settings; what people decided on stays."""
        mining = self.get_object()
        task = recut(mining=mining, wanted=self._wanted(mining), by=self.caller)
        return self.answer(task, CollectionTaskSerializer, status=202)

    def _wanted(self, mining: Mining) -> Wish:
        said = self.said(RecutInput)
        return wish(mining=mining, chosen=said.pop("filter", None), changes=said)
