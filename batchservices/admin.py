"""Models, batch services and runs in the admin: their lists, their actions, and the way to their pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from batchservices import (
    comparison_views,
    recut_views,
    run_views,
    running,
    sample_views,
    schedule_views,
    starting_views,
    views,
)
from batchservices.display import page_of_run, page_of_service, state_of_run
from batchservices.model_admin import InferenceModelAdmin
from batchservices.models import ACTIVE_RUN, BatchRun, BatchService
from batchservices.pages import PagesAdmin, UsedRowsStay
from batchservices.progress import of_run
from batchservices.service_forms import SynchronizeForm
from config.confirmation import confirmation_page, confirmed
from config.figures import ago
from config.refusals import Refused
from datasets.pages import actor

__all__ = ["BatchRunAdmin", "BatchServiceAdmin", "InferenceModelAdmin"]


@contextmanager
def told(request: HttpRequest, service: BatchService) -> Iterator[None]:
    """Shows what a verb refuses for one service, and lets the others go on."""
    try:
        yield
    except Refused as refused:
        messages.error(request, f"{service}: {refused.message}")


def counted(services: QuerySet[BatchService]) -> str:
    """How many services, with the noun."""
    number = services.count()
    return f"{number:,} batch service{'' if number == 1 else 's'}"


@admin.register(BatchService)
class BatchServiceAdmin(UsedRowsStay, PagesAdmin):
    """Batch services, with ModelArts' verbs as actions."""

    add_words = "Deploy"
    empty_words = "No batch service yet. Deploy a model to predict the images of a folder."
    list_display = ["name", "model", "state", "input_location", "last_run", "filtered", "deployed", "more"]
    list_display_links = ["name"]
    list_select_related = ["model"]
    list_filter = ["filtering", "model"]
    search_fields = ["name", "description", "input_location"]
    actions = ["start", "stop", "restart", "synchronize"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchService]:
        newest = BatchRun.objects.filter(service=OuterRef("pk")).order_by("-pk").values("pk")[:1]
        return super().get_queryset(request).annotate(newest_run=Subquery(newest))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Gives each service of the page its newest run, with one query for all."""
        changes = super().get_changelist_instance(request)
        services = list(changes.result_list)
        runs = BatchRun.objects.in_bulk([service.newest_run for service in services if service.newest_run])
        for service in services:
            service.newest = runs.get(service.newest_run)
            service.links = list(self.links_of(service, request))
        changes.result_list = services
        return changes

    def links_of(self, service: Any, request: HttpRequest) -> Iterator[tuple[str, str]]:
        """Name and address of what can be done with one service now."""
        active = service.newest is not None and service.newest.status in ACTIVE_RUN
        if self.has_start_permission(request):
            for verb, words in (("stop", "Stop"), ("restart", "Restart")) if active else (("start", "Start"),):
                yield words, reverse("admin:batchservices_batchservice_ask", args=[service.pk, verb])
        yield "Sample Collection", page_of_service(service.pk, "sample")
        yield "Runs", page_of_service(service.pk, "runs")
        if self.has_change_permission(request, service):
            yield "Edit", reverse("admin:batchservices_batchservice_settings", args=[service.pk])

    @display(description="More")
    def more(self, service: Any) -> SafeString:
        links = format_html_join("", '<a href="{}">{}</a>', ((address, words) for words, address in service.links))
        return format_html('<details class="more"><summary>More</summary><nav>{}</nav></details>', links)

    @display(description="State")
    def state(self, service: Any) -> SafeString:
        return state_of_run(service.newest.status if service.newest else None)

    @display(description="Last run")
    def last_run(self, service: Any) -> SafeString | str:
        if service.newest is None:
            return "–"
        return format_html('<a href="{}">{}</a>', page_of_run(service.newest.pk), of_run(service.newest).counts)

    @display(description="Hard Example Filtering", ordering="filtering")
    def filtered(self, service: BatchService) -> str:
        return "On" if service.filtering else "Off"

    @display(description="Deployed", ordering="created_at")
    def deployed(self, service: BatchService) -> SafeString:
        return ago(service.created_at)

    def get_urls(self) -> list[URLPattern]:
        task = "<int:pk>/tasks/<int:task_id>/"
        return [
            self.route("<int:pk>/settings/", views.change_settings, "settings"),
            self.route("<int:pk>/filtering/", views.change_filtering, "filtering"),
            self.route("<int:pk>/schedule/", schedule_views.change_schedule, "schedule"),
            self.route("<int:pk>/synchronize/", sample_views.synchronize, "synchronize"),
            self.route("<int:pk>/runs/<int:run_id>/filter/", sample_views.filter_now, "filter_now", "POST"),
            self.route("mapping/", views.mapping, "mapping", "GET"),
            self.route("<int:pk>/ask/<str:verb>/", starting_views.ask, "ask", "GET"),
            self.route("<int:pk>/restart/", starting_views.restart, "restart", "POST"),
            self.route(task, sample_views.task_page, "task", "GET"),
            self.route("<int:pk>/start/", starting_views.start, "start", "POST"),
            self.route("<int:pk>/stop/", starting_views.stop, "stop", "POST"),
            self.route(f"{task}stop/", sample_views.stop_collection, "stop_collection", "POST"),
            self.route(f"{task}progress/", sample_views.collection_progress, "collection_progress", "GET"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.deploy(self, request)

    def page_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return views.service_page(self, request, object_id)

    def uses_of(self, row: BatchService) -> str:
        if row.runs.filter(status__in=ACTIVE_RUN).exists():
            return "it is running. Stop it first."
        return "it has runs, and their results refer to it." if row.runs.exists() else ""

    def has_start_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("batchservices.start_batchservice")

    def has_synchronize_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("batchservices.synchronize_batchservice")

    @action(description="Start", permissions=["start"])
    def start(self, request: HttpRequest, services: QuerySet[BatchService]) -> HttpResponse | None:
        if confirmed(request) is None:
            sentence = f"{counted(services)}: a run begins with the images that are in the input now."
            return confirmation_page(
                self, request, services, action="start", title="Start", sentence=sentence, button="Start"
            )
        for service in services:
            with told(request, service):
                running.start(service=service, by=actor(request))
                messages.success(request, f"{service} is started.")
        return None

    @action(description="Stop", permissions=["start"])
    def stop(self, request: HttpRequest, services: QuerySet[BatchService]) -> HttpResponse | None:
        if confirmed(request) is None:
            sentence = f"{counted(services)}: the run stops. What was predicted stays."
            return confirmation_page(
                self, request, services, action="stop", title="Stop", sentence=sentence, button="Stop"
            )
        for service in services:
            with told(request, service):
                run = service.runs.filter(status__in=ACTIVE_RUN).first()
                if run is None:
                    raise Refused("not_running", "it is not running.", status=409)
                running.stop(run=run, by=actor(request))
                messages.success(request, f"{service} was told to stop.")
        return None

    @action(description="Restart", permissions=["start"])
    def restart(self, request: HttpRequest, services: QuerySet[BatchService]) -> HttpResponse | None:
        if confirmed(request) is None:
            sentence = f"{counted(services)}: what runs is stopped; a run begins with the images and settings of now."
            return confirmation_page(
                self, request, services, action="restart", title="Restart", sentence=sentence, button="Restart"
            )
        for service in services:
            with told(request, service):
                running.restart(service=service, by=actor(request))
                messages.success(request, f"{service} is started again.")
        return None

    @action(description="Synchronize Data to Dataset", permissions=["synchronize"])
    def synchronize(self, request: HttpRequest, services: QuerySet[BatchService]) -> HttpResponse | None:
        form = confirmed(request, SynchronizeForm)
        if form is None:
            return confirmation_page(
                self,
                request,
                services,
                action="synchronize",
                title="Synchronize Data to Dataset",
                sentence=f"{counted(services)}: the images of the input go into a dataset, unlabeled.",
                button="Synchronize",
                form_class=SynchronizeForm,
            )
        answers = form.cleaned_data
        for service in services:
            with told(request, service):
                task = sample_views.collect(service, answers, by=actor(request))
                # a new dataset is made once, by the first service that is not refused
                answers |= {"dataset": task.dataset, "new_dataset": ""}
                messages.success(request, f"The inputs of {service} are going into {task.dataset}.")
        return None


@admin.register(BatchRun)
class BatchRunAdmin(PagesAdmin):
    """Runs: they are made by Start and never changed by hand."""

    empty_words = "No run yet. Start a batch service when there are images in its input."
    show_full_result_count = False
    list_display = ["run", "service_link", "model", "state", "progress", "begun"]
    list_display_links = ["run"]
    list_select_related = ["model", "service"]
    list_filter = ["status", "service"]

    @display(description="Run", ordering="pk")
    def run(self, run: BatchRun) -> str:
        return f"Run {run.pk}"

    @display(description="Batch service", ordering="service__name")
    def service_link(self, run: BatchRun) -> SafeString:
        return format_html('<a href="{}">{}</a>', page_of_service(run.service_id), run.service)

    @display(description="State", ordering="status")
    def state(self, run: BatchRun) -> SafeString:
        return state_of_run(run.status)

    @display(description="Progress")
    def progress(self, run: BatchRun) -> str:
        return of_run(run).words

    @display(description="Started", ordering="created_at")
    def begun(self, run: BatchRun) -> SafeString:
        return ago(run.created_at)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route("<int:pk>/progress/", run_views.run_progress, "progress", "GET"),
            self.route("<int:pk>/stop/", run_views.stop_run, "stop", "POST"),
            self.route("<int:pk>/compare/", comparison_views.comparison_page, "compare"),
            self.route("<int:pk>/compare/add/", comparison_views.add_compared, "compare_add", "POST"),
            self.route(
                "<int:pk>/compare/<int:other_id>/progress/",
                comparison_views.comparison_progress,
                "compare_progress",
                "GET",
            ),
            self.route("<int:pk>/retry/", run_views.retry_run, "retry", "POST"),
            self.route("<int:pk>/inputs/<int:position>/", run_views.input_page, "input", "GET"),
            self.route("minings/<int:mining_id>/recut/", recut_views.recut_page, "recut"),
            self.route("minings/<int:mining_id>/recut/preview/", recut_views.recut_preview, "recut_preview", "POST"),
            *super().get_urls(),
        ]

    def page_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return run_views.run_page(self, request, object_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: BatchRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BatchRun | None = None) -> bool:
        return False
