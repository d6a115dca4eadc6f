"""The admin of what verbs write: versions, imports, and the history of reviews."""

from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from config.refusals import Refused
from datasets import importing, locations, publishing
from datasets.admin.look import ReadOnlyAdmin, ReadOnlyInline, far, followed, manifest, progress, source, state
from datasets.models import Dataset, DatasetVersion, ImportProblem, ImportTask, ReviewEvent, VersionStatus
from datasets.pages import actor


@admin.register(DatasetVersion)
class VersionAdmin(ReadOnlyAdmin):
    """Published versions with their manifests."""

    list_display = (
        "name",
        "dataset",
        "state",
        "sample_count",
        "hard_count",
        "manifest_file",
        "created_by",
        "created_at",
    )
    list_filter = ("dataset", "status")
    list_select_related = ("dataset", "created_by")
    fields = (
        ("name", "dataset"),
        ("state", "error"),
        ("sample_count", "hard_count", "hard_examples", "train_ratio"),
        "label_counts",
        ("now", "sha256"),
        "description",
        ("created_by", "created_at", "finished_at"),
    )
    readonly_fields = ("state", "now")

    class Media:
        js = (Script("hardmine/progress.js", defer=True),)

    def get_urls(self) -> list[URLPattern]:
        """With the addresses of the manifest and of the progress."""
        pages = [
            path(f"<int:version_id>/{name}", self.admin_site.admin_view(view), name=f"datasets_datasetversion_{name}")
            for name, view in (("manifest", self.manifest), ("progress", self.progress))
        ]
        return [*pages, *super().get_urls()]

    def progress(self, request: HttpRequest, version_id: int) -> JsonResponse:
        """How far publishing is, for the page that shows it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = self.get_object(request, str(version_id))
        if version is None:
            raise Http404("There is no such version.")
        done, total = publishing.progress(version)
        active = version.status == VersionStatus.PUBLISHING
        return JsonResponse(
            {"share": min(done / total, 1.0) if total else None, "words": far(done, total), "active": active}
        )

    def manifest(self, request: HttpRequest, version_id: int) -> FileResponse:
        """The manifest as a file."""
        version = self.get_object(request, str(version_id))
        if version is None or not version.manifest or not self.has_view_permission(request, version):
            raise Http404("There is no such manifest.")
        try:
            file = locations.open_file(locations.parse(version.manifest))
        except Refused as refused:
            raise Http404(refused.message) from None
        response = FileResponse(file, content_type="application/x-ndjson")
        name = f"{version.dataset.name}-{version.name}.manifest"
        response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
        return response

    @admin.display(description="status", ordering="status")
    def state(self, version: DatasetVersion) -> SafeString:
        """The status with its dot."""
        return state(version.status, version.get_status_display())

    @admin.display(description="manifest")
    def manifest_file(self, version: DatasetVersion) -> SafeString | str:
        """The manifest to download, once it is there."""
        return manifest(version)

    @admin.display(description="manifest")
    def now(self, version: DatasetVersion) -> SafeString | str:
        """The manifest to download; while it is being written, how far that is."""
        if version.status != VersionStatus.PUBLISHING:
            return manifest(version)
        return followed(
            *publishing.progress(version), reverse("admin:datasets_datasetversion_progress", args=[version.pk])
        )


class ProblemInline(ReadOnlyInline):
    """What an import refused, and why."""

    model = ImportProblem
    fields = readonly_fields = ("line", "file", "code", "message")
    show_change_link = False
    per_page = 50
    verbose_name_plural = "refused entries"

    def has_view_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Whoever sees the import sees its report."""
        return request.user.has_perm("datasets.view_importtask")


@admin.register(ImportTask)
class ImportTaskAdmin(ReadOnlyAdmin):
    """Imports with progress, counts and the report of what was refused."""

    list_display = ("source", "dataset", "format", "state", "done", "added", "already_there", "failed", "created_at")
    list_filter = ("dataset", "status", "format")
    list_select_related = ("dataset",)
    fields = (
        ("dataset", "source", "format"),
        ("state", "now", "error"),
        ("added", "already_there", "failed"),
        ("final_annotation", "difficult_only"),
        ("created_by", "created_at", "started_at", "finished_at"),
    )
    readonly_fields = ("source", "state", "now")
    inlines = (ProblemInline,)
    actions_detail = ("stop",)

    class Media:
        js = (Script("hardmine/progress.js", defer=True),)

    def get_urls(self) -> list[URLPattern]:
        """With the address of the progress."""
        view = self.admin_site.admin_view(self.progress)
        return [path("<int:task_id>/progress", view, name="datasets_importtask_progress"), *super().get_urls()]

    def progress(self, request: HttpRequest, task_id: int) -> JsonResponse:
        """How far an import is, for the page that shows it."""
        task = self.get_object(request, str(task_id))
        if task is None or not self.has_view_permission(request, task):
            raise Http404("There is no such import.")
        share = min(task.cursor / task.total, 1.0) if task.total else None
        active = task.status in ImportTask.WORKING
        return JsonResponse({"share": share, "words": far(task.cursor, task.total), "active": active})

    def has_stop_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        """Who may import may stop, while there is something to stop."""
        allowed = request.user.has_perm("datasets.import_dataset")
        return allowed and ImportTask.objects.filter(pk=object_id or 0, status__in=ImportTask.WORKING).exists()

    @action(description="Stop", icon="stop_circle", permissions=["stop"], url_path="stop")
    def stop(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Asks first; what came in stays."""
        task = get_object_or_404(ImportTask, pk=object_id)
        page = reverse("admin:datasets_importtask_change", args=[task.pk])
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": "Stop the import",
                "sentence": "The import stops. What it brought so far stays in the dataset.",
                "button": "Stop",
                "back": page,
            }
            return TemplateResponse(request, "admin/datasets/dialog.html", context)
        try:
            importing.stop(task=task, by=actor(request))
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, "The import was stopped.")
        return HttpResponseRedirect(page)

    @admin.display(description="from")
    def source(self, task: ImportTask) -> str:
        """The location, or that it was an upload."""
        return source(task)

    @admin.display(description="status", ordering="status")
    def state(self, task: ImportTask) -> SafeString:
        """The status with its dot."""
        return state(task.status, task.get_status_display())

    @admin.display(description="progress")
    def done(self, task: ImportTask) -> SafeString:
        """How far it is."""
        return progress(task.cursor, task.total)

    @admin.display(description="progress")
    def now(self, task: ImportTask) -> SafeString:
        """How far it is, kept fresh while it goes on."""
        if task.status not in ImportTask.WORKING:
            return progress(task.cursor, task.total)
        return followed(task.cursor, task.total, reverse("admin:datasets_importtask_progress", args=[task.pk]))


@admin.register(ReviewEvent)
class ReviewEventAdmin(ReadOnlyAdmin):
    """Who changed which sample, before and after."""

    list_display = ("sample_name", "dataset", "verb", "outcome", "by", "at")
    list_filter = ("dataset", "verb", "outcome")
    list_select_related = ("dataset", "by")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewEvent]:
        """Without those of datasets that are being removed."""
        removed = list(Dataset.everything.exclude(removed_at=None).values_list("pk", flat=True))
        return super().get_queryset(request).exclude(dataset__in=removed)
