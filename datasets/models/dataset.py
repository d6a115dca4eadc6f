"""A dataset, its labels, its labeling jobs, its counters, and what holds it."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone


class Task(models.TextChoices):
    """What the samples of a dataset are labeled for, and what a model predicts."""

    IMAGE_CLASSIFICATION = "image_classification", "Image classification"
    OBJECT_DETECTION = "object_detection", "Object detection"


class StandingDatasets(models.Manager["Dataset"]):
    """The datasets that people see: without those that are being removed."""

    def get_queryset(self) -> models.QuerySet["Dataset"]:
        """All that nobody removed."""
        return super().get_queryset().filter(removed_at=None)


class Dataset(models.Model):
    """Samples of one task with their labels. `datasets.creation` alone makes it; its task never changes.

    Since `removed_at` it is gone for everybody (`datasets.removal`); `everything` finds it still.
    """

    name = models.CharField(
        max_length=100,
        unique=True,
        validators=[RegexValidator(r"^[\w][\w .-]*\Z", "Letters, digits, spaces, points, _ and - only.")],
    )
    task = models.CharField(max_length=32, choices=Task)
    description = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    removed_at = models.DateTimeField(null=True, editable=False)

    everything = models.Manager()
    objects = StandingDatasets()

    class Meta:
        default_manager_name = "objects"
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(task__in=Task.values), name="dataset_task_known")]
        permissions = [
            ("import_dataset", "Can import samples into a dataset"),
            ("publish_dataset", "Can publish a dataset"),
            ("add_to_dataset", "Can add confirmed samples to another dataset"),
        ]

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    """A class name of a dataset, with its color and its one-key shortcut."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="labels")
    name = models.CharField(max_length=1024)
    color = models.CharField(
        max_length=7, default="#3399ff", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", "Write #rrggbb.")]
    )
    shortcut = models.CharField(
        max_length=1,
        blank=True,
        validators=[RegexValidator(r"^[0-9a-z]\Z", "One digit or lower-case letter.")],
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="label_once_per_dataset"),
            models.UniqueConstraint(
                fields=["dataset", "shortcut"], condition=~Q(shortcut=""), name="shortcut_once_per_dataset"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="label_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class StandingJobs(models.Manager["LabelingJob"]):
    """The labeling jobs that people see: without those of datasets that are being removed."""

    def get_queryset(self) -> models.QuerySet["LabelingJob"]:
        """All of datasets that nobody removed."""
        return super().get_queryset().filter(dataset__removed_at=None)


class LabelingJob(models.Model):
    """A piece of labeling work over a dataset. Jobs of one dataset share its samples and their status.

    Each dataset has one default job from its first moment on, in the same transaction; that is why the row stands on
    this floor although the pages of labeling stand higher.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="labeling_jobs")
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False, editable=False)
    labels = models.ManyToManyField(Label, blank=True, help_text="The labels of this job; none means all.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    objects = StandingJobs()

    class Meta:
        ordering = ["-id"]
        verbose_name = "labeling job"
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="labeling_job_name_once"),
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(is_default=True), name="one_default_labeling_job_per_dataset"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SampleCount(models.Model):
    """How many samples of a dataset have a status and a hardness. Written by `datasets.counters` alone, in the verb's
    transaction; `manage.py check_counts` holds it against the samples."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="counts")
    status = models.CharField(max_length=16)
    hard = models.BooleanField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "status", "hard"], name="one_count_per_kind")]

    def __str__(self) -> str:
        return f"{self.status}, hard {self.hard}: {self.count}"


class Hold(models.Model):
    """Says in words why a dataset cannot be deleted, or that something fills it. Written by `datasets.holds` alone."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="holds")
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=32)
    words = models.CharField(max_length=300)
    link = models.CharField(max_length=300, blank=True)
    exclusive = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "key"], name="one_hold_per_key"),
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(exclusive=True), name="one_exclusive_hold_per_dataset"
            ),
        ]

    def __str__(self) -> str:
        return self.words
