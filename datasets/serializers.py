"""How datasets, samples and versions, and what verbs did to them, are written in the API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from datasets import counters
from datasets.models import (
    Annotation,
    Dataset,
    DatasetVersion,
    HardReason,
    ImportProblem,
    ImportTask,
    Label,
    Prediction,
    Sample,
    SampleName,
)

BOX = serializers.ListField(child=serializers.FloatField(), min_length=4, max_length=4, allow_null=True)


class LabelSerializer(serializers.ModelSerializer):
    class Meta:
        model = Label
        fields = ["id", "name", "color", "shortcut"]
        read_only_fields = fields


class CountsSerializer(serializers.Serializer):
    """Samples by status, and the hard ones among all."""

    unlabeled = serializers.IntegerField()
    to_be_confirmed = serializers.IntegerField()
    labeled = serializers.IntegerField()
    hard = serializers.IntegerField()
    total = serializers.IntegerField()


class DatasetSerializer(serializers.ModelSerializer):
    created_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = Dataset
        fields = ["id", "name", "task", "description", "created_at", "created_by"]
        read_only_fields = fields


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset with its labels and its figures."""

    labels = LabelSerializer(many=True)
    counts = serializers.SerializerMethodField()

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "labels", "counts"]
        read_only_fields = fields

    @extend_schema_field(CountsSerializer)
    def get_counts(self, dataset: Dataset) -> dict[str, Any]:
        return CountsSerializer(counters.counts(dataset)).data


class AnnotationSerializer(serializers.ModelSerializer):
    """A label that applies to a sample, or to a box of it: [xmin, ymin, xmax, ymax] in pixels of the upright image."""

    label = serializers.CharField(source="label.name")  # type: ignore[assignment]  # DRF's own attribute
    box = serializers.SerializerMethodField()

    class Meta:
        model = Annotation
        fields = ["id", "label", "box", "origin", "annotated_by", "confidence", "hard", "hard_coefficient"]
        read_only_fields = fields

    @extend_schema_field(
        serializers.ListField(child=serializers.FloatField(), min_length=4, max_length=4, allow_null=True)
    )
    def get_box(self, annotation: Annotation) -> list[float | None] | None:
        if annotation.xmin is None:
            return None
        return [annotation.xmin, annotation.ymin, annotation.xmax, annotation.ymax]


class HardReasonSerializer(serializers.ModelSerializer):
    """Why the rules call a sample hard: the number measured, and what is normal in the training set."""

    class Meta:
        model = HardReason
        fields = [
            "code", "rule", "score", "measured", "normal_low", "normal_high", "sentence", "suggestion", "neighbors",
            "annotation",
        ]  # fmt: skip
        read_only_fields = fields


class PredictionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Prediction
        fields = ["id", "predictor", "model_name", "predicted_label", "confidence", "output", "created_at"]
        read_only_fields = fields


class SampleNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = SampleName
        fields = ["name", "source", "created_at"]
        read_only_fields = fields


class SampleSerializer(serializers.ModelSerializer):
    """A sample as lists show it."""

    sha256 = serializers.CharField(source="blob.sha256")
    width = serializers.IntegerField(source="blob.width")
    height = serializers.IntegerField(source="blob.height")
    annotations = AnnotationSerializer(many=True)
    reason_codes = serializers.SerializerMethodField()

    class Meta:
        model = Sample
        fields = [
            "id", "dataset", "name", "sha256", "width", "height", "status", "hard", "hard_set_by", "hard_coefficient",
            "reason_codes", "predicted_label", "confidence", "annotations", "stack", "usage", "version",
        ]  # fmt: skip
        read_only_fields = fields

    def get_reason_codes(self, sample: Sample) -> list[int]:
        return sorted({reason.code for reason in sample.reasons.all()})


class SampleDetailSerializer(SampleSerializer):
    """A sample with all that is known of it."""

    reasons = HardReasonSerializer(many=True)
    predictions = PredictionSerializer(many=True)
    names = SampleNameSerializer(many=True)
    confirmed_by: serializers.Field = serializers.StringRelatedField()
    attributes = serializers.SerializerMethodField()

    class Meta(SampleSerializer.Meta):
        fields = [
            *SampleSerializer.Meta.fields,
            "source", "origin", "created_at", "confirmed_at", "confirmed_by", "reasons", "predictions", "names",
            "attributes",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_attributes(self, sample: Sample) -> dict[str, str]:
        """Its sample attributes, by name."""
        return {each.name: each.value.value for each in sample.attributes.all()}


WORK_FIELDS = ["error_code", "error", "created_at", "started_at", "finished_at"]
"""What long work tells of itself."""


class ImportProblemSerializer(serializers.ModelSerializer):
    class Meta:
        model = ImportProblem
        fields = ["line", "file", "code", "message"]
        read_only_fields = fields


class ImportTaskSerializer(serializers.ModelSerializer):
    """An import and how far it is: `done` of `total` entries."""

    done = serializers.IntegerField(source="cursor")

    class Meta:
        model = ImportTask
        fields = [
            "id", "dataset", "format", "location", "final_annotation", "difficult_only", "status", "done", "total",
            "added", "already_there", "failed", *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields


class ImportTaskDetailSerializer(ImportTaskSerializer):
    """An import with what it refused; `failed` is exact, the problems are kept up to a cap."""

    problems = ImportProblemSerializer(many=True)

    class Meta(ImportTaskSerializer.Meta):
        fields = [*ImportTaskSerializer.Meta.fields, "problems"]
        read_only_fields = fields


class DatasetVersionSerializer(serializers.ModelSerializer):
    label_counts = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "dataset", "name", "description", "status", "hard_examples", "train_ratio", "manifest", "sha256",
            "sample_count", "hard_count", "label_counts", *WORK_FIELDS,
        ]  # fmt: skip
        read_only_fields = fields


class ChangedSerializer(serializers.Serializer):
    """What a decision about many samples changed, how many it did not fit, how many somebody else had changed since
    they were seen, and the batch of its review events."""

    changed = serializers.IntegerField()
    passed_over = serializers.IntegerField()
    overtaken = serializers.IntegerField()
    batch = serializers.CharField()


class TransferredSerializer(serializers.Serializer):
    """What joined the target, what got its labels there, what was labeled there already, what is not Labeled."""

    added = serializers.IntegerField()
    updated = serializers.IntegerField()
    already_there = serializers.IntegerField()
    passed_over = serializers.IntegerField()
