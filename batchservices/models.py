"""Batch services and their runs; and by their names all models of this application, whose others stand in modules of
their own: `registered`, `collected` and `compared`."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from batchservices.collected import CollectionTask
from batchservices.compared import ComparedInput, RunComparison
from batchservices.registered import InferenceModel, ModelSample
from batchservices.states import (
    ACTIVE_COLLECTION,
    ACTIVE_RUN,
    COLLECTION_MOVES,
    MODEL_MOVES,
    RETRY_MOVES,
    RUN_MOVES,
    CollectionKind,
    CollectionStatus,
    ItemStatus,
    ModelStatus,
    RunStatus,
)
from config.direction import apart
from config.leases import LeasedWork
from datasets.models import Dataset
from hardexamples.models import HardExampleFilter

__all__ = [
    "ACTIVE_COLLECTION",
    "ACTIVE_RUN",
    "COLLECTION_MOVES",
    "LONGEST_TIMEOUT",
    "MODEL_MOVES",
    "RETRY_MOVES",
    "RUN_MOVES",
    "SHORTEST_TIMEOUT",
    "BatchRun",
    "BatchService",
    "CollectionKind",
    "CollectionStatus",
    "CollectionTask",
    "ComparedInput",
    "InferenceModel",
    "ItemStatus",
    "ModelSample",
    "ModelStatus",
    "RunComparison",
    "RunItem",
    "RunStatus",
]


SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 3, 10_080


def check_timeout(minutes: int) -> None:
    """Raises ValidationError for minutes that no run may be limited to."""
    if minutes and not SHORTEST_TIMEOUT <= minutes <= LONGEST_TIMEOUT:
        raise ValidationError(f"Give 0 for no limit, or {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT:,} minutes.")


class BatchService(models.Model):
    """A deployed model that predicts the images of a location, and what becomes of the hard ones.

    `due_at` is when its schedule starts it next; `schedule_words` say what came of the last time.
    """

    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=100, blank=True)
    model = models.ForeignKey(InferenceModel, models.PROTECT, related_name="services")
    input_location = models.CharField(max_length=1000, help_text="A folder or a .manifest, as alias:path.")
    output_location = models.CharField(max_length=1000, help_text="Where the results are written, as alias:path.")
    results_location = models.CharField(
        max_length=1000, blank=True, help_text="Where the system that runs the model has written its results."
    )
    processes = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(1000)], help_text="Most workers at once; 0: all there are."
    )
    timeout_minutes = models.PositiveSmallIntegerField(
        "timeout", default=0, validators=[check_timeout], help_text="Minutes a run may take; 0: as long as it needs."
    )
    filtering = models.BooleanField("hard example filtering", default=False)
    filter = models.ForeignKey(
        HardExampleFilter,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="services",
        help_text="How to decide.",
    )
    training_manifest = models.CharField(
        "existing training dataset",
        max_length=1000,
        blank=True,
        help_text="The manifest the model was trained on, as alias:path. Recommended.",
    )
    output_dataset = models.ForeignKey(
        Dataset,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="fed_by",
        verbose_name="hard example output",
    )
    label_mapping = models.JSONField(default=dict, blank=True, help_text="Class of the model to label of the dataset.")
    filtering_changed_at = models.DateTimeField(default=timezone.now, editable=False)
    schedule = models.CharField(
        max_length=100,
        blank=True,
        help_text="When it starts by itself, as a cron line: 0 2 * * * is every night at 02:00.",
    )
    due_at = models.DateTimeField("next start", null=True, editable=False, db_index=True)
    schedule_words = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "batch service"
        constraints = [
            models.CheckConstraint(
                condition=Q(filtering=False) | Q(output_dataset__isnull=False, filter__isnull=False),
                name="filtering_has_a_filter_and_an_output",
            ),
            models.CheckConstraint(
                condition=Q(schedule="", due_at=None) | (~Q(schedule="") & Q(due_at__isnull=False)),
                name="scheduled_service_is_due_at_some_time",
            ),
        ]
        permissions = [
            ("start_batchservice", "Can start and stop batch services"),
            ("synchronize_batchservice", "Can synchronize data to a dataset"),
        ]

    def __str__(self) -> str:
        return self.name


class BatchRun(LeasedWork):
    """One run of a batch service with its settings frozen. Its items are its queue; it ends when none is left.

    The lease of the run is for preparing and concluding; while it runs, any number of workers lease chunks of items.
    `done` and `failed` move in the transaction that settles the items; `kept` of the done were predicted before, most
    of them by the run `kept_from`. While `retrying`, preparing means that what failed becomes pending again;
    `settled_before` is how many inputs were predicted before that.
    """

    WORKING = ACTIVE_RUN

    service = models.ForeignKey(BatchService, models.PROTECT, related_name="runs")
    model = models.ForeignKey(InferenceModel, models.PROTECT, related_name="runs")
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.PREPARING)
    input_location = models.CharField(max_length=1000)
    output_location = models.CharField(max_length=1000)
    results_location = models.CharField(max_length=1000, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    profile = models.JSONField()
    activations_tensor = models.CharField(max_length=300, blank=True)
    predictor = models.CharField(max_length=129)
    filtering = models.BooleanField()
    filter_settings = models.JSONField(null=True)
    again = models.BooleanField("infer everything again", default=False)
    kept_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    processes = models.PositiveSmallIntegerField(default=0)
    timeout_minutes = models.PositiveSmallIntegerField(default=0)
    retrying = models.BooleanField(default=False)
    settled_before = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    manifest = models.CharField(max_length=1200, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "run"
        constraints = [
            models.UniqueConstraint(
                fields=["service"], condition=Q(status__in=ACTIVE_RUN), name="one_active_run_per_service"
            ),
        ]

    def __str__(self) -> str:
        return f"{apart(str(self.service))} run {self.pk}"


class RunItem(models.Model):
    """One input of a run: leased, tried, predicted once. `prediction` is ModelArts' JSON, immutable once done.

    `said` is what another system said of it, as it was read, until it is believed: {"words": ...} or {"at": location}.
    """

    run = models.ForeignKey(BatchRun, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=1000)
    location = models.CharField(max_length=1200)
    etag = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=8, choices=ItemStatus, default=ItemStatus.PENDING)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    kept = models.BooleanField(default=False)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    predicted_label = models.CharField(max_length=1024, blank=True)
    confidence = models.FloatField(null=True)
    said = models.JSONField(null=True)
    prediction = models.JSONField(null=True)
    probabilities = models.BinaryField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "position"], name="run_item_once"),
            models.CheckConstraint(
                condition=~Q(status=ItemStatus.DONE) | (Q(prediction__isnull=False) & ~Q(sha256="")),
                name="done_item_has_a_prediction",
            ),
            models.CheckConstraint(
                condition=~Q(status=ItemStatus.FAILED) | ~Q(error_code=""), name="failed_item_has_an_error"
            ),
            models.CheckConstraint(
                condition=~Q(status=ItemStatus.LEASED) | ~Q(lease_token=""), name="leased_item_has_a_token"
            ),
        ]
        indexes = [
            models.Index(fields=["run", "status", "position"], name="run_queue"),
            models.Index(
                fields=["run", "confidence", "position"],
                condition=Q(confidence__isnull=False),
                name="run_items_by_confidence",
            ),
        ]

    def __str__(self) -> str:
        return self.name
