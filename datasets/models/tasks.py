"""Imports, exports and removals: long work with progress and a report of what was refused."""

from django.conf import settings
from django.db import models

from config.leases import LeasedWork
from datasets.models.dataset import Dataset


class TaskStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


TASK_MOVES = {
    TaskStatus.RUNNING: frozenset({TaskStatus.WAITING, TaskStatus.RUNNING}),
    TaskStatus.COMPLETED: frozenset({TaskStatus.RUNNING}),
    TaskStatus.FAILED: frozenset({TaskStatus.WAITING, TaskStatus.RUNNING}),
    TaskStatus.STOPPED: frozenset({TaskStatus.WAITING, TaskStatus.RUNNING}),
}


class ImportFormat(models.TextChoices):
    IMAGES = "images", "Images, unlabeled"
    DIRECTORIES = "directories", "Images, the directory's name as label"
    MANIFEST = "manifest", "Manifest"


class ImportTask(LeasedWork):
    """Takes images, or a manifest, into a dataset. `location` is where from: `inputs:street/` or a staged upload.

    `cursor` is how many entries of the sorted list are done; the counts move with it in one transaction.
    """

    WORKING = (TaskStatus.WAITING, TaskStatus.RUNNING)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="import_tasks")
    format = models.CharField(max_length=16, choices=ImportFormat, default=ImportFormat.IMAGES)
    location = models.CharField(max_length=1200)
    uploaded = models.BooleanField(default=False, editable=False)
    final_annotation = models.BooleanField(default=True, help_text="Off: annotated samples go to To Be Confirmed.")
    difficult_only = models.BooleanField("Import only hard examples", default=False)
    status = models.CharField(max_length=16, choices=TaskStatus, default=TaskStatus.WAITING, editable=False)
    cursor = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(null=True, editable=False)
    added = models.PositiveIntegerField(default=0, editable=False)
    already_there = models.PositiveIntegerField(default=0, editable=False)
    failed = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return f"Import into {self.dataset}"


class ImportProblem(models.Model):
    """One entry that an import refused: where, and why, in words. Kept up to a cap; the count is exact."""

    task = models.ForeignKey(ImportTask, models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField(null=True)
    file = models.CharField(max_length=255, blank=True)
    code = models.CharField(max_length=64)
    message = models.CharField(max_length=500)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.message


class ExportTask(LeasedWork):
    """Writes the samples of a dataset to a location, in a format."""

    WORKING = (TaskStatus.WAITING, TaskStatus.RUNNING)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="export_tasks")
    format = models.CharField(max_length=16, choices=[("manifest", "Manifest")], default="manifest")
    location = models.CharField(max_length=1200)
    status = models.CharField(max_length=16, choices=TaskStatus, default=TaskStatus.WAITING, editable=False)
    cursor = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(null=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name = "export"

    def __str__(self) -> str:
        return f"Export of {self.dataset}"


class DatasetRemoval(LeasedWork):
    """Clears away what a removed dataset held. `name` is the one that it had; `done` of `total` samples are gone."""

    WORKING = (TaskStatus.WAITING, TaskStatus.RUNNING)

    dataset = models.OneToOneField(Dataset, models.SET_NULL, null=True, editable=False, related_name="removal")
    name = models.CharField(max_length=100, editable=False)
    status = models.CharField(max_length=16, choices=TaskStatus, default=TaskStatus.WAITING, editable=False)
    done = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "removal"

    def __str__(self) -> str:
        return f"Deleting {self.name}"
