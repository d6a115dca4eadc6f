"""One sample of a labeling job: the image, the prediction, why it is here, and the verbs of a reviewer."""

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from datasets.models import Dataset, Label, LabelingJob, Sample, Status, Task
from datasets.pages import staff_page
from labeling import queue
from labeling.cards import STATUS_TONES, boxes
from labeling.evidence import evidence, top_scores
from labeling.views import job_or_404

PRELOADED = 3
HISTORY = 20


@dataclass(frozen=True)
class Place:
    """Where a sample stands in the queue of its reviewer, and who stands beside it; `count` in words."""

    position: str
    count: str
    previous: Sample | None
    following: list[Sample]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_page("datasets.view_sample")
def page(request: HttpRequest, job_id: int, sample_id: int) -> HttpResponse:
    """The page of one sample; a POST decides something about it and goes on to the next."""
    job = job_or_404(job_id)
    sample = get_object_or_404(job.dataset.samples.select_related("blob"), pk=sample_id)
    wanted, _ = queue.read(request.GET)
    return show(request, job, sample, wanted)


def place_of(sample: Sample, wanted: queue.Queue, dataset: Dataset) -> Place:
    """The sample's place. Counting stops at a cap, so that the last page of a million costs no more than the first."""
    samples = wanted.samples(dataset)
    here = sample.hard_coefficient, sample.pk
    before = queue.capped_count(samples.filter(queue.ahead(*here)))
    total = queue.capped_count(samples) if wanted.filtered else queue.counts(dataset)[wanted.tab]
    return Place(
        position=f"{before + 1:,}" if before <= queue.COUNT_CAP else f"beyond {queue.COUNT_CAP:,}",
        count=f"{total:,}" if not wanted.filtered or total <= queue.COUNT_CAP else f"more than {queue.COUNT_CAP:,}",
        previous=samples.filter(queue.ahead(*here)).reverse().first(),
        following=list(samples.filter(queue.behind(*here))[:PRELOADED]),
    )


def show(
    request: HttpRequest,
    job: LabelingJob,
    sample: Sample,
    wanted: queue.Queue,
    *,
    conflict: str = "",
    chosen: Label | None = None,
) -> TemplateResponse:
    """The page, or the page again with what went wrong and what the reviewer had chosen."""
    dataset = job.dataset
    annotations = list(sample.annotations.select_related("label"))
    prediction = sample.predictions.first()
    place = place_of(sample, wanted, dataset)
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / {job} / {sample.name}",
        "is_fullwidth": "1",
        "job": job,
        "dataset": dataset,
        "classification": dataset.task == Task.IMAGE_CLASSIFICATION,
        "sample": sample,
        "tone": STATUS_TONES[Status(sample.status)],
        "query": wanted.address(),
        "position": place.position,
        "count": place.count,
        "previous": place.previous,
        "following": place.following[0] if place.following else None,
        "preload": place.following,
        "labels": list(dataset.labels.all()),
        "current": {annotation.label_id for annotation in annotations},
        "boxes": boxes(annotations),
        "prediction": prediction,
        "scores": [(name, confidence, round(100 * confidence)) for name, confidence in top_scores(prediction)],
        "evidence": evidence(list(sample.reasons.all())),
        "events": list(sample.review_events.select_related("by")[:HISTORY]),
        "may_confirm": request.user.has_perm("datasets.confirm_sample"),
        "may_mark": request.user.has_perm("datasets.mark_hard_sample"),
        "conflict": conflict,
        "chosen": chosen,
    }
    return TemplateResponse(request, "admin/labeling/sample.html", context, status=409 if conflict else 200)
