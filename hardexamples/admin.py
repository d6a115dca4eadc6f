"""Minings in the admin; filters stand beside it."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.figures import ago, dot
from config.selection import RowsAdmin
from hardexamples.filter_admin import HardExampleFilterAdmin
from hardexamples.filter_words import settings_lines
from hardexamples.mining_page import told_of
from hardexamples.models import Mining, MiningStatus

__all__ = ["HardExampleFilterAdmin", "MiningAdmin"]

TONES: dict[str, str] = {
    MiningStatus.PREPARING: "busy",
    MiningStatus.SCORING: "busy",
    MiningStatus.FINISHED: "good",
    MiningStatus.FAILED: "bad",
    MiningStatus.STOPPED: "calm",
}


@admin.register(Mining)
class MiningAdmin(RowsAdmin):
    """Minings: they are made by the filtering of a run and never changed by hand."""

    list_display = ["subject", "filter_name", "state", "total", "flagged_share", "reference", "begun"]
    list_display_links = ["subject"]
    list_select_related = ["filter"]
    list_filter = ["status", "task", "filter"]
    search_fields = ["subject"]
    show_full_result_count = False
    empty_words = "No mining yet. One is made after each run of a batch service with hard example filtering on."

    @display(description="Filter", ordering="filter__name")
    def filter_name(self, mining: Mining) -> str:
        return str(mining.filter or "deleted")

    @display(description="State", ordering="status")
    def state(self, mining: Mining) -> SafeString:
        return dot(mining.get_status_display(), TONES[mining.status])

    @display(description="Hard", ordering="flagged")
    def flagged_share(self, mining: Mining) -> str:
        return f"{mining.flagged:,} ({mining.flagged / mining.total:.0%})" if mining.total else "–"

    @display(description="Training images", ordering="reference_count")
    def reference(self, mining: Mining) -> str:
        return f"{mining.reference_count:,}" if mining.training_manifest else "none"

    @display(description="Begun", ordering="created_at")
    def begun(self, mining: Mining) -> SafeString:
        return ago(mining.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Mining | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mining | None = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """The page of a mining instead of a form."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mining = self.get_object(request, object_id)
        if mining is None:
            raise Http404("There is no such mining.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "original": mining,
            "title": str(mining),
            "state": self.state(mining),
            "settings": settings_lines(mining.settings),
            "ended": mining.finished_at is not None,
            "recut_page": reverse("admin:batchservices_batchrun_recut", args=[mining.pk]),
            "may_recut": request.user.has_perm("hardexamples.change_mining"),
            **told_of(mining),
        }
        return TemplateResponse(request, "admin/hardexamples/mining.html", context)
