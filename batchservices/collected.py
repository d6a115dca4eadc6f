"""What was brought from services into datasets."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from batchservices.states import ACTIVE_COLLECTION, CollectionKind, CollectionStatus
from config.direction import apart
from config.leases import LeasedWork
from datasets.models import Dataset
from hardexamples.models import Mining, Recut


class CollectionTask(LeasedWork):
    """Brings inputs of a service into a dataset: all of them (synchronize), the hard ones of a run (filter), those that
    are hard now that its mining was decided anew (re-cut), or the inputs of a run at chosen positions.

    `cursor` is how many inputs are settled; the counts move with it in one transaction, so that a resumed task counts
    each input once. `words` says what came of it. `filter_settings` are what a filter goes by, as its run has them or
    as they were when a run that had ended was filtered; `missing` names training images that could not be read.
    """

    WORKING = ACTIVE_COLLECTION

    kind = models.CharField(max_length=16, choices=CollectionKind)
    service = models.ForeignKey("batchservices.BatchService", models.PROTECT, related_name="collection_tasks")
    run = models.ForeignKey("batchservices.BatchRun", models.PROTECT, null=True, related_name="collection_tasks")
    mining = models.OneToOneField(Mining, models.PROTECT, null=True, related_name="collection_task")
    recut = models.OneToOneField(Recut, models.PROTECT, null=True, related_name="collection_task")
    positions = models.JSONField(default=list)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="collection_tasks")
    status = models.CharField(max_length=16, choices=CollectionStatus, default=CollectionStatus.WAITING)
    input_location = models.CharField(max_length=1000, blank=True)
    label_mapping = models.JSONField(default=dict)
    filter_settings = models.JSONField(null=True)
    missing = models.JSONField(default=list)
    cursor = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    added = models.PositiveIntegerField(default=0)
    already_there = models.PositiveIntegerField(default=0)
    already_labeled = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    words = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "collection task"
        constraints = [
            models.UniqueConstraint(
                fields=["run"],
                condition=Q(kind="filter", status__in=ACTIVE_COLLECTION),
                name="one_active_filtering_per_run",
            ),
            models.UniqueConstraint(
                fields=["service"],
                condition=Q(kind="synchronize", status__in=ACTIVE_COLLECTION),
                name="one_active_synchronization_per_service",
            ),
            models.CheckConstraint(
                condition=~Q(kind="filter") | Q(run__isnull=False), name="filtering_belongs_to_a_run"
            ),
            models.CheckConstraint(
                condition=~Q(kind="recut") | Q(run__isnull=False, recut__isnull=False), name="recut_belongs_to_a_run"
            ),
            models.CheckConstraint(
                condition=~Q(kind="chosen") | Q(run__isnull=False), name="chosen_inputs_belong_to_a_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {apart(str(self.service))}"
