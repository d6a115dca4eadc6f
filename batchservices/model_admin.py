"""Models in the admin: their list, and the way to their pages."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from batchservices import model_views, registration
from batchservices.display import page_of_run, state_of_model
from batchservices.models import BatchRun, InferenceModel
from batchservices.pages import PagesAdmin, UsedRowsStay
from config.figures import ago
from config.refusals import Refused
from datasets.pages import actor


@admin.register(InferenceModel)
class InferenceModelAdmin(UsedRowsStay, PagesAdmin):
    """Models. Once accepted nothing of them changes."""

    add_words = "Register model"
    empty_words = "No model yet. Register an ONNX file; it is tried before it can be used."
    list_display = ["name", "version", "task", "state", "used_by", "last_run", "registered"]
    list_display_links = ["name"]
    list_filter = ["status", "task"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InferenceModel]:
        newest = BatchRun.objects.filter(model=OuterRef("pk")).order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(
                service_count=Count("services"),
                newest_run=Subquery(newest.values("pk")[:1]),
                newest_run_at=Subquery(newest.values("created_at")[:1]),
            )
        )

    @display(description="Status", ordering="status")
    def state(self, model: InferenceModel) -> SafeString:
        return state_of_model(model)

    @display(description="Services", ordering="service_count")
    def used_by(self, model: Any) -> SafeString | str:
        if not model.service_count:
            return "–"
        link = f"{reverse('admin:batchservices_batchservice_changelist')}?model__id__exact={model.pk}"
        return format_html('<a href="{}">{}</a>', link, model.service_count)

    @display(description="Last run", ordering="newest_run")
    def last_run(self, model: Any) -> SafeString | str:
        if model.newest_run is None:
            return "–"
        return format_html('<a href="{}">{}</a>', page_of_run(model.newest_run), ago(model.newest_run_at))

    @display(description="Registered", ordering="created_at")
    def registered(self, model: InferenceModel) -> SafeString:
        return ago(model.created_at)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route("elsewhere/", model_views.elsewhere, "elsewhere"),
            self.route("<int:pk>/try/", model_views.try_model, "try", "POST"),
            self.route("<int:pk>/accept/", model_views.accept_model, "accept", "POST"),
            self.route("<int:pk>/version/", model_views.new_version, "version", "POST"),
            self.route("<int:pk>/progress/", model_views.model_progress, "progress", "GET"),
            self.route("<int:pk>/samples/<int:position>/", model_views.picture, "picture", "GET"),
            *super().get_urls(),
        ]

    def has_change_permission(self, request: HttpRequest, obj: InferenceModel | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return model_views.register(self, request)

    def page_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return model_views.model_page(self, request, object_id)

    def uses_of(self, row: InferenceModel) -> str:
        return registration.uses_of(row)

    def delete_model(self, request: HttpRequest, obj: InferenceModel) -> None:
        registration.delete_model(model=obj, by=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[InferenceModel]) -> None:
        for model in queryset:
            try:
                registration.delete_model(model=model, by=actor(request))
            except Refused as refused:
                messages.error(request, refused.message)
