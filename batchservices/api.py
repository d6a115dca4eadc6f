"""Models, batch services, runs and collection tasks in the REST API: thin doors on the verbs."""

from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from batchservices.filters import CollectionFilters, ModelFilters, PredictionFilters, RunFilters, ServiceFilters
from batchservices.models import BatchRun, BatchService, CollectionTask, InferenceModel, RunItem
from batchservices.serializers import (
    CollectionTaskSerializer,
    ModelSerializer,
    PredictionItemSerializer,
    RunSerializer,
    ServiceSerializer,
)
from config.api.doors import Door, Inside


class ModelDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Models that can be deployed."""

    queryset = InferenceModel.objects.select_related("created_by")
    serializer_class = ModelSerializer
    filterset_class = ModelFilters
    lookup_value_converter = "int"
    permissions = {"list": "batchservices.view_inferencemodel", "retrieve": "batchservices.view_inferencemodel"}


class ServiceDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Deployed models that predict the images of a location."""

    queryset = BatchService.objects.select_related("created_by")
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilters
    lookup_value_converter = "int"
    permissions = {"list": "batchservices.view_batchservice", "retrieve": "batchservices.view_batchservice"}


class ServiceRunDoor(ListModelMixin, Inside):
    """The runs of a service."""

    queryset = BatchRun.objects.select_related("started_by")
    serializer_class = RunSerializer
    filterset_class = RunFilters
    above = BatchService
    column = "service"
    permissions = {"list": "batchservices.view_batchrun"}


class ServiceCollectionDoor(ListModelMixin, Inside):
    """What was collected from a service."""

    queryset = CollectionTask.objects.select_related("created_by")
    serializer_class = CollectionTaskSerializer
    filterset_class = CollectionFilters
    above = BatchService
    column = "service"
    permissions = {"list": "batchservices.view_collectiontask"}


class RunDoor(RetrieveModelMixin, Door):
    """One run and how far it is."""

    queryset = BatchRun.objects.select_related("started_by")
    serializer_class = RunSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "batchservices.view_batchrun"}


class PredictionDoor(ListModelMixin, Inside):
    """The inputs of a run with their predictions, in the order of the inputs."""

    queryset = RunItem.objects.defer("probabilities")
    serializer_class = PredictionItemSerializer
    filterset_class = PredictionFilters
    above = BatchRun
    column = "run"
    orders = {"position": ("position",)}
    permissions = {"list": "batchservices.view_batchrun"}


class CollectionDoor(RetrieveModelMixin, Door):
    """One collection task."""

    queryset = CollectionTask.objects.select_related("created_by")
    serializer_class = CollectionTaskSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "batchservices.view_collectiontask"}
