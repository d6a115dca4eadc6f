"""Published versions."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from config.leases import LeasedWork
from datasets.models.dataset import Dataset


class VersionStatus(models.TextChoices):
    PUBLISHING = "publishing", "Publishing"
    PUBLISHED = "published", "Published"
    FAILED = "failed", "Failed"


VERSION_MOVES = {
    VersionStatus.PUBLISHED: frozenset({VersionStatus.PUBLISHING}),
    VersionStatus.FAILED: frozenset({VersionStatus.PUBLISHING}),
}


class DatasetVersion(LeasedWork):
    """V001, V002, ...: a manifest of the labeled samples, immutable once published.

    `manifest` is the location of the manifest, `sha256` its checksum, `content` the digest of what it was made from
    (`datasets.publishing`); versions from before that was kept have none.
    """

    WORKING = (VersionStatus.PUBLISHING,)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    name = models.CharField(
        max_length=32, validators=[RegexValidator(r"^[A-Za-z0-9_-]+\Z", "Letters, digits, _ and - only.")]
    )
    description = models.CharField(max_length=256, blank=True)
    status = models.CharField(max_length=16, choices=VersionStatus, default=VersionStatus.PUBLISHING)
    hard_examples = models.BooleanField(default=True, help_text="Write hardness and reasons into the manifest.")
    train_ratio = models.FloatField(null=True, blank=True, help_text="Share of TRAIN among those without a usage.")
    manifest = models.CharField(max_length=300, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    content = models.CharField(max_length=64, blank=True, editable=False)
    sample_count = models.PositiveIntegerField(default=0, editable=False)
    hard_count = models.PositiveIntegerField(default=0, editable=False)
    label_counts = models.JSONField(default=dict, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name = "version"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="version_name_once"),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(status=VersionStatus.PUBLISHING),
                name="one_publishing_per_dataset",
            ),
            models.CheckConstraint(
                condition=~Q(status=VersionStatus.PUBLISHED) | (~Q(manifest="") & ~Q(sha256="")),
                name="published_has_a_manifest",
            ),
            models.CheckConstraint(
                condition=Q(train_ratio=None) | Q(train_ratio__gte=0, train_ratio__lte=1),
                name="train_ratio_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.name}"
