"""Models, and the images that they are tried on."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from batchservices.states import ModelStatus
from config.direction import apart
from config.leases import LeasedWork
from datasets.models import Task


class InferenceModel(LeasedWork):
    """An ONNX file by its hash, with the profile that says how to feed and read it.

    A worker fetches the file where it came from a location (`source`), inspects it and tries it. Then it is ready at
    once (`at_once`), or when a person has looked at the dry run and accepted it. From then on nothing of it changes.
    One that runs elsewhere has no file here: another system predicts, and its results are taken in.
    """

    WORKING = (ModelStatus.CHECKING,)

    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField(default=1, editable=False)
    task = models.CharField(max_length=32, choices=Task)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)
    source = models.CharField(max_length=1200, blank=True, editable=False)
    elsewhere = models.BooleanField("runs elsewhere", default=False, editable=False)
    at_once = models.BooleanField(default=True, editable=False)
    class_names = models.JSONField(default=list)
    profile = models.JSONField(default=dict)
    activations_tensor = models.CharField(max_length=300, blank=True, editable=False)
    report = models.JSONField(default=dict, editable=False)
    status = models.CharField(max_length=16, choices=ModelStatus, default=ModelStatus.CHECKING, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "model"
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="model_version_once"),
            models.CheckConstraint(
                condition=Q(elsewhere=False) | Q(sha256="", size=0, activations_tensor="", status=ModelStatus.READY),
                name="model_elsewhere_has_no_file",
            ),
        ]
        permissions = [("accept_inferencemodel", "Can accept models after their dry run")]

    def __str__(self) -> str:
        return f"{apart(self.name)} {self.version}"


class ModelSample(models.Model):
    """An image that a model is tried on, and what the model said about it; `picture` is a small JPEG of it.

    `location` names any storage, ours included: people's choice was checked before the row was made.
    """

    model = models.ForeignKey(InferenceModel, models.CASCADE, related_name="samples")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255)
    location = models.CharField(max_length=1200)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    picture = models.BinaryField(null=True)
    prediction = models.JSONField(null=True)
    seconds = models.FloatField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["position"]
        verbose_name = "sample image"
        constraints = [models.UniqueConstraint(fields=["model", "position"], name="model_sample_once")]

    def __str__(self) -> str:
        return self.name
