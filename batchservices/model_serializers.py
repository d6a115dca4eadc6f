"""How models are written in the API, and what its verbs take."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchservices import samples
from batchservices.models import InferenceModel, ModelSample
from batchservices.profile import MAX_CLASSES
from batchservices.samples import Chosen
from config.api.strict import Strict
from datasets.formats.jsonlines import strict_loads
from datasets.models import Dataset, Task
from datasets.serializers import WORK_FIELDS


# --- what is written -------------------------------------------------------------------------------------------------
class ModelSerializer(serializers.ModelSerializer):
    created_by: serializers.Field = serializers.StringRelatedField()
    accepted_by: serializers.Field = serializers.StringRelatedField()
    class_names = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = InferenceModel
        fields = [
            "id", "name", "version", "task", "elsewhere", "sha256", "size", "source", "class_names", "profile",
            "activations_tensor", "report", "status", "at_once", "created_by", "accepted_at", "accepted_by",
            *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields


class ModelSampleSerializer(serializers.ModelSerializer):
    """An image that a model was tried on, and what it said, in ModelArts' form."""

    class Meta:
        model = ModelSample
        fields = [
            "position", "name", "location", "width", "height", "prediction", "seconds", "error_code", "error",
        ]  # fmt: skip
        read_only_fields = fields


class ProposalSerializer(serializers.Serializer):
    """A profile guessed from the file; `why` says for its fields, by name ("input.layout"), how sure that is (known,
    likely, guess) and because of what."""

    profile = serializers.DictField()
    why = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))


# --- what verbs take -------------------------------------------------------------------------------------------------
@extend_schema_field({"type": "object", "additionalProperties": True})
class JSONObject(serializers.Field):
    """A JSON object; in a form, its text."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = strict_loads(data.encode()) if isinstance(data, str) else data
        if not isinstance(value, dict):
            raise serializers.ValidationError("Write a JSON object.")
        return value

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


class SampleImagesInput(Strict):
    """Images to try a model on: a few of a location, of a dataset, or uploaded ones."""

    sample_location = serializers.CharField(max_length=1200, allow_blank=True, default="")
    sample_dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all(), allow_null=True, default=None)
    sample_files = serializers.ListField(child=serializers.FileField(), max_length=samples.MOST, default=list)
    class_names = serializers.ListField(
        child=serializers.CharField(max_length=256), max_length=MAX_CLASSES, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Puts the chosen images in the place of where they come from."""
        location, dataset = attrs.pop("sample_location"), attrs.pop("sample_dataset")
        chosen: list[Chosen] = samples.of_location(location) if location else []
        chosen += samples.of_dataset(dataset) if dataset else []
        chosen += samples.uploaded((file.name, file.read()) for file in attrs.pop("sample_files"))
        return {**attrs, "sample_images": chosen}


class ModelInput(SampleImagesInput):
    """An ONNX file, or where it lies, and what its numbers mean."""

    name = serializers.CharField(max_length=100)
    file = serializers.FileField(required=False, allow_empty_file=True)
    location = serializers.CharField(max_length=1200, allow_blank=True, default="", help_text="As alias:path.")
    profile = JSONObject(required=False, help_text="As models show it; proposed from the file where it is left out.")
    at_once = serializers.BooleanField(
        allow_null=True,  # else a form that leaves it out would say no
        default=None,
        help_text="Ready as soon as it passes its dry run; else somebody looks and accepts it. Left out: for those who "
        "may accept models.",
    )


class TryInput(SampleImagesInput):
    """Another profile, other names or other images; what is left out stays."""

    profile = JSONObject(required=False, help_text="As models show it.")


class ElsewhereInput(Strict):
    """A model that runs on another system; its results are taken in by a service that names their place."""

    name = serializers.CharField(max_length=100)
    task = serializers.ChoiceField(choices=Task.choices)
    class_names = serializers.ListField(child=serializers.CharField(max_length=256), max_length=MAX_CLASSES)
