"""The grid of a labeling job: samples as cards, hardest first, and what is done to a selection of them."""

from dataclasses import dataclass, replace

from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from config.refusals import Refused
from datasets import holds
from datasets.models import Dataset, HardReason, ImportTask, Label, LabelingJob, Status, Task
from datasets.pages import actor, staff_page
from labeling import decisions, queue
from labeling.cards import cards


def labels_of(job: LabelingJob) -> list[Label]:
    """The labels that a job offers: its own, or all of the dataset where it names none."""
    return list(job.labels.all()) or list(job.dataset.labels.all())


@dataclass(frozen=True)
class Filling:
    """Something that brings samples into the dataset at this moment."""

    words: str
    link: str
    done: int
    total: int | None


def job_or_404(job_id: int) -> LabelingJob:
    """The labeling job with its dataset."""
    return get_object_or_404(LabelingJob.objects.select_related("dataset"), pk=job_id)


def filling(dataset: Dataset) -> list[Filling]:
    """What brings samples into the dataset now: the work that holds it, and imports."""
    held = [
        Filling(hold.words, hold.link, hold.done, hold.total)
        for hold in holds.standing(dataset)
        if hold.kind != "publishing"
    ]
    imports = dataset.import_tasks.filter(status__in=ImportTask.WORKING)
    return held + [
        Filling(
            "An import brings images into it.",
            reverse("admin:datasets_importtask_change", args=[task.pk]),
            task.cursor,
            task.total,
        )
        for task in imports
    ]


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def grid(request: HttpRequest, job_id: int) -> HttpResponse:
    """A tab of the job's samples, page by page."""
    job = job_or_404(job_id)
    dataset = job.dataset
    numbers = queue.counts(dataset)
    mistake = ""
    try:
        wanted, place = queue.read(request.GET)
        if "tab" not in request.GET and numbers[Status.TO_BE_CONFIRMED]:
            wanted = replace(wanted, tab=Status.TO_BE_CONFIRMED.value)
        samples = wanted.samples(dataset).select_related("blob")
        page = queue.page(samples, after=place["after"], before=place["before"])
    except Refused as refused:
        wanted, page = queue.Queue(), queue.Page([], "", "")
        mistake = refused.message
    labels = labels_of(job)
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / {job}",
        "is_fullwidth": "1",
        "job": job,
        "dataset": dataset,
        "classification": dataset.task == Task.IMAGE_CLASSIFICATION,
        "queue": wanted,
        "mistake": mistake,
        "page": page,
        "cards": cards(page.samples),
        "sizes": [(size, replace(wanted, size=size).address()) for size in queue.SIZES],
        "back": wanted.address(),
        "following": wanted.address(after=page.following),
        "previous": wanted.address(before=page.previous),
        "tabs": [
            (name, numbers[key], replace(wanted, tab=key).address(), key == wanted.tab)
            for key, name in queue.TABS.items()
        ],
        "chips": _chips(wanted, labels),
        "unfiltered": queue.Queue(tab=wanted.tab, size=wanted.size).address(),
        "numbers": numbers,
        "labeled": numbers[Status.LABELED],
        "total": numbers["all"],
        "percent": 100 * numbers[Status.LABELED] // max(1, numbers["all"]),
        "labels": labels,
        "targets": Dataset.objects.filter(task=dataset.task).exclude(pk=dataset.pk).order_by("name"),
        "filling": filling(dataset),
        "form": queue.QueueForm(initial=vars(wanted)),
    }
    return TemplateResponse(request, "admin/labeling/grid.html", context, status=400 if mistake else 200)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def filters(request: HttpRequest, job_id: int) -> HttpResponse:
    """The reasons of the filter panel with their numbers, fetched when it is unfolded: the grid does not wait."""
    dataset = job_or_404(job_id).dataset
    try:
        wanted, _ = queue.read(request.GET)
    except Refused as refused:
        return HttpResponse(refused.message, status=400, content_type="text/plain")
    reasons = HardReason.objects.filter(sample__dataset=dataset)
    if wanted.tab != "all":
        reasons = reasons.filter(sample__status=wanted.tab)
    found = reasons.values("code", "rule").annotate(number=Count("sample", distinct=True)).order_by("-number", "code")
    context = {
        "reasons": [
            {
                "words": row["rule"].replace("_", " "),
                "code": row["code"],
                "number": row["number"],
                "chosen": row["code"] == wanted.reason,
                "address": replace(wanted, reason=None if row["code"] == wanted.reason else row["code"]).address(),
            }
            for row in found
        ]
    }
    return TemplateResponse(request, "admin/labeling/reasons.html", context)


@require_POST
@staff_page("datasets.view_sample")
def batch(request: HttpRequest, job_id: int) -> HttpResponse:
    """What the side panel decides about a selection; back to the grid with a report."""
    job = job_or_404(job_id)
    try:
        report = decisions.decide_many(request.POST, dataset=job.dataset, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, report.done)
        for words in report.passed_over:
            messages.warning(request, words)
    back = QueryDict(request.POST.get("back", "")[:4000])
    return HttpResponseRedirect(f"{reverse('labeling:job', args=[job.pk])}?{back.urlencode()}")


def _chips(wanted: queue.Queue, labels: list[Label]) -> list[tuple[str, str]]:
    """The active filters in words, each with the address without it."""
    names = {label.pk: label.name for label in labels}
    words = [
        ({"yes": "hard", "no": "not hard"}.get(wanted.hard, ""), replace(wanted, hard="")),
        (f"reason {wanted.reason}" if wanted.reason is not None else "", replace(wanted, reason=None)),
        (f"label {names.get(wanted.label, 'of another dataset')}" if wanted.label else "", replace(wanted, label=None)),
        (f"predicted {wanted.predicted}" if wanted.predicted else "", replace(wanted, predicted="")),
        (f"name has “{wanted.name}”" if wanted.name else "", replace(wanted, name="")),
    ]
    return [(text, without.address()) for text, without in words if text]
