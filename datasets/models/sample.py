"""Bytes, samples, and what people, models and rules say about them."""

import random

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from datasets.models.dataset import Dataset, Label


class Status(models.TextChoices):
    """What people know about a sample. Hardness is another axis."""

    UNLABELED = "unlabeled", "Unlabeled"
    TO_BE_CONFIRMED = "to_be_confirmed", "To Be Confirmed"
    LABELED = "labeled", "Labeled"


STATUS_MOVES = {
    Status.UNLABELED: frozenset({Status.TO_BE_CONFIRMED, Status.LABELED}),
    Status.TO_BE_CONFIRMED: frozenset({Status.UNLABELED}),
    Status.LABELED: frozenset({Status.UNLABELED, Status.TO_BE_CONFIRMED, Status.LABELED}),
}


class Usage(models.TextChoices):
    """What a sample is for in training."""

    TRAIN = "TRAIN", "Train"
    EVAL = "EVAL", "Eval"
    TEST = "TEST", "Test"
    INFERENCE = "INFERENCE", "Inference"


class HardSetBy(models.TextChoices):
    """Who says that a sample is hard, or that it is not. Rules never change what a person set."""

    RULES = "rules", "Rules"
    PERSON = "person", "Person"


class Origin(models.TextChoices):
    """How a sample came into its dataset, or who drew an annotation."""

    IMPORT = "import", "Import"
    SYNCHRONIZE = "synchronize", "Synchronized from a batch service"
    FILTER = "filter", "Hard example filtering"
    DATASET = "dataset", "Added from another dataset"


LOOKED_AT = ("confidence", "confirmed_by", "hard", "origin", "created_at", "predicted_label", "name")
"""What people filter the queue by. It stands in the indexes behind the order, so that a filter that fits few of a
million samples walks along an index alone, without a look at any row that it does not fit."""


def lot() -> float:
    """A sample's place in the random order, 0..1."""
    return random.random()  # noqa: S311  no secret


class Blob(models.Model):
    """Bytes of an image by their content address. The bytes are there before the row; `datasets.blobs` alone writes it.

    Width and height are of the upright image (after EXIF transposition), in pixels.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    format = models.CharField(max_length=8)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0, size__gt=0), name="blob_has_an_area")
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class Sample(models.Model):
    """One image in one dataset. Written by `datasets.intake`, `datasets.proposing`, `datasets.review` and
    `datasets.transfer` alone.

    `usefulness` (0..1) is how early it comes in the order that teaches most, 0 where nobody ranked it; `lot` (0..1) is
    its place in the random order.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="samples")
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="samples")
    name = models.CharField(max_length=255)
    source = models.CharField(max_length=1200)
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.IMPORT)
    status = models.CharField(max_length=16, choices=Status, default=Status.UNLABELED)
    hard = models.BooleanField(default=False)
    hard_set_by = models.CharField(max_length=8, choices=HardSetBy, blank=True)
    hard_coefficient = models.FloatField(default=0.0)
    usefulness = models.FloatField(default=0.0, editable=False)
    lot = models.FloatField(default=lot, editable=False)
    stack = models.CharField(max_length=32, blank=True)
    control = models.BooleanField(default=False)
    usage = models.CharField(max_length=10, choices=Usage, blank=True)
    predicted_label = models.CharField(max_length=1024, blank=True)
    confidence = models.FloatField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="confirmed_samples"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "blob"], name="bytes_once_per_dataset"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="sample_status_known"),
            models.CheckConstraint(
                condition=Q(hard_coefficient__gte=0, hard_coefficient__lte=1),
                name="coefficient_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(confidence=None) | Q(confidence__gte=0, confidence__lte=1),
                name="sample_confidence_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="confirmed_when_and_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(status=Status.LABELED), name="only_labeled_is_confirmed"
            ),
            models.CheckConstraint(condition=Q(hard=False) | ~Q(hard_set_by=""), name="hard_is_set_by_somebody"),
        ]
        indexes = [
            models.Index(
                fields=["dataset", "status", "-hard_coefficient", "-id", "stack", *LOOKED_AT], name="sample_queue"
            ),
            models.Index(
                fields=["dataset", "-hard_coefficient", "-id", "status", "stack", *LOOKED_AT], name="sample_hardest"
            ),
            # the order is a choice in To Be Confirmed alone: what leaves it leaves these, and is written nowhere else
            models.Index(
                fields=["dataset", "-usefulness", "-id"],
                condition=Q(status=Status.TO_BE_CONFIRMED),
                name="sample_most_useful",
            ),
            models.Index(
                fields=["dataset", "-lot", "-id"], condition=Q(status=Status.TO_BE_CONFIRMED), name="sample_random"
            ),
            models.Index(
                fields=["dataset", "stack", "status", "-hard_coefficient", "-id", *LOOKED_AT],
                condition=~Q(stack=""),  # a query that shall use it must say so, too
                name="sample_stack",
            ),
        ]
        permissions = [
            ("confirm_sample", "Can confirm and reject samples"),
            ("mark_hard_sample", "Can confirm and unmark hard examples"),
        ]

    def __str__(self) -> str:
        return self.name


