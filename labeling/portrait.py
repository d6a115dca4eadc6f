"""One sample as its page shows it: plain data for the script, and the words that a template makes of it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from datasets.models import Annotation, Dataset, HardReason, LabelingJob, Sample, Status, Task
from labeling import leases, queue
from labeling.cards import STATUS_TONES, SURE
from labeling.chronicle import Step, steps
from labeling.evidence import Evidence, evidence, top_scores
from labeling.models import ReviewLease

PRELOADED = 3
PIXELS = 256
"""Images narrower than this are shown with their pixels, not smoothed."""


@dataclass(frozen=True)
class Place:
    """Where a sample stands in the queue of its reviewer, and who stands beside it; `count` in words."""

    position: str
    count: str
    previous: Sample | None
    following: list[Sample]


@dataclass(frozen=True)
class Portrait:
    """A sample as its page shows it: `data` for the script, `words` for the templates."""

    data: dict[str, Any]
    words: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The data, with the words as the template writes them: what the page needs to show the sample."""
        return {**self.data, "evidence": render_to_string("admin/labeling/sample_evidence.html", self.words)}


def portrait(*, job: LabelingJob, sample: Sample, wanted: queue.Queue, by: User) -> Portrait:
    """All that the page says of a sample.

    Args:
        sample: of the job's dataset, with its blob loaded.
        wanted: the queue that its reviewer goes through.
    """
    annotations = list(sample.annotations.select_related("label"))
    reasons = list(sample.reasons.all())
    prediction = sample.predictions.first()
    place = place_of(sample, wanted, job.dataset)
    query = wanted.address()

    def address(other: Sample | None) -> str:
        return f"{reverse('labeling:sample', args=[job.pk, other.pk])}?{query}" if other else ""

    data = {
        "id": sample.pk,
        "version": sample.version,
        "address": address(sample),
        "name": sample.name,
        "image": reverse("media:image", args=[sample.pk]),
        "width": sample.blob.width,
        "height": sample.blob.height,
        "pixels": sample.blob.width < PIXELS,
        "status": sample.get_status_display(),
        "tone": STATUS_TONES[Status(sample.status)],
        "hard": sample.hard,
        "coefficient": f"{sample.hard_coefficient:.2f}",
        "position": place.position,
        "count": place.count,
        "previous": address(place.previous),
        "following": address(place.following[0] if place.following else None),
        "preload": [reverse("media:image", args=[other.pk]) for other in place.following],
        "current": list(dict.fromkeys(annotation.label.name for annotation in annotations)),
        "boxes": _boxes(annotations, reasons) if job.dataset.task == Task.OBJECT_DETECTION else [],
        "sure": 0.0 if sample.status == Status.LABELED else SURE,  # a person has accepted what is Labeled
        "holder": holder(sample, by),
    }
    told: list[Evidence] = evidence(reasons)
    history: list[Step] = steps(sample, annotations, by)
    words = {
        "sample": sample,
        "prediction": prediction,
        "scores": [(name, confidence, round(100 * confidence)) for name, confidence in top_scores(prediction)],
        "evidence": told,
        "steps": history,
    }
    return Portrait(data, words)


def holder(sample: Sample, by: User) -> str:
    """Who else has the sample open now; "" where nobody has."""
    lease = ReviewLease.objects.select_related("reviewer").filter(sample=sample, expires_at__gt=timezone.now())
    other = lease.exclude(reviewer=by).first()
    return str(other.reviewer) if other else ""


def place_of(sample: Sample, wanted: queue.Queue, dataset: Dataset) -> Place:
    """The sample's place. Counting stops at a cap, so that the last page of a million costs no more than the first."""
    samples = wanted.samples(dataset)
    here = getattr(sample, wanted.column), sample.pk, wanted.column
    before = queue.capped_count(samples.filter(queue.ahead(*here)))
    total = queue.capped_count(samples) if wanted.filtered else queue.counts(dataset)[wanted.tab]
    return Place(
        position=f"{before + 1:,}" if before <= queue.COUNT_CAP else f"beyond {queue.COUNT_CAP:,}",
        count=f"{total:,}" if not wanted.filtered or total <= queue.COUNT_CAP else f"more than {queue.COUNT_CAP:,}",
        previous=samples.filter(queue.ahead(*here)).reverse().first(),
        following=list(samples.filter(queue.behind(*here))[:PRELOADED]),
    )


def onward(*, sample: Sample, wanted: queue.Queue, dataset: Dataset, by: User, back: bool = False) -> Sample | None:
    """The next sample of the queue that nobody else holds, leased to its reviewer; or the one before.

    In a queue that decided samples leave, *next* begins again at the hardest one: what was passed over because others
    held it, or because it was left for later, is not forgotten. The sample itself is never its own next.
    """
    samples = wanted.samples(dataset).select_related("blob")
    here = getattr(sample, wanted.column), sample.pk, wanted.column
    ahead, behind = samples.filter(queue.ahead(*here)), samples.filter(queue.behind(*here))
    if back:
        return leases.next_sample(queue=ahead.reverse(), by=by)
    found = leases.next_sample(queue=behind, by=by)
    if found is None and wanted.tab in (Status.UNLABELED, Status.TO_BE_CONFIRMED):
        found = leases.next_sample(queue=ahead, by=by)
    return found


def _boxes(annotations: list[Annotation], reasons: list[HardReason]) -> list[dict[str, Any]]:
    """The boxes as the editor takes them."""
    why: dict[int | None, list[str]] = defaultdict(list)
    for reason in reasons:
        why[reason.annotation_id].append(reason.sentence)
    return [
        {
            "id": annotation.pk,
            "label": annotation.label.name,
            "box": [annotation.xmin, annotation.ymin, annotation.xmax, annotation.ymax],
            "confidence": annotation.confidence,
            "origin": annotation.origin,
            "hard": annotation.hard,
            "coefficient": annotation.hard_coefficient,
            "reasons": why[annotation.pk],
        }
        for annotation in annotations
    ]
