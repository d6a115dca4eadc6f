"""What people did: an append-only history."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from datasets.models.dataset import Dataset
from datasets.models.sample import Sample


class Verb(models.TextChoices):
    """What was done to a sample."""

    CONFIRM = "confirm", "Confirmed"
    ACCEPT = "accept", "Accepted at once"
    REJECT = "reject", "Rejected"
    RELABEL = "relabel", "Relabeled"
    MARK_HARD = "mark_hard", "Confirmed as hard example"
    UNMARK_HARD = "unmark_hard", "Unmarked as hard example"
    UNDO = "undo", "Undone"
    DELETE = "delete", "Deleted"


class Outcome(models.TextChoices):
    """What a review changed; learning reads it. Several may apply: the gravest is kept, the events hold the rest."""

    UNCHANGED = "unchanged", "Unchanged"
    LABEL_CHANGED = "label_changed", "Label changed"
    BOX_MOVED = "box_moved", "Box moved"
    ADDED = "added", "Added"
    REMOVED = "removed", "Removed"
    DISCARDED = "discarded", "Discarded"
    HARDNESS = "hardness", "Hardness only"


class ReviewEvent(models.Model):
    """Who changed which sample, before and after. Only the review verbs of this app
    write it (review, bulk_review, undoing, deletion), and never change it."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="review_events")
    sample = models.ForeignKey(Sample, models.SET_NULL, null=True, related_name="review_events")
    sample_name = models.CharField(max_length=255)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="review_events")
    at = models.DateTimeField(default=timezone.now)
    verb = models.CharField(max_length=16, choices=Verb)
    outcome = models.CharField(max_length=16, choices=Outcome)
    before = models.JSONField()
    after = models.JSONField()
    batch = models.CharField(max_length=32, blank=True)
    undoes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="undone_by")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["dataset", "-id"], name="review_of_dataset"),
            models.Index(fields=["batch"], name="review_of_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.sample_name}"