class SampleName(models.Model):
    """A name under which the bytes of a sample were met; the first one is kept on the sample, too."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="names")
    name = models.CharField(max_length=255)
    source = models.CharField(max_length=1200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["sample", "source"], name="one_name_per_source")]

    def __str__(self) -> str:
        return self.name


class Annotation(models.Model):
    """A claim that a label applies to a sample, or to a box of it.

    A box is in pixels of the upright image, floats, 0 <= xmin < xmax <= width; classification has none.
    """

    class By(models.TextChoices):
        HUMAN = "human", "Human"
        MODEL = "model", "Model"

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    label = models.ForeignKey(Label, models.PROTECT, related_name="annotations")
    # PostgreSQL keeps the column names xmin and xmax for itself
    xmin = models.FloatField(null=True, blank=True, db_column="box_xmin")
    ymin = models.FloatField(null=True, blank=True, db_column="box_ymin")
    xmax = models.FloatField(null=True, blank=True, db_column="box_xmax")
    ymax = models.FloatField(null=True, blank=True, db_column="box_ymax")
    origin = models.CharField(max_length=8, choices=By)
    annotated_by = models.CharField(max_length=200, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    hard = models.BooleanField(default=False)
    hard_coefficient = models.FloatField(default=0.0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["label", "sample"], name="annotation_label")]
        constraints = [
            models.CheckConstraint(
                condition=Q(xmin=None, ymin=None, xmax=None, ymax=None)
                | Q(xmin__gte=0, ymin__gte=0, xmax__gt=F("xmin"), ymax__gt=F("ymin")),
                name="box_whole_or_none",
            ),
            models.UniqueConstraint(fields=["sample", "label"], condition=Q(xmin=None), name="label_once_per_sample"),
            models.CheckConstraint(
                condition=Q(confidence=None) | Q(confidence__gte=0, confidence__lte=1),
                name="annotation_confidence_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(hard_coefficient__gte=0, hard_coefficient__lte=1),
                name="box_coefficient_between_0_and_1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} on {self.sample}"


class Prediction(models.Model):
    """A model's immutable words about a sample, in ModelArts' form; they survive reject and relabel.

    `predictor` names the model and its profile by content ("<model sha256>:<profile sha256>"), never by a foreign key.
    """

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="predictions")
    predictor = models.CharField(max_length=129)
    model_name = models.CharField(max_length=200)
    predicted_label = models.CharField(max_length=1024, blank=True)
    confidence = models.FloatField(null=True)
    output = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["sample", "predictor"], name="one_prediction_per_predictor")]

    def __str__(self) -> str:
        return f"{self.model_name}: {self.predicted_label or 'nothing'}"


class HardReason(models.Model):
    """Why the rules call a sample, or a box of it, hard: the number measured and what is normal in the training set.

    Codes 0 to 30 are ModelArts'; own rules and marks by hand have codes from 100.
    """

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="reasons")
    annotation = models.ForeignKey(Annotation, models.SET_NULL, null=True, blank=True, related_name="reasons")
    code = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=64)
    score = models.FloatField(null=True)
    measured = models.FloatField(null=True)
    normal_low = models.FloatField(null=True)
    normal_high = models.FloatField(null=True)
    sentence = models.CharField(max_length=500)
    suggestion = models.CharField(max_length=500, blank=True)
    neighbors = models.JSONField(default=list, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["position", "id"]
        indexes = [
            models.Index(fields=["code", "sample"], name="reason_code"),
            models.Index(fields=["rule", "sample"], name="reason_rule"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sample", "code", "rule", "position"], name="reason_once_per_place"),
        ]

    def __str__(self) -> str:
        return self.sentence


class AttributeValue(models.Model):
    """One value that samples of a dataset have of an attribute: "3" of "group". Written by `datasets.attributes` alone;
    an attribute that is told anew has new values, so that nobody who still sees the old ones decides about others."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="attribute_values")
    name = models.CharField(max_length=64)
    value = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name", "value"], name="attribute_value_once_per_dataset"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(value=""), name="attribute_has_name_and_value"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class SampleAttribute(models.Model):
    """What a sample has of an attribute; at most one value of each, whose name stands here again for that."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="attributes", db_index=False)
    value = models.ForeignKey(AttributeValue, models.CASCADE, related_name="samples", db_index=False)
    name = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["sample", "name"], name="attribute_once_per_sample")]
        indexes = [models.Index(fields=["value", "sample"], name="attribute_value_sample")]

    def __str__(self) -> str:
        return str(self.value)
