"""Auto grouping in the REST API: thin doors on the verb. One task is shown and stopped with those of auto labeling."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices.models import InferenceModel
from config.api.doors import Inside
from config.api.strict import Strict
from datasets.attributes import LONGEST
from datasets.models import Dataset
from labeling import auto_grouping
from labeling.auto.grouping import FEWEST, MOST
from labeling.auto_api import AutoLabelingTaskSerializer
from labeling.auto_grouping import MEASURES
from labeling.models import AutoLabelingTask


class AutoGroupingInput(Strict):
    """How to group what is unlabeled; as the verb `start_auto_grouping`. `groups` null: as many as there seem to be."""

    attribute = serializers.CharField(max_length=LONGEST, default="group")
    groups = serializers.IntegerField(min_value=FEWEST, max_value=MOST, allow_null=True, default=None)
    model: Any = serializers.PrimaryKeyRelatedField(
        queryset=InferenceModel.objects.all(), allow_null=True, default=None
    )
    measures = serializers.ListField(child=serializers.ChoiceField(choices=list(MEASURES)), default=list)


class DatasetAutoGroupingDoor(ListModelMixin, Inside):
    """The auto grouping tasks of a dataset."""

    queryset = (
        AutoLabelingTask.objects.filter(kind=AutoLabelingTask.Kind.AUTO_GROUPING)
        .select_related("created_by")
        .defer("learned_from")
    )
    serializer_class = AutoLabelingTaskSerializer
    above = Dataset
    column = "dataset"
    keyed = frozenset({"create"})
    permissions = {"list": "datasets.view_sample", "create": "labeling.start_autolabelingtask"}

    @extend_schema(request=AutoGroupingInput, responses={202: AutoLabelingTaskSerializer})
    def create(self, request: Request, dataset_id: int) -> Response:
        """Start auto grouping; tasks of a dataset run one after another."""
        said = self.said(AutoGroupingInput)
        task = auto_grouping.start_auto_grouping(dataset=self.parent(), **said, by=self.caller)
        return self.answer(task, AutoLabelingTaskSerializer, status=202)
