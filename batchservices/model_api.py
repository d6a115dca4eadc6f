"""Models in the REST API: thin doors on the verbs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices import registration
from batchservices.elsewhere import register_elsewhere
from batchservices.filters import ModelFilters
from batchservices.model_serializers import (
    ElsewhereInput,
    ModelInput,
    ModelSampleSerializer,
    ModelSerializer,
    ProposalSerializer,
    TryInput,
)
from batchservices.models import InferenceModel
from config.api.doors import Door
from config.api.strict import Nothing
from config.refusals import Refused

WITH_FILES: Any = {"application/json": ModelInput, "multipart/form-data": ModelInput}


class ModelDoor(ListModelMixin, RetrieveModelMixin, Door):
    """Models that can be deployed, and those that are on the way to it."""

    queryset = InferenceModel.objects.select_related("created_by", "accepted_by")
    serializer_class = ModelSerializer
    filterset_class = ModelFilters
    lookup_value_converter = "int"
    keyed = frozenset({"create", "elsewhere", "new_version"})
    permissions = {
        "list": "batchservices.view_inferencemodel",
        "retrieve": "batchservices.view_inferencemodel",
        "create": "batchservices.add_inferencemodel",
        "elsewhere": "batchservices.add_inferencemodel",
        "destroy": "batchservices.delete_inferencemodel",
        "proposal": "batchservices.view_inferencemodel",
        "samples": "batchservices.view_inferencemodel",
        "try_again": "batchservices.add_inferencemodel",
        "accept": "batchservices.accept_inferencemodel",
        "new_version": "batchservices.add_inferencemodel",
    }
    parser_classes = [*Door.parser_classes, MultiPartParser]

    @extend_schema(request=WITH_FILES, responses={202: ModelSerializer})
    def create(self, request: Request) -> Response:
        """Register an ONNX file, uploaded or from a location; a worker inspects it and tries it."""
        said = self.said(ModelInput)
        may = self.caller.has_perm("batchservices.accept_inferencemodel")
        if said["at_once"] and not may:
            raise PermissionDenied("You do not have permission to accept models: leave at_once out.")
        said["at_once"] = may if said["at_once"] is None else said["at_once"]
        model = registration.register_model(data=said.pop("file", None), **said, by=self.caller)
        return self.answer(model, ModelSerializer, status=202)

    @extend_schema(request={"application/json": ElsewhereInput}, responses={201: ModelSerializer})
    @action(detail=False, methods=["post"])
    def elsewhere(self, request: Request) -> Response:
        """Register a model that runs on another system; a service takes in what it has said."""
        return self.answer(register_elsewhere(**self.said(ElsewhereInput), by=self.caller), ModelSerializer, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a model that nobody uses, and its file where no other model has the same."""
        registration.delete_model(model=self.get_object(), by=self.caller)
        return Response(status=204)

    @extend_schema(responses=ProposalSerializer)
    @action(detail=True)
    def proposal(self, request: Request, pk: int) -> Response:
        """The profile that the file itself suggests, and why."""
        proposal = self.get_object().report.get("proposal")
        if proposal is None:
            raise Refused("no_proposal", "The file was not looked into yet, or suggests nothing.", status=409)
        return self.answer(proposal, ProposalSerializer)

    @extend_schema(responses=ModelSampleSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def samples(self, request: Request, pk: int) -> Response:
        """What the model says about the images that it was tried on."""
        rows = self.get_object().samples.defer("picture")
        return Response(ModelSampleSerializer(rows, many=True).data)

    @extend_schema(
        request={"application/json": TryInput, "multipart/form-data": TryInput}, responses={202: ModelSerializer}
    )
    @action(detail=True, methods=["post"], url_path="try")
    def try_again(self, request: Request, pk: int) -> Response:
        """Try a model that is not accepted yet with another profile or on other images, on the same file."""
        model, said = self.get_object(), self.said(TryInput)
        profile = said.get("profile", model.profile)
        if "class_names" in said:
            profile = {**profile, "class_names": said["class_names"]}
        registration.try_again(
            model=model, profile=profile, sample_images=said["sample_images"] or None, by=self.caller
        )
        return self.answer(model, ModelSerializer, status=202)

    @extend_schema(request=Nothing, responses=ModelSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: int) -> Response:
        """Accept a model whose dry run was looked at; from then on it can be deployed."""
        self.said(Nothing)
        model = self.get_object()
        registration.accept(model=model, by=self.caller)
        return self.answer(model, ModelSerializer)

    @extend_schema(request=Nothing, responses={202: ModelSerializer})
    @action(detail=True, methods=["post"], url_path="version")
    def new_version(self, request: Request, pk: int) -> Response:
        """The same file once more as the next version, for another profile."""
        self.said(Nothing)
        model = registration.new_version(model=self.get_object(), by=self.caller)
        return self.answer(model, ModelSerializer, status=202)
