"""Samples in the REST API: the queue hardest first, one sample with its evidence, and what people decide."""

from django.db.models import Prefetch
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from config.api.doors import Door, Inside
from datasets.filters import SampleFilters
from datasets.models import Annotation, Dataset, Sample
from datasets.serializers import SampleDetailSerializer, SampleSerializer


class DatasetSampleDoor(ListModelMixin, Inside):
    """The samples of a dataset, hardest first."""

    queryset = Sample.objects.select_related("blob").prefetch_related(
        Prefetch("annotations", Annotation.objects.select_related("label")), "reasons"
    )
    serializer_class = SampleSerializer
    filterset_class = SampleFilters
    above = Dataset
    column = "dataset"
    orders = {"hardest": ("-hard_coefficient", "-id"), "newest": ("-id",)}
    permissions = {"list": "datasets.view_sample"}


class SampleDoor(RetrieveModelMixin, Door):
    """One sample with all that is known of it."""

    queryset = DatasetSampleDoor.queryset.select_related("confirmed_by").prefetch_related("predictions", "names")
    serializer_class = SampleDetailSerializer
    lookup_value_converter = "int"
    permissions = {"retrieve": "datasets.view_sample"}
