"""What is known of a model from its use, and against the version before it. How often it is right, nobody knows."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum

from batchservices.model_words import profile_lines
from batchservices.models import BatchRun, CollectionKind, CollectionTask, InferenceModel
from config.figures import table_rows
from datasets.models import ReviewEvent
from datasets.models.review import Outcome, Verb

REVIEWS_READ = 5_000
"""The newest decisions in a model's datasets that are looked at."""
CHANGED = (Outcome.LABEL_CHANGED, Outcome.BOX_MOVED, Outcome.ADDED, Outcome.REMOVED)
DECIDED = (Verb.CONFIRM, Verb.RELABEL)


@dataclass(frozen=True)
class Use:
    """What became of a model's predictions.

    Attributes:
        runs: how many were started; predicted, failed: their inputs.
        mined, flagged: inputs that a filter looked at, and that it called hard.
        reviewed, corrected: of the newest decisions in its datasets those about its predictions, and how many of them
            changed anything.
    """

    runs: int
    predicted: int
    failed: int
    mined: int
    flagged: int
    reviewed: int
    corrected: int

    @property
    def words(self) -> list[tuple[str, str]]:
        """As the rows of a table."""
        return [
            ("Runs", f"{self.runs:,}"),
            ("Images predicted", f"{self.predicted:,}" + (f", {self.failed:,} failed" if self.failed else "")),
            ("Flagged as hard", _share(self.flagged, self.mined)),
            ("Corrected by people", _share(self.corrected, self.reviewed)),
        ]


def use_of(model: InferenceModel) -> Use:
    """What became of a model's predictions; a few queries, whatever the number of images."""
    runs = model.runs.aggregate(runs=Count("pk"), predicted=Sum("done"), failed=Sum("failed"))
    filtered = CollectionTask.objects.filter(kind=CollectionKind.FILTER, run__model=model)
    mined = filtered.aggregate(mined=Sum("mining__total"), flagged=Sum("mining__flagged"))
    fed = CollectionTask.objects.filter(run__model=model).values_list("dataset", flat=True)
    newest = ReviewEvent.objects.filter(dataset__in=set(fed)).values("pk")[:REVIEWS_READ]
    predictors = BatchRun.objects.filter(model=model).order_by().values_list("predictor", flat=True).distinct()
    reviews = ReviewEvent.objects.filter(
        pk__in=newest,
        verb__in=DECIDED,
        undone_by=None,
        sample__predictions__predictor__in=list(predictors),
    ).aggregate(reviewed=Count("pk", distinct=True), corrected=Count("pk", Q(outcome__in=CHANGED), distinct=True))
    counts: dict[str, Any] = runs | mined | reviews
    return Use(**{name: count or 0 for name, count in counts.items()})


def comparison(model: InferenceModel, before: InferenceModel) -> list[tuple[str, str, str]]:
    """What differs between two versions, and their use: what it is, in the version before, in this one."""
    rows = [
        ("Task", before.get_task_display(), model.get_task_display()),
        ("Size", _mib(before.size), _mib(model.size)),
        ("File", before.sha256[:12], model.sha256[:12]),
        *_classes(model, before),
        *_both(profile_lines(before.profile), profile_lines(model.profile)),
        ("Seconds an image", _trial(before, "seconds"), _trial(model, "seconds")),
        ("Activations", _trial(before, "activations"), _trial(model, "activations")),
    ]
    return [row for row in rows if row[1] != row[2]] + _both(use_of(before).words, use_of(model).words)


def _classes(model: InferenceModel, before: InferenceModel) -> list[tuple[str, str, str]]:
    old, new = before.class_names, model.class_names
    if old == new:
        return []
    gone, come = [name for name in old if name not in set(new)], [name for name in new if name not in set(old)]
    if not gone and not come:
        return [("Classes", f"{len(old):,}", "the same in another order")]
    return [("Classes", _named(gone, "without"), _named(come, "with"))]


def _named(names: list[str], word: str) -> str:
    return f"{word}: {table_rows(names)[0][1]}" if names else "–"


def _both(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    was, now = dict(old), dict(new)
    return [(name, was.get(name, "–"), now.get(name, "–")) for name in {**was, **now}]


def _trial(model: InferenceModel, name: str) -> str:
    value = model.report.get("dry_run", {}).get(name)
    return f"{value:.3f}" if isinstance(value, float) else str(value or "–")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.1%})" if whole else "nothing known yet"
