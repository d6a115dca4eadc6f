"""Pages of auto grouping: start a task, and go on from one group to the next. How far a task is and what came of it is
on the page of the task, with those of auto labeling."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config.refusals import Refused
from datasets.models import Status
from datasets.pages import actor, staff_page
from labeling import auto_grouping, groups, queue
from labeling.auto_pages import starting
from labeling.group_forms import AutoGroupingForm
from labeling.views import job_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_page("labeling.start_autolabelingtask")
def start(request: HttpRequest, job_id: int) -> HttpResponse:
    """Auto Grouping."""
    job = job_or_404(job_id)
    form = AutoGroupingForm(request.POST or None, dataset=job.dataset)
    if request.method == "POST" and form.is_valid():
        task = form.start(by=actor(request))
        if task is not None:
            messages.success(request, "Auto grouping has started. It goes on when you leave this page.")
            return HttpResponseRedirect(reverse("labeling:auto_task", args=[job.pk, task.pk]))
    number = queue.counts(job.dataset)[Status.UNLABELED]
    words = (
        f"The unlabeled images ({number:,}) are sorted into groups of images that look alike. Then each group can be "
        "opened and labeled at once."
    )
    return starting(request, job, form, title="Auto Grouping", words=words)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def following(request: HttpRequest, job_id: int) -> HttpResponse:
    """On to the next group that has unlabeled images; back to all groups where there is none."""
    job = job_or_404(job_id)
    try:
        wanted, _ = queue.read(request.GET)
    except Refused:
        raise Http404 from None
    here = groups.value_of(job.dataset, wanted.attribute)
    if here is None:
        raise Http404
    found = groups.following(here)
    if found is not None:
        address = queue.Queue(tab=Status.UNLABELED.value, attribute=found.pk, size=wanted.size).address()
        return HttpResponseRedirect(f"{reverse('labeling:job', args=[job.pk])}?{address}")
    messages.info(request, f"No other {here.name} has unlabeled images.")
    task = auto_grouping.standing(job.dataset, here.name)
    if task is None:
        return HttpResponseRedirect(reverse("labeling:job", args=[job.pk]))
    return HttpResponseRedirect(reverse("labeling:auto_task", args=[job.pk, task.pk]))
