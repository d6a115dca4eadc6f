"""One sample of a labeling job: the image, the prediction, why it is here, and the verbs of a reviewer."""

from dataclasses import dataclass

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.refusals import Refused
from datasets.models import Dataset, Label, LabelingJob, Sample, Status, Task
from datasets.pages import actor, staff_page
from labeling import decisions, queue
from labeling.cards import STATUS_TONES, boxes
from labeling.evidence import evidence, top_scores
from labeling.views import job_or_404, labels_of

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
    try:
        wanted, _ = queue.read(request.GET)
    except Refused:
        wanted = queue.Queue()
    if request.method != "POST":
        return show(request, job, sample, wanted)
    chosen: list[Label] = []
    following = wanted.samples(job.dataset).filter(queue.behind(sample.hard_coefficient, sample.pk)).first()
    try:
        verb = decisions.verb_of(request.POST, actor(request))
        chosen = decisions.labels_of(request.POST, job.dataset)
        version = forms.IntegerField(min_value=1).clean(request.POST.get("version"))
        claims = decisions.claims_of(chosen)
        decisions.decide_one(sample=sample, verb=verb, version=version, claims=claims, by=actor(request))
    except forms.ValidationError:
        return show(request, job, sample, wanted, conflict="The page was incomplete. It is whole again now.")
    except Refused as refused:
        if refused.code == "sample_not_found":
            raise Http404(refused.message) from None
        sample.refresh_from_db()
        words = what_others_did(sample) if refused.code == "stale" else refused.message
        return show(request, job, sample, wanted, conflict=words, chosen=chosen[0] if chosen else None)
    if verb in ("confirm_hard_example", "unmark"):
        return HttpResponseRedirect(request.get_full_path())
    if following is None:
        messages.success(request, "That was the last one of this queue.")
        return HttpResponseRedirect(f"{reverse('labeling:job', args=[job.pk])}?{wanted.address()}")
    return HttpResponseRedirect(f"{reverse('labeling:sample', args=[job.pk, following.pk])}?{wanted.address()}")


def what_others_did(sample: Sample) -> str:
    """The latest change of a sample in words, for somebody who was overtaken by it."""
    labels = ", ".join(sample.annotations.order_by("id").values_list("label__name", flat=True)) or "no label"
    event = sample.review_events.select_related("by").first()
    who = f"{event.by} was faster: {event.get_verb_display().lower()}." if event else "It was changed meanwhile."
    return f"{who} It is {sample.get_status_display()} now, with {labels}."


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
        "labels": labels_of(job),
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
