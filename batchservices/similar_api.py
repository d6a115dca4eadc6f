"""Find similar data, and add inputs of a run to a dataset, through the REST API."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices import choosing
from batchservices.models import BatchRun
from batchservices.serializers import CollectionTaskSerializer
from batchservices.similarity import in_dataset, in_run
from config.api.doors import Door
from config.api.strict import Strict
from config.refusals import Refused
from datasets.models import Blob, Dataset, Sample
from hardexamples.similar import MOST_CHOSEN, MOST_SHOWN


class SimilarInput(Strict):
    """Images by sample or by SHA-256, and where to look: the samples of a dataset, or the inputs of a run."""

    samples = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), default=list, max_length=MOST_CHOSEN
    )
    sha256s = serializers.ListField(
        child=serializers.RegexField(r"^[0-9a-f]{64}\Z"), default=list, max_length=MOST_CHOSEN
    )
    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all(), allow_null=True, default=None)
    run = serializers.PrimaryKeyRelatedField(queryset=BatchRun.objects.all(), allow_null=True, default=None)
    target = serializers.PrimaryKeyRelatedField(
        queryset=Dataset.objects.all(), allow_null=True, default=None, help_text="Tells what it has already."
    )
    most = serializers.IntegerField(min_value=1, max_value=MOST_SHOWN, default=60)


class LikenessSerializer(serializers.Serializer):
    """A similar image. `copies`: near copies of it that are not listed; `there`: the target has it already."""

    sha256 = serializers.CharField(source="image.sha256")
    distance = serializers.FloatField(source="image.distance")
    copies = serializers.IntegerField(source="image.copies")
    name = serializers.CharField()
    sample = serializers.IntegerField(source="sample_id", allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    there = serializers.BooleanField()


class LikenessesSerializer(serializers.Serializer):
    """What was found, the nearest first, among so many images of which anything was measured."""

    compared = serializers.IntegerField()
    found = LikenessSerializer(many=True)


class ChosenInput(Strict):
    """Inputs of a run by their positions, and the dataset that they shall come into."""

    positions = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**31 - 1), max_length=choosing.MOST
    )
    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all())


class SimilarDoor(Door):
    """Images that look like others."""

    queryset = Blob.objects.all()
    permissions = {"create": "datasets.view_sample"}

    @extend_schema(request=SimilarInput, responses={200: LikenessesSerializer})
    def create(self, request: Request) -> Response:
        """Find similar data; nothing is kept."""
        said = self.said(SimilarInput)
        run, dataset = said["run"], said["dataset"]
        if (run is None) == (dataset is None):
            raise Refused("bad_value", "Name a dataset or a run to look through.", field="dataset")
        to = set(Sample.objects.filter(pk__in=said["samples"]).values_list("blob__sha256", flat=True))
        if len(to) < len(set(said["samples"])) and not to:
            raise Refused("sample_not_found", "There are no such samples.", status=404, field="samples")
        to |= set(said["sha256s"])
        if run is not None:
            if not self.caller.has_perm("batchservices.view_batchrun"):
                raise PermissionDenied("You do not have permission to see runs.")
            found = in_run(to=to, run=run, target=said["target"], most=said["most"])
        else:
            found = in_dataset(to=to, dataset=dataset, target=said["target"], most=said["most"])
        return self.answer(found, LikenessesSerializer)


class RunInputDoor(Door):
    """Inputs of a run that somebody chose."""

    queryset = BatchRun.objects.select_related("model", "service")
    lookup_value_converter = "int"
    keyed = frozenset({"add_to_dataset"})
    permissions = {"add_to_dataset": "datasets.add_to_dataset"}

    @extend_schema(request=ChosenInput, responses={202: CollectionTaskSerializer})
    @action(detail=True, methods=["post"])
    def add_to_dataset(self, request: Request, pk: int) -> Response:
        """Bring chosen inputs into a dataset, unlabeled; what is there already stays as it is."""
        task = choosing.add_inputs(run=self.get_object(), **self.said(ChosenInput), by=self.caller)
        return self.answer(task, CollectionTaskSerializer, status=202)
