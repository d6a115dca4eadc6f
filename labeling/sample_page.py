"""One sample of a labeling job: the image, the prediction, why it is here, and the verbs of a reviewer.

The page works by its script and the doors of `labeling.bench`. Without a script the same form is sent as it is.
"""

import json
import secrets

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config.refusals import Refused
from datasets import blobs
from datasets.media import THUMBNAIL_TYPE, guarded
from datasets.models import Blob, Label, LabelingJob, Sample, Task
from datasets.pages import actor, staff_page
from hardexamples.augmentations import AUGMENTATIONS, VERSION
from hardexamples.second_look import changed_view
from labeling import decisions, queue
from labeling.cards import boxes
from labeling.portrait import onward, portrait
from labeling.views import job_or_404, labels_of


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
    try:
        verb = decisions.verb_of(request.POST, actor(request))
        chosen = decisions.labels_of(request.POST, job.dataset)
        version = forms.IntegerField(min_value=1).clean(request.POST.get("version"))
        batch = forms.RegexField(r"\A[0-9a-f]{32}\Z", required=False).clean(request.POST.get("batch"))
        claims = decisions.claims_of(chosen)
        decisions.decide_one(sample=sample, verb=verb, version=version, claims=claims, by=actor(request), batch=batch)
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
    following = onward(sample=sample, wanted=wanted, dataset=job.dataset, by=actor(request))
    if following is None:
        messages.success(request, "That was the last one of this queue.")
        return HttpResponseRedirect(f"{reverse('labeling:job', args=[job.pk])}?{wanted.address()}")
    return HttpResponseRedirect(f"{reverse('labeling:sample', args=[job.pk, following.pk])}?{wanted.address()}")


@require_safe
@staff_page("datasets.view_sample")
def changed(request: HttpRequest, sample_id: int, operation: str) -> HttpResponse:
    """A sample's image as the model was shown it again, when an operation changed the model's mind."""
    blob = get_object_or_404(Blob, samples__pk=sample_id, samples__dataset__removed_at=None)
    if operation not in AUGMENTATIONS:
        raise Http404("There is no such operation.")
    tag = f'"{blob.sha256}-{operation}-{VERSION}"'
    if tag in request.headers.get("If-None-Match", ""):
        return guarded(HttpResponseNotModified(), tag)
    try:
        data = changed_view(blobs.read(blob), operation)
    except Refused as refused:
        raise Http404(refused.message) from None
    return guarded(HttpResponse(data, content_type=THUMBNAIL_TYPE), tag)


def what_others_did(sample: Sample) -> str:
    """The latest change of a sample in words, for somebody who was overtaken by it."""
    labels = ", ".join(sample.annotations.order_by("id").values_list("label__name", flat=True)) or "no label"
    event = sample.review_events.select_related("by").first()
    who = f"{event.by} was faster: {event.get_verb_display().lower()}." if event else "It was changed meanwhile."
    return f"{who} It is {sample.get_status_display()} now, with {labels}."


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
    by = actor(request)
    labels = labels_of(job)
    classification = job.dataset.task == Task.IMAGE_CLASSIFICATION
    shown = portrait(job=job, sample=sample, wanted=wanted, by=by)
    bench = {
        "doors": reverse("labeling:bench", args=[job.pk]),
        "query": wanted.address(),
        "leave": f"{reverse('labeling:job', args=[job.pk])}?{wanted.address()}",
        "login": reverse("admin:login"),
        "user": by.get_username(),
        "classification": classification,
        "labels": [{"name": label.name, "color": label.color, "shortcut": label.shortcut} for label in labels],
        "mayConfirm": by.has_perm("datasets.confirm_sample"),
        "mayMark": by.has_perm("datasets.mark_hard_sample"),
    }
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / {job}",
        "is_fullwidth": "1",
        "job": job,
        "dataset": job.dataset,
        "classification": classification,
        "labels": labels,
        "bench": json.dumps(bench),
        "portrait": json.dumps(shown.data),
        "data": shown.data,
        **shown.words,
        "drawn": [] if classification else boxes(list(sample.annotations.select_related("label"))),
        "leave": bench["leave"],
        "batch": secrets.token_hex(16),
        "may_confirm": bench["mayConfirm"],
        "may_mark": bench["mayMark"],
        "conflict": conflict,
        "chosen": chosen,
    }
    return TemplateResponse(request, "admin/labeling/sample.html", context, status=409 if conflict else 200)
