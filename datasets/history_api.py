"""The history of a dataset in the REST API: what people decided, and how it is taken back."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door, Inside
from config.api.strict import Nothing
from datasets import undoing
from datasets.inputs import UndoInput
from datasets.models import Dataset, ReviewEvent, Verb
from datasets.serializers import ChangedSerializer

MAX_ID = 2**63 - 1


class EventSerializer(serializers.ModelSerializer):
    """Who changed which sample: its state before and after. `undoes` is the event that this one takes back."""

    by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = ReviewEvent
        fields = [
            "id", "dataset", "sample", "sample_name", "by", "at", "verb", "outcome", "before", "after", "batch",
            "undoes",
        ]  # fmt: skip
        read_only_fields = fields


class EventFilters(filters.FilterSet):
    sample = filters.NumberFilter(field_name="sample_id", min_value=1, max_value=MAX_ID, decimal_places=0)
    batch = filters.CharFilter(max_length=32)
    verb = filters.ChoiceFilter(choices=Verb.choices)

    class Meta:
        model = ReviewEvent
        fields: tuple[str, ...] = ()


class DatasetEventDoor(ListModelMixin, Inside):
    """What people decided about the samples of a dataset, the latest first."""

    queryset = ReviewEvent.objects.select_related("by")
    serializer_class = EventSerializer
    filterset_class = EventFilters
    above = Dataset
    column = "dataset"
    permissions = {"list": "datasets.view_reviewevent"}


class EventDoor(RetrieveModelMixin, Door):
    """One decision."""

    queryset = ReviewEvent.objects.filter(dataset__removed_at=None).select_related("by")
    serializer_class = EventSerializer
    lookup_value_converter = "int"
    keyed = frozenset({"undo"})
    permissions = {"retrieve": "datasets.view_reviewevent", "undo": "datasets.confirm_sample"}

    @extend_schema(request=Nothing, responses=EventSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        """Take a decision back, or redo one that was taken back; refused where the sample was changed since."""
        self.said(Nothing)
        return self.answer(undoing.undo(event_id=pk, by=self.caller), EventSerializer)


class DatasetUndoDoor(Door):
    """Whole actions of a dataset."""

    queryset = Dataset.objects.all()
    lookup_value_converter = "int"
    keyed = frozenset({"undo"})
    permissions = {"undo": "datasets.confirm_sample"}

    @extend_schema(request=UndoInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        """Take a batch back, or redo one that was taken back; what was changed since is passed over."""
        batch = self.said(UndoInput)["batch"]
        return self.answer(
            undoing.undo_batch(batch=batch, by=self.caller, dataset=self.get_object()), ChangedSerializer
        )
