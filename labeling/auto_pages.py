"""Pages of auto labeling: start a task, see how far it is, stop it, and what came of those before."""

from typing import Any

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.refusals import Refused
from datasets.models import Dataset, LabelingJob
from datasets.pages import actor, staff_page
from labeling import accepting, auto_labeling
from labeling.auto.acceptance import BOUNDS
from labeling.auto_forms import AutoLabelingForm
from labeling.auto_words import EVENTS, compared_of, learned_of, progress_of, title_of
from labeling.groups import groups_of
from labeling.models import AutoLabelingTask
from labeling.views import job_or_404

SHOWN = 50  # tasks of the history


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_page("labeling.start_autolabelingtask")
def start(request: HttpRequest, job_id: int) -> HttpResponse:
    """Start Auto Labeling."""
    job = job_or_404(job_id)
    form = AutoLabelingForm(request.POST or None, dataset=job.dataset)
    if request.method == "POST" and form.is_valid():
        task = form.start(by=actor(request))
        if task is not None:
            messages.success(request, "Auto labeling has started. It goes on when you leave this page.")
            grid = reverse("labeling:job", args=[job.pk])
            return HttpResponseRedirect(f"{grid}?tab=to_be_confirmed")
    words = (
        "All unlabeled images are labeled, and the hard examples among them are found. The results come to "
        "To Be Confirmed when the task has ended."
    )
    return starting(request, job, form, title="Start Auto Labeling", words=words)


def starting(request: HttpRequest, job: LabelingJob, form: Form, *, title: str, words: str) -> HttpResponse:
    """The form that starts a task of any kind: what will happen, and how many tasks come before it."""
    before = job.dataset.auto_labeling_tasks.filter(status__in=AutoLabelingTask.WORKING).count()
    context = {
        **admin.site.each_context(request),
        "title": f"{title} / \u2068{job}\u2069",
        "sentence": f"{words} {before} before it." if before else words,
        "button": "Start",
        "form": form,
        "back": reverse("labeling:job", args=[job.pk]),
    }
    return TemplateResponse(request, "admin/datasets/dialog.html", context, status=400 if form.errors else 200)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def tasks(request: HttpRequest, job_id: int) -> HttpResponse:
    """The tasks of the dataset, the latest first."""
    job = job_or_404(job_id)
    context = {
        **_common(request, job),
        "title": f"Label Data / \u2068{job}\u2069 / Auto Labeling",
        "found": [progress_of(task) for task in _tasks(job.dataset)[:SHOWN]],
    }
    return TemplateResponse(request, "admin/labeling/auto_tasks.html", context)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def task(request: HttpRequest, job_id: int, task_id: int) -> HttpResponse:
    """One task: how far it is, its events, what came of it."""
    job = job_or_404(job_id)
    found = get_object_or_404(_tasks(job.dataset), pk=task_id)
    context = {
        **_common(request, job),
        "title": f"Label Data / \u2068{job}\u2069 / Auto Labeling {found.pk}",
        "task": found,
        "what": title_of(found),
        "doing": progress_of(found),
        "learned": learned_of(found),
        "offers": [(found_offer, accepting.lacking(found_offer)) for found_offer in accepting.offers(found)],
        "mapping": sorted(found.label_mapping.items()),
        "events": [{**event, "words": EVENTS[event["name"]]} for event in found.events],
        "groups": groups_of(found),
        "compared": compared_of(found),
    }
    return TemplateResponse(request, "admin/labeling/auto_task.html", context)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def progress(request: HttpRequest, job_id: int, task_id: int) -> JsonResponse:
    """How far a task is, for the script of the page."""
    found = progress_of(get_object_or_404(_tasks(job_or_404(job_id).dataset), pk=task_id))
    return JsonResponse({"words": found.words, "share": found.share, "active": found.at_work})


@require_POST
@staff_page("labeling.start_autolabelingtask")
def stop(request: HttpRequest, job_id: int, task_id: int) -> HttpResponse:
    """Stops a task."""
    found = get_object_or_404(_tasks(job_or_404(job_id).dataset), pk=task_id)
    try:
        auto_labeling.stop(task=found, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "Stopped. Nothing comes of it.")
    return HttpResponseRedirect(reverse("labeling:auto_task", args=[job_id, task_id]))


@require_POST
@staff_page("datasets.confirm_sample")
def accept(request: HttpRequest, job_id: int, task_id: int) -> HttpResponse:
    """Accepts at once what is sure."""
    found = get_object_or_404(_tasks(job_or_404(job_id).dataset), pk=task_id)
    bound = next((bound for bound in BOUNDS if str(bound) == request.POST.get("bound")), 0.0)
    try:
        work = accepting.accept(task=found, bound=bound, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(reverse("labeling:auto_task", args=[job_id, task_id]))
    messages.success(request, f"{work.total:,} samples are being accepted. Undo takes it back.")
    return HttpResponseRedirect(reverse("labeling:job", args=[job_id]))


def _tasks(dataset: Dataset) -> Any:
    return dataset.auto_labeling_tasks.select_related("created_by", "dataset").defer("learned_from")


def _common(request: HttpRequest, job: LabelingJob) -> dict[str, Any]:
    return {**admin.site.each_context(request), "is_fullwidth": "1", "job": job}
