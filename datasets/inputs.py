"""What the verbs of datasets take through the API: shapes and bounds. What it means is the verbs' to judge."""

from typing import Any

from rest_framework import serializers

from config.api.strict import FiniteFloat, Strict
from datasets.models import Dataset, ImportFormat, Task

MAX_BULK = 10_000
MAX_BOXES = 10_000
MAX_FILES = 2000
MAX_ID = 2**63 - 1


class DatasetInput(Strict):
    name = serializers.CharField(max_length=100)
    task = serializers.ChoiceField(choices=Task.choices)
    description = serializers.CharField(max_length=256, allow_blank=True, default="")
    labels = serializers.ListField(child=serializers.CharField(max_length=1024), max_length=MAX_BULK, default=list)


class DatasetChange(Strict):
    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=256, allow_blank=True, required=False)


class LabelsInput(Strict):
    names = serializers.ListField(child=serializers.CharField(max_length=1024), min_length=1, max_length=MAX_BULK)


class LabelChange(Strict):
    name = serializers.CharField(max_length=1024, required=False)
    color = serializers.CharField(max_length=7, required=False)
    shortcut = serializers.CharField(max_length=1, allow_blank=True, required=False)


class ImportInput(Strict):
    """Either a location, or uploaded files: images and ZIP archives."""

    format = serializers.ChoiceField(choices=ImportFormat.choices, default=ImportFormat.IMAGES)
    location = serializers.CharField(max_length=1200, default="")
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), max_length=MAX_FILES, default=list
    )
    final_annotation = serializers.BooleanField(default=True, help_text="Off: annotated samples are To Be Confirmed.")
    difficult_only = serializers.BooleanField(default=False, help_text="Of a manifest, the hard examples only.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["location"] and attrs["files"]:
            raise serializers.ValidationError("Name a location or upload files, not both.")
        return attrs


class PublishInput(Strict):
    name = serializers.CharField(max_length=32, default="", help_text="V001, V002, ... where it is left out.")
    description = serializers.CharField(max_length=256, allow_blank=True, default="")
    hard_examples = serializers.BooleanField(default=True, help_text="Write hardness and reasons into the manifest.")
    train_ratio = FiniteFloat(
        min_value=0, max_value=1, allow_null=True, default=None, help_text="Share of TRAIN among those without a usage."
    )


class AnnotationInput(Strict):
    """A label by its name; for detection with its box."""

    label = serializers.CharField(max_length=1024)  # type: ignore[assignment]  # DRF's own attribute
    box = serializers.ListField(child=FiniteFloat(), min_length=4, max_length=4, allow_null=True, default=None)


class VersionInput(Strict):
    """The version of the sample that the caller saw."""

    version = serializers.IntegerField(min_value=0, max_value=MAX_ID)


class ConfirmInput(VersionInput):
    """Without annotations, those that stand there are confirmed."""

    annotations = serializers.ListField(child=AnnotationInput(), max_length=MAX_BOXES, required=False)


class RelabelInput(VersionInput):
    """All labels or boxes that shall stand."""

    annotations = serializers.ListField(child=AnnotationInput(), max_length=MAX_BOXES)


class UndoInput(Strict):
    """An action by the batch of its events."""

    batch = serializers.CharField(max_length=32)


class IdsInput(Strict):
    """Samples of the dataset."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), min_length=1, max_length=MAX_BULK
    )


class AddToDatasetInput(Strict):
    """Confirmed samples, all of them where no ids are given, and the dataset that they join."""

    target = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all())
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), min_length=1, max_length=MAX_BULK, required=False
    )


class DeleteInput(IdsInput):
    """Samples to delete, with the files that they came from only where that is asked."""

    with_sources = serializers.BooleanField(default=False)
