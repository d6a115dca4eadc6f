"""Samples in the REST API: the queue hardest first, one sample with its evidence, and what people decide."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door, Inside
from config.api.strict import Nothing
from config.refusals import Refused
from datasets import bulk_review, deletion, media, review, transfer
from datasets.filters import SampleFilters
from datasets.inputs import AddToDatasetInput, ConfirmInput, DeleteInput, IdsInput, RelabelInput, VersionInput
from datasets.intake import Claim
from datasets.models import Annotation, Blob, Dataset, HardReason, Sample, Status
from datasets.serializers import (
    ChangedSerializer,
    SampleDetailSerializer,
    SampleSerializer,
    TransferredSerializer,
)

SAMPLES = Sample.objects.select_related("blob").prefetch_related(
    Prefetch("annotations", Annotation.objects.select_related("label").defer("label__color", "label__shortcut"))
)


class DatasetSampleDoor(ListModelMixin, Inside):
    """The samples of a dataset, hardest first."""

    queryset = SAMPLES.prefetch_related(Prefetch("reasons", HardReason.objects.order_by().only("sample", "code")))
    serializer_class = SampleSerializer
    filterset_class = SampleFilters
    above = Dataset
    column = "dataset"
    orders = {
        "hardest": ("-hard_coefficient", "-id"),
        "newest": ("-id",),
        "most_useful": ("-usefulness", "-id"),
        "random": ("-lot", "-id"),
    }
    permissions = {"list": "datasets.view_sample"}

    def order(self) -> tuple[str, Sequence[str]]:
        """The order asked for; what is To Be Confirmed has two more."""
        name, columns = super().order()
        if name in ("most_useful", "random") and self.request.query_params.get("status") != Status.TO_BE_CONFIRMED:
            words = f"ordering={name} goes with status=to_be_confirmed."
            raise Refused("unknown_ordering", words, field="ordering")
        return name, columns


class SampleDoor(RetrieveModelMixin, Door):
    """One sample with all that is known of it, and what people decide about it."""

    queryset = (
        SAMPLES.filter(dataset__removed_at=None)
        .select_related("confirmed_by")
        .prefetch_related("reasons", "predictions", "names", "attributes__value")
    )
    serializer_class = SampleDetailSerializer
    lookup_value_converter = "int"
    permissions = {
        "retrieve": "datasets.view_sample",
        "image": "datasets.view_sample",
        "thumbnail": "datasets.view_sample",
        "confirm": "datasets.confirm_sample",
        "relabel": "datasets.confirm_sample",
        "reject": "datasets.confirm_sample",
        "mark_hard": "datasets.mark_hard_sample",
        "unmark_hard": "datasets.mark_hard_sample",
    }

    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    @action(detail=True)
    def image(self, request: Request, pk: int) -> HttpResponse:
        """The image as it came in."""
        return media.answer(request._request, Blob.objects.filter(samples__pk=pk), thumbnail=False)

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    @action(detail=True)
    def thumbnail(self, request: Request, pk: int) -> HttpResponse:
        """A JPEG of at most 256 pixels a side."""
        return media.answer(request._request, Blob.objects.filter(samples__pk=pk), thumbnail=True)

    @extend_schema(request=ConfirmInput, responses=SampleDetailSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: int) -> Response:
        """OK, or Labeled: the labels are right, as they stand or as given here. To Be Confirmed becomes Labeled."""
        said = self.said(ConfirmInput)
        claims = _claims(said.get("annotations"))
        review.confirm(sample_id=pk, by=self.caller, version=said["version"], claims=claims)
        return self.answer(self.get_object(), SampleDetailSerializer)

    @extend_schema(request=RelabelInput, responses=SampleDetailSerializer)
    @action(detail=True, methods=["post"])
    def relabel(self, request: Request, pk: int) -> Response:
        """Correct the labels of a sample that is To Be Confirmed or Labeled; its status stays."""
        said = self.said(RelabelInput)
        review.relabel(sample_id=pk, by=self.caller, version=said["version"], claims=_claims(said["annotations"]) or ())
        return self.answer(self.get_object(), SampleDetailSerializer)

    @extend_schema(request=VersionInput, responses=SampleDetailSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: int) -> Response:
        """Back to Unlabeled; the prediction is kept."""
        review.reject(sample_id=pk, by=self.caller, version=self.said(VersionInput)["version"])
        return self.answer(self.get_object(), SampleDetailSerializer)

    @extend_schema(request=Nothing, responses=SampleDetailSerializer)
    @action(detail=True, methods=["post"])
    def mark_hard(self, request: Request, pk: int) -> Response:
        """Confirm Hard Example: hard, because a person says so; status and labels stay."""
        self.said(Nothing)
        bulk_review.mark_hard(samples=[self.get_object().pk], by=self.caller)
        return self.answer(self.get_object(), SampleDetailSerializer)

    @extend_schema(request=Nothing, responses=SampleDetailSerializer)
    @action(detail=True, methods=["post"])
    def unmark_hard(self, request: Request, pk: int) -> Response:
        """Not hard, because a person says so; status and labels stay."""
        self.said(Nothing)
        bulk_review.unmark_hard(samples=[self.get_object().pk], by=self.caller)
        return self.answer(self.get_object(), SampleDetailSerializer)


class DatasetReviewDoor(Door):
    """What people decide about many samples of a dataset at once."""

    queryset = Dataset.objects.all()
    lookup_value_converter = "int"
    permissions = {
        "confirm": "datasets.confirm_sample",
        "reject": "datasets.confirm_sample",
        "mark_hard": "datasets.mark_hard_sample",
        "unmark_hard": "datasets.mark_hard_sample",
        "add_to_dataset": "datasets.add_to_dataset",
        "delete_samples": "datasets.delete_sample",
    }

    @extend_schema(request=IdsInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: int) -> Response:
        """Confirm samples that are To Be Confirmed, as they were predicted."""
        return self.answer(bulk_review.confirm_many(sample_ids=self._chosen(), by=self.caller), ChangedSerializer)

    @extend_schema(request=IdsInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: int) -> Response:
        """Reject samples: back to Unlabeled; predictions are kept."""
        return self.answer(bulk_review.reject_many(sample_ids=self._chosen(), by=self.caller), ChangedSerializer)

    @extend_schema(request=IdsInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def mark_hard(self, request: Request, pk: int) -> Response:
        """Confirm Hard Example: hard, because a person says so; status and labels stay."""
        return self.answer(bulk_review.mark_hard(samples=self._chosen(), by=self.caller), ChangedSerializer)

    @extend_schema(request=IdsInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def unmark_hard(self, request: Request, pk: int) -> Response:
        """Not hard, because a person says so; status and labels stay."""
        return self.answer(bulk_review.unmark_hard(samples=self._chosen(), by=self.caller), ChangedSerializer)

    @extend_schema(request=AddToDatasetInput, responses=TransferredSerializer)
    @action(detail=True, methods=["post"])
    def add_to_dataset(self, request: Request, pk: int) -> Response:
        """Add to dataset: labeled samples, all of them where no ids are given, join another dataset."""
        dataset = self.get_object()
        said = self.said(AddToDatasetInput)
        samples: Any = Sample.objects.filter(dataset=dataset, status=Status.LABELED)
        if "ids" in said:
            samples = chosen(dataset, said["ids"])
        transferred = transfer.add_to_dataset(samples=samples, target=said["target"], by=self.caller)
        return self.answer(transferred, TransferredSerializer)

    @extend_schema(request=DeleteInput, responses=ChangedSerializer)
    @action(detail=True, methods=["post"])
    def delete_samples(self, request: Request, pk: int) -> Response:
        """Delete samples; their history stays. Source files go only where that is asked."""
        dataset = self.get_object()
        said = self.said(DeleteInput)
        ids = chosen(dataset, said["ids"])
        done = deletion.delete_samples(samples=ids, by=self.caller, with_sources=said["with_sources"])
        return self.answer(done, ChangedSerializer)

    def _chosen(self) -> list[int]:
        dataset = self.get_object()
        return chosen(dataset, self.said(IdsInput)["ids"])


def chosen(dataset: Dataset, ids: Sequence[int]) -> list[int]:
    """The ids, all of them of samples of the dataset.

    Raises:
        Refused: sample_not_found (404), `item` is the first that is not.
    """
    found = set(Sample.objects.filter(dataset=dataset, pk__in=ids).values_list("pk", flat=True))
    for pk in ids:
        if pk not in found:
            raise Refused("sample_not_found", f"{dataset.name} has no sample {pk}.", status=404, item=pk)
    return sorted(found)


def _claims(annotations: list[dict[str, Any]] | None) -> list[Claim] | None:
    if annotations is None:
        return None
    return [
        Claim(label=annotation["label"], box=tuple(annotation["box"]) if annotation["box"] else None)
        for annotation in annotations
    ]
