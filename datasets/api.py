"""Datasets, their labels, imports and versions in the REST API: thin doors on the verbs."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door, Inside
from config.api.strict import Nothing
from config.refusals import Refused
from datasets import changes, creation, importing, locations, publishing, removal
from datasets.filters import DatasetFilters
from datasets.inputs import DatasetChange, DatasetInput, ImportInput, LabelChange, LabelsInput, PublishInput
from datasets.models import Dataset, DatasetVersion, ImportTask, Label, VersionStatus
from datasets.serializers import (
    DatasetDetailSerializer,
    DatasetSerializer,
    DatasetVersionSerializer,
    ImportTaskDetailSerializer,
    ImportTaskSerializer,
    LabelSerializer,
)


class DatasetDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Samples of one task with their labels."""

    queryset = Dataset.objects.select_related("created_by")
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilters
    lookup_value_converter = "int"
    keyed = frozenset({"create", "start_import", "publish"})
    permissions = {
        "list": "datasets.view_dataset",
        "retrieve": "datasets.view_dataset",
        "create": "datasets.add_dataset",
        "partial_update": "datasets.change_dataset",
        "destroy": "datasets.delete_dataset",
        "start_import": "datasets.import_dataset",
        "publish": "datasets.publish_dataset",
    }

    @extend_schema(responses=DatasetDetailSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """A dataset with its labels and its figures."""
        return self.answer(self.get_object(), DatasetDetailSerializer)

    @extend_schema(request=DatasetInput, responses={201: DatasetDetailSerializer})
    def create(self, request: Request) -> Response:
        """Make a dataset with its labels."""
        dataset = creation.create_dataset(**self.said(DatasetInput), by=self.caller)
        return self.answer(dataset, DatasetDetailSerializer, status=201)

    @extend_schema(request=DatasetChange, responses=DatasetDetailSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change the name or the description; the task never changes."""
        dataset = changes.change_dataset(dataset=self.get_object(), **self.said(DatasetChange), by=self.caller)
        return self.answer(dataset, DatasetDetailSerializer)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a dataset, unless something fills or needs it."""
        removal.delete_dataset(dataset=self.get_object(), by=self.caller)
        return Response(status=204)

    @extend_schema(
        request={"application/json": ImportInput, "multipart/form-data": ImportInput},
        responses={202: ImportTaskDetailSerializer},
    )
    @action(detail=True, methods=["post"], url_path="import", parser_classes=[*Door.parser_classes, MultiPartParser])
    def start_import(self, request: Request, pk: int) -> Response:
        """Import from a location (a folder, or a manifest), or what is uploaded: images and ZIP archives."""
        dataset = self.get_object()
        said = self.said(ImportInput)
        uploads = [(file.name, file) for file in said.pop("files")]
        try:
            task = importing.start_import(dataset=dataset, uploads=uploads, **said, by=self.caller)
        except Refused as refused:
            if refused.where.get("field") == "uploads":  # as the form calls them
                refused.where["field"] = "files"
            raise
        return self.answer(task, ImportTaskDetailSerializer, status=202)

    @extend_schema(request=PublishInput, responses={200: DatasetVersionSerializer, 202: DatasetVersionSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: int) -> Response:
        """Publish the labeled samples as the next version; 200 with the one that is there where nothing changed."""
        dataset = self.get_object()
        version = publishing.publish(dataset=dataset, **self.said(PublishInput), by=self.caller)
        there = version.status == VersionStatus.PUBLISHED
        return self.answer(version, DatasetVersionSerializer, status=200 if there else 202)


class LabelDoor(ListModelMixin, Inside):
    """The labels of a dataset, in the order they were made."""

    queryset = Label.objects.all()
    serializer_class = LabelSerializer
    above = Dataset
    column = "dataset"
    orders = {"oldest": ("id",)}
    lookup_value_converter = "int"
    permissions = {
        "list": "datasets.view_label",
        "create": "datasets.add_label",
        "partial_update": "datasets.change_label",
    }

    @extend_schema(request=LabelsInput, responses={201: LabelSerializer(many=True)})
    def create(self, request: Request, dataset_id: int) -> Response:
        """Make the labels that are missing; answers with all of the names that were asked for."""
        dataset = self.parent()
        names = self.said(LabelsInput)["names"]
        labels = creation.add_labels(dataset=dataset, names=names, by=self.caller)
        asked = {creation.label_name(name): None for name in names}
        return Response(LabelSerializer([labels[name] for name in asked], many=True).data, status=201)

    @extend_schema(request=LabelChange, responses=LabelSerializer)
    def partial_update(self, request: Request, dataset_id: int, pk: int) -> Response:
        """Change a label's name, color or shortcut."""
        label = changes.change_label(label=self.get_object(), **self.said(LabelChange), by=self.caller)
        return self.answer(label, LabelSerializer)


class DatasetImportDoor(ListModelMixin, Inside):
    """The imports into a dataset."""

    queryset = ImportTask.objects.all()
    serializer_class = ImportTaskSerializer
    above = Dataset
    column = "dataset"
    permissions = {"list": "datasets.view_importtask"}


class ImportDoor(RetrieveModelMixin, Door):
    """One import."""

    queryset = ImportTask.objects.prefetch_related("problems")
    serializer_class = ImportTaskDetailSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "datasets.view_importtask", "stop": "datasets.import_dataset"}

    @extend_schema(request=Nothing, responses=ImportTaskDetailSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: int) -> Response:
        """Stop an import; what it brought stays."""
        self.said(Nothing)
        importing.stop(task=self.get_object(), by=self.caller)
        return self.answer(self.get_object(), ImportTaskDetailSerializer)


class DatasetVersionDoor(ListModelMixin, Inside):
    """The versions of a dataset."""

    queryset = DatasetVersion.objects.all()
    serializer_class = DatasetVersionSerializer
    above = Dataset
    column = "dataset"
    permissions = {"list": "datasets.view_datasetversion"}


class VersionDoor(RetrieveModelMixin, Door):
    """One version."""

    queryset = DatasetVersion.objects.all()
    serializer_class = DatasetVersionSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "datasets.view_datasetversion", "manifest": "datasets.view_datasetversion"}

    @extend_schema(responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY})
    @action(detail=True)
    def manifest(self, request: Request, pk: int) -> FileResponse:
        """Download the manifest of a published version."""
        version = self.get_object()
        if version.status != VersionStatus.PUBLISHED:
            raise Refused("not_published", f"{version.name} is not published.", status=409)
        file = locations.open_file(locations.parse(version.manifest))
        name = f"dataset-{version.dataset_id}-{version.name}.manifest"
        return FileResponse(file, as_attachment=True, filename=name, content_type="application/x-ndjson")
