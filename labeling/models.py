"""Who works on what: review leases, and the tasks of auto labeling."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from batchservices.models import InferenceModel
from config.leases import LeasedWork
from datasets.models import Dataset, Sample
from hardexamples.models import HardExampleFilter, Mining


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
        ACCEPT = "accept", "Accept at once"
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
    WAITING = "waiting", "Queuing"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


AUTO_LABELING_MOVES = {
    AutoLabelingStatus.RUNNING: frozenset({AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING}),
    AutoLabelingStatus.SUCCEEDED: frozenset({AutoLabelingStatus.RUNNING}),
    AutoLabelingStatus.FAILED: frozenset({AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING}),
    AutoLabelingStatus.STOPPED: frozenset({AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING}),
}


class AutoLabelingTask(LeasedWork):
    """Labels what is unlabeled in a dataset, or groups it; its results are staged in items until it ends.

    All that it goes by is frozen: the model (`model_name`, `model_sha256`, `profile`, `activations_tensor`,
    `predictor`; empty where the built-in descriptor is learned from), the filter's settings, and, once `total` is
    known, the samples to label and `learned_from`: ids of labeled samples and then of their labels, int64. Until it
    ends, `model` keeps the model's file from being deleted.

    Of auto grouping `attribute` names what the groups become, `group_count` is how many are wanted (None: as many as
    there seem to be), `measures` what counts besides the features, and `groups`, once it has ended, each group's value,
    its count and the ids of its most typical samples.
    """

    class Kind(models.TextChoices):
        ACTIVE_LEARNING = "active_learning", "Active learning"
        PRE_LABELING = "pre_labeling", "Pre-labeling"
        AUTO_GROUPING = "auto_grouping", "Auto grouping"

    class Algorithm(models.TextChoices):
        FAST = "fast", "Fast"
        ACCURATE = "accurate", "Accurate"

    WORKING = (AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="auto_labeling_tasks")
    kind = models.CharField(max_length=16, choices=Kind)
    algorithm = models.CharField(max_length=8, choices=Algorithm, blank=True)
    model = models.ForeignKey(InferenceModel, models.PROTECT, null=True, editable=False, related_name="+")
    model_name = models.CharField(max_length=200, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    profile = models.JSONField(default=dict)
    activations_tensor = models.CharField(max_length=300, blank=True)
    predictor = models.CharField(max_length=129, blank=True)
    label_mapping = models.JSONField(default=dict)
    filter = models.ForeignKey(HardExampleFilter, models.SET_NULL, null=True, related_name="+")
    filter_settings = models.JSONField(default=dict)
    mining = models.ForeignKey(Mining, models.SET_NULL, null=True, related_name="+")
    attribute = models.CharField(max_length=64, blank=True)
    group_count = models.PositiveSmallIntegerField(null=True)
    measures = models.JSONField(default=list)
    groups = models.JSONField(default=list)
    status = models.CharField(max_length=16, choices=AutoLabelingStatus, default=AutoLabelingStatus.WAITING)
    learned_from = models.BinaryField(null=True)
    learned = models.JSONField(default=dict)
    events = models.JSONField(default=list)
    share = models.FloatField(default=0.0)
    total = models.PositiveIntegerField(null=True)
    done = models.PositiveIntegerField(default=0)
    unreadable = models.PositiveIntegerField(default=0)
    proposed = models.PositiveIntegerField(default=0)
    hard = models.PositiveIntegerField(default=0)
    passed_over = models.PositiveIntegerField(default=0)
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
        permissions = [("start_autolabelingtask", "Can start and stop auto labeling")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.dataset}"


class AutoLabelingItem(models.Model):
    """One sample of an auto labeling task with its staged prediction, in ModelArts' form, or its group, 0 the largest.
    How hard it is stands in the task's mining, under the same position."""

    task = models.ForeignKey(AutoLabelingTask, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    sample = models.ForeignKey(Sample, models.CASCADE, related_name="+")
    readable = models.BooleanField(default=True)
    prediction = models.JSONField(null=True)
    predicted_label = models.CharField(max_length=1024, blank=True)
    confidence = models.FloatField(null=True)
    usefulness = models.FloatField(default=0.0)
    group = models.PositiveSmallIntegerField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["task", "position"], name="auto_labeling_position_once"),
            models.UniqueConstraint(fields=["task", "sample"], name="auto_labeling_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.sample}"


class LabelingSimulation(LeasedWork):
    """Whether the offered orders would save labels in a dataset, tried on what is labeled in it.

    Frozen are the model (as in an auto labeling task, kept from being deleted as there) and, once `total` is known,
    `learned_from`: ids of the labeled samples and then of their labels, int64. `curves` has per order a list of
    accuracies for each round that is done, `rows` what `labeling.auto.simulation.rows` makes of them at the end.
    """

    WORKING = (AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING)

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="labeling_simulations")
    model = models.ForeignKey(InferenceModel, models.PROTECT, null=True, editable=False, related_name="+")
    model_name = models.CharField(max_length=200, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    profile = models.JSONField(default=dict)
    activations_tensor = models.CharField(max_length=300, blank=True)
    predictor = models.CharField(max_length=129, blank=True)
    seeds = models.PositiveSmallIntegerField()
    most_labels = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=AutoLabelingStatus, default=AutoLabelingStatus.WAITING)
    learned_from = models.BinaryField(null=True)
    total = models.PositiveIntegerField(null=True)
    unreadable = models.PositiveIntegerField(default=0)
    share = models.FloatField(default=0.0)
    curves = models.JSONField(default=dict)
    rows = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(status__in=(AutoLabelingStatus.WAITING, AutoLabelingStatus.RUNNING)),
                name="one_simulation_at_work_per_dataset",
            )
        ]

    def __str__(self) -> str:
        return f"Simulation of labeling {self.dataset}"
