"""Simulations of labeling in the REST API: thin doors on the verbs."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices.models import InferenceModel
from config.api.doors import Door, Inside
from config.api.strict import Nothing, Strict
from datasets.models import Dataset
from datasets.serializers import WORK_FIELDS
from labeling import simulating
from labeling.auto.simulation import BUDGET, SEEDS
from labeling.models import LabelingSimulation
from labeling.simulating import FEWEST_LABELS, MOST_LABELS, MOST_SEEDS
from labeling.simulation_words import progress_of


class SimulationRow(serializers.Serializer):
    """A place on a learning curve (`labels`, `accuracy` with its 95 % interval), or what an order saves against
    labeling at random (`labels_to_match_random` instead of `random_labels`, `saved` with its 95 % interval)."""

    set = serializers.CharField()
    order = serializers.CharField()
    labels = serializers.IntegerField(required=False)
    accuracy = serializers.FloatField(required=False)
    low = serializers.FloatField(required=False)
    high = serializers.FloatField(required=False)
    labels_to_match_random = serializers.FloatField(required=False)
    random_labels = serializers.IntegerField(required=False)
    saved = serializers.FloatField(required=False)
    saved_low = serializers.FloatField(required=False)
    saved_high = serializers.FloatField(required=False)


class LabelingSimulationSerializer(serializers.ModelSerializer):
    """A simulation of labeling: `share` of its work is done, 0..1; `rows` has what came of it."""

    rows = serializers.SerializerMethodField()
    created_by: serializers.Field = serializers.StringRelatedField()
    words = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()

    class Meta:
        model = LabelingSimulation
        fields = [
            "id", "dataset", "model_name", "model_sha256", "seeds", "most_labels", "status", "share", "seconds_left",
            "words", "total", "unreadable", "rows", "stop_requested", "created_by", *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(SimulationRow(many=True))
    def get_rows(self, simulation: LabelingSimulation) -> list[dict[str, Any]]:
        """As `manage.py simulate_labeling --json` prints them; empty before the end."""
        return simulation.rows

    def get_words(self, simulation: LabelingSimulation) -> str:
        """The simulation in words."""
        return progress_of(simulation).words

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_seconds_left(self, simulation: LabelingSimulation) -> float | None:
        """Until it ends; null where that cannot be told."""
        return progress_of(simulation).seconds_left


class SimulationInput(Strict):
    """How to simulate; as the verb `simulate_labeling`."""

    model: Any = serializers.PrimaryKeyRelatedField(
        queryset=InferenceModel.objects.all(), allow_null=True, default=None
    )
    seeds = serializers.IntegerField(min_value=1, max_value=MOST_SEEDS, default=SEEDS)
    most_labels = serializers.IntegerField(min_value=FEWEST_LABELS, max_value=MOST_LABELS, default=BUDGET)


class DatasetSimulationDoor(ListModelMixin, Inside):
    """The simulations of labeling a dataset."""

    queryset = LabelingSimulation.objects.select_related("created_by").defer("learned_from")
    serializer_class = LabelingSimulationSerializer
    above = Dataset
    column = "dataset"
    keyed = frozenset({"create"})
    permissions = {"list": "datasets.view_sample", "create": "labeling.start_autolabelingtask"}

    @extend_schema(request=SimulationInput, responses={202: LabelingSimulationSerializer})
    def create(self, request: Request, dataset_id: int) -> Response:
        """Simulate labeling in the offered orders; nothing in the dataset changes."""
        said = self.said(SimulationInput)
        made = simulating.simulate_labeling(dataset=self.parent(), **said, by=self.caller)
        return self.answer(made, LabelingSimulationSerializer, status=202)


class SimulationDoor(RetrieveModelMixin, Door):
    """One simulation, how far it is, and what came of it."""

    queryset = LabelingSimulation.objects.select_related("created_by").defer("learned_from")
    serializer_class = LabelingSimulationSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "datasets.view_sample", "stop": "labeling.start_autolabelingtask"}

    @extend_schema(request=Nothing, responses=LabelingSimulationSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop a simulation."""
        self.said(Nothing)
        found = self.get_object()
        simulating.stop(simulation=found, by=self.caller)
        return self.answer(found, LabelingSimulationSerializer)
