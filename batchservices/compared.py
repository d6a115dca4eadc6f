"""What came of comparing two runs."""

from django.conf import settings
from django.db import models

from config.leases import LeasedWork


class ComparisonStatus(models.TextChoices):
    COMPARING = "comparing", "Comparing"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"


COMPARISON_MOVES = {
    ComparisonStatus.FINISHED: frozenset({ComparisonStatus.COMPARING}),
    ComparisonStatus.FAILED: frozenset({ComparisonStatus.COMPARING}),
}


class Change(models.TextChoices):
    """How an input differs from one run to another. One input may differ in several ways."""

    CHANGED_LABEL = "changed_label", "Changed label"
    MOVED = "moved", "Moved box"
    ADDED = "added", "Added box"
    REMOVED = "removed", "Removed box"
    NEWLY_HARD = "newly_hard", "Newly hard"
    NO_LONGER_HARD = "no_longer_hard", "No longer hard"
    ONLY_AFTER = "only_after", "Only in this run"
    ONLY_BEFORE = "only_before", "Only in the other run"


class RunComparison(LeasedWork):
    """A run against another one, over the inputs that have the same bytes.

    `cursor` is the place in the run's inputs and then, behind its end, in the other's; `counts` (by change, and
    "same"), `labels` ([before, after, count]) and the items move with it in one transaction.
    """

    WORKING = (ComparisonStatus.COMPARING,)

    run = models.ForeignKey("batchservices.BatchRun", models.CASCADE, related_name="comparisons")
    other = models.ForeignKey("batchservices.BatchRun", models.CASCADE, related_name="+")
    status = models.CharField(max_length=16, choices=ComparisonStatus, default=ComparisonStatus.COMPARING)
    hardness = models.BooleanField(default=False)
    cursor = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    labels = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "comparison"
        constraints = [
            models.UniqueConstraint(fields=["run", "other"], name="runs_compared_once"),
            models.CheckConstraint(condition=~models.Q(run=models.F("other")), name="run_is_compared_with_another"),
        ]

    def __str__(self) -> str:
        return f"Run {self.run_id} against run {self.other_id}"


class ComparedInput(models.Model):
    """An input that differs, once for each way. Positions are those in the two runs, None where it is not there."""

    comparison = models.ForeignKey(RunComparison, models.CASCADE, related_name="items")
    change = models.CharField(max_length=16, choices=Change)
    place = models.PositiveIntegerField()
    position = models.PositiveIntegerField(null=True)
    other_position = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["comparison", "change", "place"], name="compared_input_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_change_display()}: {self.place}"
