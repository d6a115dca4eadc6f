"""Auto labeling in the REST API: thin doors on the verbs."""

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
from hardexamples.models import HardExampleFilter
from labeling import accepting, auto_labeling
from labeling.auto.acceptance import Offer
from labeling.auto_labeling import Algorithm, Kind
from labeling.auto_words import progress_of
from labeling.models import AutoLabelingTask

LONGEST = 1024


class AutoLabelingEvent(serializers.Serializer):
    """`name` is one of start, init, labeling (of auto grouping: grouping), result_processing, end; `status` running,
    success or failed."""

    name = serializers.CharField()
    status = serializers.CharField()
    begun = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)


class AutoGroup(serializers.Serializer):
    """A group as it was found: its value of the attribute, how many images it has, the most typical samples."""

    value = serializers.CharField()
    count = serializers.IntegerField()
    samples = serializers.ListField(child=serializers.IntegerField())


class AutoLabelingTaskSerializer(serializers.ModelSerializer):
    """An auto labeling task: `share` of its work is done, 0..1; `learned` is what active learning tells of its
    classifier; `attribute`, `group_count`, `measures` and `groups` are of auto grouping."""

    events = AutoLabelingEvent(many=True)
    measures = serializers.ListField(child=serializers.CharField())
    groups = AutoGroup(many=True)
    created_by: serializers.Field = serializers.StringRelatedField()
    words = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()

    class Meta:
        model = AutoLabelingTask
        fields = [
            "id", "dataset", "kind", "algorithm", "model_name", "model_sha256", "label_mapping", "filter", "mining",
            "status", "events", "share", "seconds_left", "words", "learned", "total", "done", "unreadable", "proposed",
            "hard", "passed_over", "attribute", "group_count", "measures", "groups", "stop_requested", "created_by",
            *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields

    def get_words(self, task: AutoLabelingTask) -> str:
        """The task in words."""
        return progress_of(task).words

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_seconds_left(self, task: AutoLabelingTask) -> float | None:
        """Until it ends; null where that cannot be told."""
        return progress_of(task).seconds_left


class AutoLabelingInput(Strict):
    """How to label what is unlabeled; as the verb `start_auto_labeling`."""

    kind = serializers.ChoiceField(choices=[Kind.ACTIVE_LEARNING.value, Kind.PRE_LABELING.value])
    algorithm = serializers.ChoiceField(choices=Algorithm.choices, default=Algorithm.FAST)
    model: Any = serializers.PrimaryKeyRelatedField(
        queryset=InferenceModel.objects.all(), allow_null=True, default=None
    )
    label_mapping = serializers.DictField(child=serializers.CharField(max_length=LONGEST), default=dict)
    filter = serializers.PrimaryKeyRelatedField(queryset=HardExampleFilter.objects.all(), allow_null=True, default=None)


class OfferSerializer(serializers.Serializer):
    """What could be accepted at once with at most `bound` of them wrong; `threshold` null: nothing, and `words` say
    why. `needed` control images would do then, at least; null: no number would."""

    bound = serializers.FloatField()
    threshold = serializers.FloatField(allow_null=True)
    accepted = serializers.IntegerField()
    rests_on = serializers.IntegerField()
    wrong = serializers.IntegerField()
    error_at_most = serializers.FloatField()
    needed = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField()
    words = serializers.SerializerMethodField()

    def get_words(self, found: Offer) -> str:
        """The offer in words."""
        return accepting.words_of(found)


class AcceptInput(Strict):
    """The share of errors allowed."""

    bound = serializers.FloatField()


class AcceptedSerializer(serializers.Serializer):
    """A worker accepts `total` samples; `batch` undoes all of it."""

    total = serializers.IntegerField()
    batch = serializers.CharField()


class DatasetAutoLabelingDoor(ListModelMixin, Inside):
    """The auto labeling tasks of a dataset."""

    queryset = AutoLabelingTask.objects.select_related("created_by").defer("learned_from")
    serializer_class = AutoLabelingTaskSerializer
    above = Dataset
    column = "dataset"
    keyed = frozenset({"create"})
    permissions = {"list": "datasets.view_sample", "create": "labeling.start_autolabelingtask"}

    @extend_schema(request=AutoLabelingInput, responses={202: AutoLabelingTaskSerializer})
    def create(self, request: Request, dataset_id: int) -> Response:
        """Start auto labeling; tasks of a dataset run one after another."""
        said = self.said(AutoLabelingInput)
        task = auto_labeling.start_auto_labeling(dataset=self.parent(), **said, by=self.caller)
        return self.answer(task, AutoLabelingTaskSerializer, status=202)


class AutoLabelingDoor(RetrieveModelMixin, Door):
    """One auto labeling task and how far it is."""

    queryset = AutoLabelingTask.objects.select_related("created_by").defer("learned_from")
    serializer_class = AutoLabelingTaskSerializer
    lookup_value_converter = "int"
    keyed = frozenset({"accept"})
    permissions = {
        "retrieve": "datasets.view_sample",
        "stop": "labeling.start_autolabelingtask",
        "offers": "datasets.view_sample",
        "accept": "datasets.confirm_sample",
    }

    @extend_schema(request=Nothing, responses=AutoLabelingTaskSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop a task; nothing comes of it."""
        self.said(Nothing)
        task = self.get_object()
        auto_labeling.stop(task=task, by=self.caller)
        return self.answer(task, AutoLabelingTaskSerializer)

    @extend_schema(responses=OfferSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def offers(self, request: Request, pk: int) -> Response:
        """What could be accepted at once, with a stated risk; empty where the task has nothing for that."""
        return Response(OfferSerializer(accepting.offers(self.get_object()), many=True).data)

    @extend_schema(request=AcceptInput, responses={202: AcceptedSerializer})
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: int) -> Response:
        """Accept at once what is sure, with a stated risk; `bound` as one of the offers has it."""
        bound = self.said(AcceptInput)["bound"]
        work = accepting.accept(task=self.get_object(), bound=bound, by=self.caller)
        return self.answer(work, AcceptedSerializer, status=202)
