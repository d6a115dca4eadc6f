"""Who works on what: review leases, and the tasks of auto labeling."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.leases import LeasedWork
from datasets.models import Dataset, Sample


class ReviewLease(models.Model):
    """Who has which sample open, and until when; another reviewer's *next* passes over it."""

    sample = models.OneToOneField(Sample, models.CASCADE, related_name="review_lease")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="review_leases")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.reviewer} reviews {self.sample}"


class ReviewTaskStatus(models.TextChoices):
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


REVIEW_TASK_MOVES = {
    ReviewTaskStatus.FINISHED: frozenset({ReviewTaskStatus.RUNNING}),
    ReviewTaskStatus.FAILED: frozenset({ReviewTaskStatus.RUNNING}),
    ReviewTaskStatus.STOPPED: frozenset({ReviewTaskStatus.RUNNING}),
}


class ReviewTask(LeasedWork):
    """A decision about a selection that is too large for a request. What was selected is frozen at its start: `chosen`
    holds the ids and then the versions that the person saw, int64 each (of an undoing the ids of events, and zeros);
    `cursor` is how many of them are done."""

    class Verb(models.TextChoices):
        CONFIRM = "confirm", "Confirm"
        LABEL = "label", "Label"
        REJECT = "reject", "Reject"
        MARK_HARD = "mark_hard", "Confirm Hard Example"
        UNMARK_HARD = "unmark_hard", "Unmark"
        ADD_TO_DATASET = "add_to_dataset", "Add to dataset"
        DELETE = "delete", "Delete"
        UNDO = "undo", "Undo"

    WORKING = (ReviewTaskStatus.RUNNING,)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="review_tasks")
    verb = models.CharField(max_length=16, choices=Verb)
    arguments = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=ReviewTaskStatus, default=ReviewTaskStatus.RUNNING)
    chosen = models.BinaryField()
    total = models.PositiveIntegerField()
    cursor = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    passed_over = models.PositiveIntegerField(default=0)
    overtaken = models.PositiveIntegerField(default=0)
    batch = models.CharField(max_length=32, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.total:,} samples of {self.dataset}"


class AutoLabelingStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class AutoLabelingTask(LeasedWork):
    """Labels what is unlabeled in a dataset; its results are staged in items until it ends."""

    class Kind(models.TextChoices):
        ACTIVE_LEARNING = "active_learning", "Active learning"
        PRE_LABELING = "pre_labeling", "Pre-labeling"

    class Algorithm(models.TextChoices):
        FAST = "fast", "Fast"
        ACCURATE = "accurate", "Accurate"

    WORKING = (AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="auto_labeling_tasks")
    kind = models.CharField(max_length=16, choices=Kind)
    algorithm = models.CharField(max_length=8, choices=Algorithm, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    label_mapping = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=AutoLabelingStatus, default=AutoLabelingStatus.WAITING)
    total = models.PositiveIntegerField(null=True)
    done = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(status=AutoLabelingStatus.RUNNING),
                name="one_running_auto_labeling_per_dataset",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.dataset}"


class AutoLabelingItem(models.Model):
    """One sample of an auto labeling task with its staged prediction."""

    task = models.ForeignKey(AutoLabelingTask, models.CASCADE, related_name="items")
    sample = models.ForeignKey(Sample, models.CASCADE, related_name="+")
    prediction = models.JSONField(null=True)
    hard_coefficient = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "sample"], name="auto_labeling_item_once")]

    def __str__(self) -> str:
        return f"{self.task}: {self.sample}"
