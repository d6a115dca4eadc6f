"""Features, filters and minings: what the rules need, how they are set, and what they said."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.leases import LeasedWork


class Features(models.Model):
    """What was measured on an image, by its bytes and by who measured: an input has features long before it is a blob.

    `extractor` is "hardmine" (statistics and descriptor, independent of any model) or "<model sha256>:<tensor>"
    (activations). Vectors are float16 bytes, statistics float32.
    """

    sha256 = models.CharField(max_length=64)
    extractor = models.CharField(max_length=200)
    version = models.PositiveSmallIntegerField(default=1)
    statistics = models.BinaryField(null=True)
    vector = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "features"
        constraints = [
            models.UniqueConstraint(fields=["sha256", "extractor", "version"], name="features_once_per_extractor")
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} by {self.extractor[:24]}"


class HardExampleFilter(models.Model):
    """How hard examples are found: weights of the algorithms and a threshold, in ModelArts' notation.

    `fitted` holds the weights learned from reviews that are in use now, as plain figures, never a pickle; null: the
    training manifest, or the weights as they stand, decide. What was in use when is in `LearnedWeights`.
    """

    class Kind(models.TextChoices):
        PRESET = "preset", "Preset"
        OWN = "own", "Own"

    class Fusion(models.TextChoices):
        FITTED = "fitted", "Learned from the training manifest"
        WEIGHTS = "weights", "The weights as they stand"

    class Measure(models.TextChoices):
        MARGIN = "margin", "Margin between the first two classes"
        ENTROPY = "entropy", "Entropy"
        LEAST_CONFIDENCE = "least_confidence", "Least confidence"
        MAX_PROBABILITY = "max_probability", "Maximum probability"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.OWN)
    fusion = models.CharField(max_length=8, choices=Fusion, default=Fusion.FITTED, help_text="Where weights come from.")
    comprehensive_algo_config = models.TextField(help_text="algorithm:weight, joined by +")
    algo_hard_threshold = models.FloatField(help_text="A sample is hard from this coefficient on, 0 to 1.")
    aug_op_config = models.TextField(blank=True, help_text="operation:weight, joined by +")
    control_share = models.FloatField(default=0.02, help_text="Share of the not flagged that people check blindly.")
    measure = models.CharField(
        max_length=16, choices=Measure, default=Measure.MARGIN, help_text="How doubt is measured."
    )
    cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="Never more hard examples than this, unlike each other; empty for all."
    )
    second_look_images = models.PositiveIntegerField(
        default=300, help_text="At most so many undecided images are changed and shown to the model again."
    )
    second_look_seconds = models.PositiveIntegerField(
        default=120, help_text="No further image is shown again after so many seconds."
    )
    applies_proposals = models.BooleanField(
        default=False, help_text="Use weights learned from reviews as soon as they are better on reviews held out."
    )
    fusion_version = models.PositiveSmallIntegerField(default=1, editable=False)
    fitted = models.JSONField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        verbose_name = "filter"
        constraints = [
            models.CheckConstraint(
                condition=Q(algo_hard_threshold__gte=0, algo_hard_threshold__lte=1),
                name="threshold_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(control_share__gte=0, control_share__lte=1), name="control_share_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MiningStatus(models.TextChoices):
    PREPARING = "preparing", "Reading the training set"
    SCORING = "scoring", "Scoring"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


MINING_MOVES = {
    MiningStatus.SCORING: frozenset({MiningStatus.PREPARING, MiningStatus.SCORING}),
    MiningStatus.FINISHED: frozenset({MiningStatus.SCORING}),
    MiningStatus.FAILED: frozenset({MiningStatus.PREPARING, MiningStatus.SCORING}),
    MiningStatus.STOPPED: frozenset({MiningStatus.PREPARING, MiningStatus.SCORING}),
}


class Mining(models.Model):
    """One application of a filter. `settings` and `reference` are frozen at its start; `subject` says what was mined
    ("batch run 12"), as words and never as a foreign key upward. The work is leased by who asked for it."""

    filter = models.ForeignKey(HardExampleFilter, models.SET_NULL, null=True, related_name="minings")
    subject = models.CharField(max_length=100, unique=True)
    task = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=MiningStatus, default=MiningStatus.PREPARING)
    settings = models.JSONField()
    fitted = models.JSONField(null=True)
    fusion_version = models.PositiveSmallIntegerField()
    training_manifest = models.CharField(max_length=1200, blank=True)
    reference_sha256 = models.CharField(max_length=64, blank=True)
    reference_count = models.PositiveIntegerField(default=0)
    reference_missing = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    flagged = models.PositiveIntegerField(default=0)
    controls = models.PositiveIntegerField(default=0)
    second_looks = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Mining of {self.subject}"


class MiningItem(models.Model):
    """What every rule said about one input, flagged or not. `scores` maps rule to score, null = no opinion;
    `reasons` holds the evidence of the flagged ones until intake copies it to the sample, `box_coefficients` how hard
    each of their boxes is, in the order of the prediction."""

    mining = models.ForeignKey(Mining, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    coefficient = models.FloatField(default=0.0)
    flagged = models.BooleanField(default=False)
    control = models.BooleanField(default=False)
    stack = models.CharField(max_length=32, blank=True)
    scores = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    box_coefficients = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["mining", "position"], name="mining_item_once"),
            models.CheckConstraint(
                condition=Q(coefficient__gte=0, coefficient__lte=1), name="mined_coefficient_between_0_and_1"
            ),
        ]
        indexes = [
            models.Index(fields=["mining", "-coefficient", "position"], name="mining_hardest"),
            models.Index(fields=["sha256"], name="mined_by_sha256"),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.coefficient:.3f}"


class RecutStatus(models.TextChoices):
    WORKING = "working", "In work"
    APPLIED = "applied", "Applied"
    ENDED = "ended", "Ended early"


class Recut(models.Model):
    """A mining decided anew from its kept scores: who, when, from what to what. `before` and `after` hold `filter` (a
    name), `settings` and `fitted` as the mining had them and shall have them; the counts are those that were shown."""

    mining = models.ForeignKey(Mining, models.CASCADE, related_name="recuts")
    filter = models.ForeignKey(HardExampleFilter, models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=8, choices=RecutStatus, default=RecutStatus.WORKING)
    before = models.JSONField()
    after = models.JSONField()
    added = models.PositiveIntegerField()
    dropped = models.PositiveIntegerField()
    kept = models.PositiveIntegerField()
    decided = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["mining"], condition=Q(status=RecutStatus.WORKING), name="one_recut_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"Re-cut {self.pk} of {self.mining.subject}"


class SuspectLabel(models.Model):
    """A label of the training set that is probably wrong: the rules did not believe it. Found before the rules are
    fitted, and worth a look by whoever keeps that set."""

    mining = models.ForeignKey(Mining, models.CASCADE, related_name="suspects")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=1200)
    sha256 = models.CharField(max_length=64)
    given = models.CharField(max_length=200)
    likelier = models.CharField(max_length=200)
    confidence = models.FloatField()

    class Meta:
        ordering = ["mining", "position"]
        constraints = [models.UniqueConstraint(fields=["mining", "position"], name="suspect_label_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.given}, probably {self.likelier}"


class Judgement(models.Model):
    """What people found about one mined image: whether the prediction was wrong. Learned from the review events of the
    same bytes; only `hardexamples.learning` writes it."""

    item = models.OneToOneField(MiningItem, models.CASCADE, related_name="judgement")
    wrong = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.item}: {'wrong' if self.wrong else 'right'}"


class LearningStatus(models.TextChoices):
    WAITING = "waiting", "Waiting for a worker"
    READING = "reading", "Reading reviews"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"


LEARNING_MOVES = {
    LearningStatus.WAITING: frozenset({LearningStatus.FINISHED, LearningStatus.FAILED}),
    LearningStatus.READING: frozenset({LearningStatus.WAITING, LearningStatus.READING}),
    LearningStatus.FINISHED: frozenset({LearningStatus.READING}),
    LearningStatus.FAILED: frozenset({LearningStatus.WAITING, LearningStatus.READING}),
}


class FilterReport(LeasedWork):
    """What a filter's reviews have told so far: figures, and new weights that may be applied. Plain JSON, as
    `hardexamples.learning` writes it; `last_event` is how far it has read the review events."""

    WORKING = (LearningStatus.WAITING, LearningStatus.READING)

    filter = models.OneToOneField(HardExampleFilter, models.CASCADE, related_name="report")
    status = models.CharField(max_length=16, choices=LearningStatus, default=LearningStatus.FINISHED)
    last_event = models.PositiveBigIntegerField(default=0)
    figures = models.JSONField(default=dict)
    proposal = models.JSONField(null=True)
    learned_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Report on {self.filter}"


class LearnedWeights(models.Model):
    """Weights learned from reviews that a filter has used since `applied_at`, until later ones were applied or these
    were withdrawn. The newest that stand are in use; withdrawing them brings those before them back."""

    filter = models.ForeignKey(HardExampleFilter, models.CASCADE, related_name="learned")
    fusion = models.JSONField()
    reviews = models.PositiveIntegerField()
    present = models.JSONField()
    proposed = models.JSONField()
    applied_at = models.DateTimeField(default=timezone.now)
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "learned weights"
        constraints = [
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=False) | Q(withdrawn_by__isnull=True),
                name="withdrawn_by_somebody_at_some_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.filter}: weights from {self.reviews:,} reviews"
