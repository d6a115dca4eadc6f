"""Pages of simulations: whether the offered orders would save labels here, started and stopped, as a plot."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from unfold.widgets import UnfoldAdminSelectWidget

from batchservices.models import InferenceModel, ModelStatus
from config.refusals import Refused
from datasets.models import Dataset, LabelingJob
from datasets.pages import actor, staff_page
from labeling import simulating
from labeling.models import AutoLabelingStatus, LabelingSimulation
from labeling.simulation_plot import draw
from labeling.simulation_words import basis_of, curves_of, goal_of, progress_of, sentences, table_of
from labeling.views import job_or_404

SHOWN = 20  # simulations of the history


class SimulationForm(forms.Form):
    """What images are compared by."""

    model = forms.ModelChoiceField(
        label="Images are compared by",
        queryset=InferenceModel.objects.none(),
        required=False,
        empty_label="built-in descriptor",
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = InferenceModel.objects.filter(task=dataset.task, status=ModelStatus.READY, elsewhere=False)
        self.fields["model"] = forms.ModelChoiceField(
            label=self.fields["model"].label,
            queryset=ready.exclude(activations_tensor="").order_by("name", "-version"),
            required=False,
            empty_label="built-in descriptor",
            widget=self.fields["model"].widget,
        )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_page("datasets.view_sample")
def simulations(request: HttpRequest, job_id: int) -> HttpResponse:
    """The latest simulation; starts another one."""
    job = job_or_404(job_id)
    form = SimulationForm(request.POST if request.method == "POST" else None, dataset=job.dataset)
    if request.method == "POST":
        return _start(request, job, form)
    return _page(request, job, form, _simulations(job.dataset).first())


@staff_page("labeling.start_autolabelingtask")
def _start(request: HttpRequest, job: LabelingJob, form: SimulationForm) -> HttpResponse:
    if form.is_valid():
        try:
            made = simulating.simulate_labeling(
                dataset=job.dataset, model=form.cleaned_data["model"], by=actor(request)
            )
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            return HttpResponseRedirect(reverse("labeling:simulation", args=[job.pk, made.pk]))
    return _page(request, job, form, _simulations(job.dataset).first(), status=400)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def simulation(request: HttpRequest, job_id: int, simulation_id: int) -> HttpResponse:
    """One simulation."""
    job = job_or_404(job_id)
    found = get_object_or_404(_simulations(job.dataset), pk=simulation_id)
    return _page(request, job, SimulationForm(dataset=job.dataset), found)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def progress(request: HttpRequest, job_id: int, simulation_id: int) -> JsonResponse:
    """How far a simulation is, for the script of the page."""
    found = progress_of(get_object_or_404(_simulations(job_or_404(job_id).dataset), pk=simulation_id))
    return JsonResponse({"words": found.words, "share": found.share, "active": found.at_work})


@require_POST
@staff_page("labeling.start_autolabelingtask")
def stop(request: HttpRequest, job_id: int, simulation_id: int) -> HttpResponse:
    """Stops a simulation."""
    found = get_object_or_404(_simulations(job_or_404(job_id).dataset), pk=simulation_id)
    try:
        simulating.stop(simulation=found, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(reverse("labeling:simulation", args=[job_id, simulation_id]))


def _simulations(dataset: Dataset) -> QuerySet[LabelingSimulation]:
    return dataset.labeling_simulations.select_related("created_by", "dataset").defer("learned_from")


def _page(
    request: HttpRequest, job: LabelingJob, form: SimulationForm, shown: LabelingSimulation | None, *, status: int = 200
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "is_fullwidth": "1",
        "title": f"Label Data / \u2068{job}\u2069 / Simulate",
        "job": job,
        "form": form,
        "doing": progress_of(shown) if shown else None,
        "history": [progress_of(each) for each in _simulations(job.dataset)[:SHOWN]],
        "at_work": job.dataset.labeling_simulations.filter(status__in=LabelingSimulation.WORKING).exists(),
    }
    if shown is not None and shown.status == AutoLabelingStatus.SUCCEEDED:
        context |= _told(shown)
    return TemplateResponse(request, "admin/labeling/simulation.html", context, status=status)


def _told(shown: LabelingSimulation) -> dict[str, Any]:
    """What came of a simulation, for its page."""
    needed = {row["order"]: row["labels_to_match_random"] for row in shown.rows if row.get("saved_low", 0) > 0}
    orders, lines = table_of(shown.rows)
    return {
        "sentences": sentences(shown.rows),
        "basis": basis_of(shown),
        "plot": draw(curves_of(shown.rows), goal=goal_of(shown.rows) or 0.0, needed=needed),
        "orders": orders,
        "lines": lines,
    }
