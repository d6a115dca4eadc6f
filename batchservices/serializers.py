"""How services, runs and collection tasks are written in the API, and what its verbs take."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchservices.models import LONGEST_TIMEOUT, BatchRun, BatchService, CollectionTask, InferenceModel, RunItem
from batchservices.words import outlook
from config.api.strict import Strict
from config.refusals import Refused
from datasets.models import Dataset
from datasets.serializers import WORK_FIELDS
from hardexamples.models import HardExampleFilter

MAX_CLASSES = 10_000


# --- what is written -------------------------------------------------------------------------------------------------
class FilteringSerializer(serializers.ModelSerializer):
    """Hard example filtering of a service; a change counts from its next start on. `state` is "Off", "Configured",
    "Waiting for the run", "Waiting for a start", or that of the last run's filtering; `words` says what will happen."""

    label_mapping = serializers.DictField(child=serializers.CharField())
    state = serializers.SerializerMethodField()
    words = serializers.SerializerMethodField()

    class Meta:
        model = BatchService
        fields = [
            "filtering", "filter", "training_manifest", "output_dataset", "label_mapping", "filtering_changed_at",
            "state", "words",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, service: BatchService) -> str:
        return outlook(service).state

    def get_words(self, service: BatchService) -> str:
        return outlook(service).words


class ServiceSerializer(serializers.ModelSerializer):
    created_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = BatchService
        fields = [
            "id", "name", "description", "model", "input_location", "output_location", "results_location", "processes",
            "timeout_minutes", "filtering", "filter", "training_manifest", "output_dataset", "label_mapping",
            "filtering_changed_at", "schedule", "due_at", "schedule_words", "created_at", "created_by",
        ]  # fmt: skip
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer):
    """A run and how far it is: `done` and `failed` of `total` inputs. Of the done, `kept` were predicted before."""

    started_by: serializers.Field = serializers.StringRelatedField()
    progress = serializers.SerializerMethodField()

    class Meta:
        model = BatchRun
        fields = [
            "id", "service", "model", "status", "input_location", "output_location", "results_location",
            "model_sha256", "predictor", "filtering", "filter_settings", "processes", "timeout_minutes", "again",
            "total", "done", "kept", "kept_from", "failed", "progress", "manifest", "stop_requested", "started_by",
            *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.FloatField(min_value=0, max_value=1, allow_null=True))
    def get_progress(self, run: BatchRun) -> float | None:
        return (run.done + run.failed) / run.total if run.total else None


class PredictionItemSerializer(serializers.ModelSerializer):
    """One input of a run and the model's words about it, in ModelArts' form."""

    class Meta:
        model = RunItem
        fields = [
            "position", "name", "location", "sha256", "status", "width", "height", "predicted_label", "confidence",
            "prediction", "error_code", "error",
        ]  # fmt: skip
        read_only_fields = fields


class CollectionTaskSerializer(serializers.ModelSerializer):
    """A collection and how far it is: `done` of `total` inputs."""

    done = serializers.IntegerField(source="cursor")
    missing = serializers.ListField(child=serializers.CharField())
    created_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = CollectionTask
        fields = [
            "id", "kind", "service", "run", "mining", "dataset", "status", "input_location", "label_mapping", "done",
            "total", "added", "already_there", "already_labeled", "failed", "missing", "words", "stop_requested",
            "created_by",
            *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields


# --- what verbs take -------------------------------------------------------------------------------------------------
def one_dataset(said: dict[str, Any], chosen: str, named: str) -> dict[str, Any]:
    """What was said, unless it has an existing dataset and the name of a new one. Raises Refused "two_datasets"."""
    if said[chosen] and said[named].strip():
        words = f"Choose a dataset with {chosen}, or name a new one with {named}; not both."
        raise Refused("two_datasets", words, field=named)
    return said


def at_most_all_classes(mapping: dict[str, str]) -> None:
    """Raises ValidationError for more classes than a model may have."""
    if len(mapping) > MAX_CLASSES:
        raise serializers.ValidationError(f"A model has at most {MAX_CLASSES:,} classes.")


class FilteringSettings(Strict):
    """What happens to the hard examples: an existing dataset, or the name of a new one."""

    filter = serializers.PrimaryKeyRelatedField(
        queryset=HardExampleFilter.objects.all(), allow_null=True, default=None, help_text="Null: Hardmine default."
    )
    training_manifest = serializers.CharField(max_length=1000, allow_blank=True, default="")
    output_dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all(), allow_null=True, default=None)
    output_dataset_name = serializers.CharField(max_length=100, allow_blank=True, default="")
    label_mapping = serializers.DictField(
        child=serializers.CharField(max_length=1024),
        default=dict,
        validators=[at_most_all_classes],
        help_text="Class of the model: label of the dataset. A class that is left out goes to the label of its name.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An existing dataset, or a new one."""
        return one_dataset(attrs, "output_dataset", "output_dataset_name")


class FilteringInput(FilteringSettings):
    filtering = serializers.BooleanField()


class ServiceInput(FilteringSettings):
    name = serializers.CharField(max_length=64)
    description = serializers.CharField(max_length=100, allow_blank=True, default="")
    model = serializers.PrimaryKeyRelatedField(queryset=InferenceModel.objects.all())
    input_location = serializers.CharField(max_length=1000, help_text="A folder or a .manifest, as alias:path.")
    output_location = serializers.CharField(max_length=1000, help_text="Where the results are written, as alias:path.")
    results_location = serializers.CharField(
        max_length=1000,
        allow_blank=True,
        default="",
        help_text="Of a model that runs elsewhere: where its results are, a folder, a .manifest or a .jsonl.",
    )
    processes = serializers.IntegerField(
        min_value=0, max_value=1000, default=0, help_text="Most workers at once for a run; 0: all there are."
    )
    timeout_minutes = serializers.IntegerField(
        min_value=0, max_value=LONGEST_TIMEOUT, default=0, help_text="Minutes a run may take, from 3; 0: no limit."
    )
    filtering = serializers.BooleanField(default=False)


class StartInput(Strict):
    again = serializers.BooleanField(
        default=False, help_text="Infer everything again, also what has not changed since it was predicted."
    )


class ServiceChange(Strict):
    name = serializers.CharField(max_length=64, required=False)
    description = serializers.CharField(max_length=100, allow_blank=True, required=False)
    model = serializers.PrimaryKeyRelatedField(queryset=InferenceModel.objects.all(), required=False)
    input_location = serializers.CharField(max_length=1000, required=False)
    output_location = serializers.CharField(max_length=1000, required=False)
    results_location = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    processes = serializers.IntegerField(min_value=0, max_value=1000, required=False)
    timeout_minutes = serializers.IntegerField(min_value=0, max_value=LONGEST_TIMEOUT, required=False)
    label_mapping = serializers.DictField(
        child=serializers.CharField(max_length=1024),
        required=False,
        validators=[at_most_all_classes],
        help_text="While filtering is on: class of the model: label of the dataset. The others stay as they are.",
    )


class SynchronizeInput(Strict):
    """An existing dataset, or the name of a new one."""

    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all(), allow_null=True, default=None)
    dataset_name = serializers.CharField(max_length=100, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An existing dataset, or a new one."""
        return one_dataset(attrs, "dataset", "dataset_name")
