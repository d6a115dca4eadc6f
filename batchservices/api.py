"""Batch services, runs and collection tasks in the REST API: thin doors on the verbs."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices import collection, deployment, running
from batchservices.filtering_again import filter_run
from batchservices.filters import (
    AnyCollectionFilters,
    AnyRunFilters,
    CollectionFilters,
    PredictionFilters,
    RunFilters,
    ServiceFilters,
)
from batchservices.models import ACTIVE_RUN, BatchRun, BatchService, CollectionTask, RunItem
from batchservices.serializers import (
    CollectionTaskSerializer,
    FilteringInput,
    FilteringSerializer,
    PredictionItemSerializer,
    RunSerializer,
    ServiceChange,
    ServiceInput,
    ServiceSerializer,
    StartInput,
    SynchronizeInput,
)
from config.api.doors import Door, Inside
from config.api.strict import Nothing
from config.refusals import Refused

CHANGEABLE = (
    *("name", "description", "model", "input_location", "output_location", "results_location"),
    *("processes", "timeout_minutes"),
)


class ServiceDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Deployed models that predict the images of a location."""

    queryset = BatchService.objects.select_related("created_by")
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilters
    lookup_value_converter = "int"
    keyed = frozenset({"create", "start", "restart", "synchronize"})
    permissions = {
        "list": "batchservices.view_batchservice",
        "retrieve": "batchservices.view_batchservice",
        "create": "batchservices.add_batchservice",
        "partial_update": "batchservices.change_batchservice",
        "filtering": "batchservices.view_batchservice",
        "configure_filtering": "batchservices.change_batchservice",
        "start": "batchservices.start_batchservice",
        "stop": "batchservices.start_batchservice",
        "restart": "batchservices.start_batchservice",
        "synchronize": "batchservices.synchronize_batchservice",
    }

    @extend_schema(request=ServiceInput, responses={201: ServiceSerializer})
    def create(self, request: Request) -> Response:
        """Deploy a model; start the service to predict."""
        said = self.said(ServiceInput)
        self.may_name(said["output_dataset_name"])
        service = deployment.deploy(**said, by=self.caller)
        return self.answer(service, ServiceSerializer, status=201)

    @extend_schema(request=ServiceChange, responses=ServiceSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a service from its next run on."""
        service = self.get_object()
        said = {name: getattr(service, name) for name in CHANGEABLE} | self.said(ServiceChange)
        return self.answer(deployment.change(service=service, **said, by=self.caller), ServiceSerializer)

    @extend_schema(responses=FilteringSerializer)
    @action(detail=True)
    def filtering(self, request: Request, pk: int) -> Response:
        """What happens to the hard examples."""
        return self.answer(self.get_object(), FilteringSerializer)

    @extend_schema(request=FilteringInput, responses=FilteringSerializer)
    @filtering.mapping.put
    def configure_filtering(self, request: Request, pk: int) -> Response:
        """Set what happens to the hard examples, from the next start on."""
        said = self.said(FilteringInput)
        self.may_name(said["output_dataset_name"])
        service = deployment.configure_filtering(service=self.get_object(), **said, by=self.caller)
        return self.answer(service, FilteringSerializer)

    @extend_schema(request=StartInput, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: int) -> Response:
        """Predict all inputs, in a run; what the model has said about unchanged ones is kept. A service has one run
        at a time: whoever asks meanwhile gets a 409 with the code `already_running` and the run as `item`, so that a
        request may be sent again and starts no other run."""
        run = running.start(service=self.get_object(), **self.said(StartInput), by=self.caller)
        return self.answer(run, RunSerializer, status=202)

    @extend_schema(request=Nothing, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def restart(self, request: Request, pk: int) -> Response:
        """Predict all inputs, in a run; one that goes on is stopped first."""
        self.said(Nothing)
        return self.answer(running.restart(service=self.get_object(), by=self.caller), RunSerializer, status=202)

    @extend_schema(request=Nothing, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop the run that is going on; what is predicted stays."""
        self.said(Nothing)
        run = self.get_object().runs.filter(status__in=ACTIVE_RUN).first()
        if run is None:
            raise Refused("not_running", "No run of this service is going on.", status=409)
        running.stop(run=run, by=self.caller)
        return self.answer(run, RunSerializer)

    @extend_schema(request=SynchronizeInput, responses={202: CollectionTaskSerializer})
    @action(detail=True, methods=["post"])
    def synchronize(self, request: Request, pk: int) -> Response:
        """Synchronize Data to Dataset: all inputs, unlabeled; again adds only what is new. Whoever asks while that
        goes on gets a 409 with the code `already_synchronizing` and the task as `item`."""
        said = self.said(SynchronizeInput)
        self.may_name(said["dataset_name"])
        task = collection.synchronize(service=self.get_object(), **said, by=self.caller)
        return self.answer(task, CollectionTaskSerializer, status=202)

    def may_name(self, dataset_name: str) -> None:
        """Whoever names a new dataset needs the permission to make one."""
        if dataset_name and not self.caller.has_perm("datasets.add_dataset"):
            raise PermissionDenied("You do not have permission to make a dataset.")


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


class RunDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Runs and how far they are."""

    queryset = BatchRun.objects.select_related("started_by")
    serializer_class = RunSerializer
    filterset_class = AnyRunFilters
    lookup_value_converter = "int"
    keyed = frozenset({"retry", "filter"})
    permissions = {
        "list": "batchservices.view_batchrun",
        "retrieve": "batchservices.view_batchrun",
        "stop": "batchservices.start_batchservice",
        "retry": "batchservices.start_batchservice",
        "filter": "batchservices.synchronize_batchservice",
    }

    @extend_schema(request=Nothing, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop a run; what is predicted stays."""
        self.said(Nothing)
        run = self.get_object()
        running.stop(run=run, by=self.caller)
        return self.answer(run, RunSerializer)

    @extend_schema(request=Nothing, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        """Try again the inputs of an ended run that have no prediction; its filter then covers them, too."""
        self.said(Nothing)
        run = self.get_object()
        running.retry(run=run, by=self.caller)
        run.refresh_from_db()
        return self.answer(run, RunSerializer, status=202)

    @extend_schema(request=Nothing, responses={202: CollectionTaskSerializer})
    @action(detail=True, methods=["post"])
    def filter(self, request: Request, pk: int) -> Response:
        """Filter an ended run from its kept predictions, by the settings that its service has now."""
        self.said(Nothing)
        task = filter_run(run=self.get_object(), by=self.caller)
        return self.answer(task, CollectionTaskSerializer, status=202)


class PredictionDoor(ListModelMixin, Inside):
    """The inputs of a run with their predictions, in the order of the inputs."""

    queryset = RunItem.objects.defer("probabilities")
    serializer_class = PredictionItemSerializer
    filterset_class = PredictionFilters
    above = BatchRun
    column = "run"
    orders = {"position": ("position",)}
    permissions = {"list": "batchservices.view_batchrun"}


class CollectionDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Collection tasks."""

    queryset = CollectionTask.objects.select_related("created_by")
    serializer_class = CollectionTaskSerializer
    filterset_class = AnyCollectionFilters
    lookup_value_converter = "int"
    permissions = {
        "list": "batchservices.view_collectiontask",
        "retrieve": "batchservices.view_collectiontask",
        "stop": "batchservices.synchronize_batchservice",
    }

    @extend_schema(request=Nothing, responses=CollectionTaskSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop a collection; what was brought stays."""
        self.said(Nothing)
        task = self.get_object()
        collection.stop(task=task, by=self.caller)
        return self.answer(task, CollectionTaskSerializer)
