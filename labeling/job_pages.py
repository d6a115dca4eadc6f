"""Progress and history of a labeling job."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.figures import columns
from datasets.models import Status
from datasets.pages import staff_page
from labeling import history, queue
from labeling.progress import SPANS, progress_of
from labeling.views import job_or_404


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def progress(request: HttpRequest, job_id: int) -> HttpResponse:
    """Labeled, to be confirmed, per reviewer and per hour, corrections by kind."""
    job = job_or_404(job_id)
    asked = request.GET.get("span", "")
    span = asked if asked in SPANS else "week"
    numbers = queue.counts(job.dataset)
    found = progress_of(job.dataset, span=span)
    hourly = span == "day"
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / \u2068{job}\u2069 / Progress",
        "is_fullwidth": "1",
        "job": job,
        "progress": found,
        "spans": [(key, words, key == span) for key, (words, _) in SPANS.items()],
        "plot": columns(
            [(f"{moment:%H:%M}" if hourly else f"{moment:%b %d}", number) for moment, number in found.columns],
            title=f"Images decided per {'hour' if hourly else 'day'}",
        ),
        "corrections": [(words, number, round(100 * share)) for words, number, share in found.corrections],
        "numbers": [
            (Status(key).label if key in Status.values else "All", key, number) for key, number in numbers.items()
        ],
        "percent": 100 * numbers[Status.LABELED] // max(1, numbers["all"]),
    }
    return TemplateResponse(request, "admin/labeling/progress.html", context)


@require_safe
@never_cache
@staff_page("datasets.view_reviewevent")
def changes(request: HttpRequest, job_id: int) -> HttpResponse:
    """What was decided, the latest first; each action with the button that takes it back."""
    job = job_or_404(job_id)
    try:
        before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False).clean(request.GET.get("before"))
    except forms.ValidationError:
        before = None
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / \u2068{job}\u2069 / History",
        "is_fullwidth": "1",
        "job": job,
        "page": history.page_of(job.dataset, before=before),
    }
    return TemplateResponse(request, "admin/labeling/history.html", context)
