"""Filters in the admin."""

from dataclasses import asdict
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.refusals import Refused
from config.selection import RowsAdmin
from datasets.pages import actor
from hardexamples.filter_report import report_of
from hardexamples.filters import (
    FilterChoices,
    apply_proposal,
    change_filter,
    create_filter,
    delete_filter,
    withdraw_weights,
)
from hardexamples.forms import OPERATIONS, FilterForm, numbers_of, weights_of
from hardexamples.learning_work import ask_to_learn
from hardexamples.models import HardExampleFilter
from hardexamples.notation import MODELARTS_WEIGHTS

ALGORITHMS = [name for name in FilterForm.declared_fields if name in MODELARTS_WEIGHTS]
VERBS = {"learn": "learn_view", "apply": "apply_view", "withdraw": "withdraw_view"}


@admin.register(HardExampleFilter)
class HardExampleFilterAdmin(RowsAdmin):
    """Filters. Presets and fitted ones are copied, not changed, so that their names keep their meaning."""

    form = FilterForm
    change_form_outer_before_template = "admin/hardexamples/filter_report.html"
    list_display = ["name", "kind", "fusion", "threshold", "weights", "used_by", "copy"]
    list_display_links = ["name"]
    list_filter = ["kind"]
    search_fields = ["name"]
    readonly_fields = ["kind", "weights", "threshold", "hardest", "algorithm_notation", "operation_notation", "copy"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[HardExampleFilter]:
        return super().get_queryset(request).annotate(service_count=Count("services"))

    def get_fieldsets(self, request: HttpRequest, obj: HardExampleFilter | None = None) -> Any:
        """The form, or the same in words where nothing may be changed."""
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if not editable:
            return [
                (None, {"fields": ["name", "kind", "copy", "fusion", "threshold", "hardest", "measure"]}),
                ("Algorithms", {"fields": ["weights", "algorithm_notation"]}),
                ("Second look", {"fields": ["operation_notation", "second_look_images", "second_look_seconds"]}),
                ("Reviews", {"fields": ["control_share", "applies_proposals"]}),
            ]
        return [
            (None, {"fields": ["name", "algo_hard_threshold", "cap", "measure"]}),
            (
                "Algorithms and their weights",
                {
                    "fields": ["fusion", *ALGORITHMS, "comprehensive_algo_config"],
                    "description": "0 switches an algorithm off. An algorithm without anything to go by, such as a "
                    "training set, has no opinion and does not count.",
                    "classes": ["weights"],
                },
            ),
            (
                "Second look",
                {
                    "fields": ["second_look_images", "second_look_seconds", *OPERATIONS, "aug_op_config"],
                    "description": "Undecided images are changed in these ways and shown to the model again; an answer "
                    "that changes is a sign of an error. The numbers are the weights of the changes, 0 is off.",
                    "classes": ["weights"],
                },
            ),
            ("Reviews", {"fields": ["control_share", "applies_proposals"]}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A copy of the filter that the address names."""
        named = request.GET.get("copy", "")
        source = HardExampleFilter.objects.filter(pk=int(named)).first() if named.isdecimal() else None
        if source is None:
            return {}
        return {
            "name": f"{source.name} copy",
            **asdict(FilterChoices.of(source)),
            **numbers_of(FilterChoices.of(source)),
        }

    def save_model(self, request: HttpRequest, obj: HardExampleFilter, form: FilterForm, change: bool) -> None:
        if change:
            change_filter(chosen=obj, by=actor(request), choices=form.choices(), name=obj.name)
        else:
            obj.pk = create_filter(name=obj.name, by=actor(request), choices=form.choices()).pk

    def delete_model(self, request: HttpRequest, obj: HardExampleFilter) -> None:
        delete_filter(chosen=obj, by=actor(request))

    def has_change_permission(self, request: HttpRequest, obj: HardExampleFilter | None = None) -> bool:
        own = obj is None or obj.kind == HardExampleFilter.Kind.OWN
        return own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: HardExampleFilter | None = None) -> bool:
        preset = obj is not None and obj.kind == HardExampleFilter.Kind.PRESET
        return not preset and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Filters are deleted one by one: presets stay."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_urls(self) -> list[URLPattern]:
        return [
            *(
                path(f"<int:pk>/{verb}/", self.admin_site.admin_view(getattr(self, view)), name=f"filter_{verb}")
                for verb, view in VERBS.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """The form below what the filter has learned."""
        chosen = self.get_object(request, object_id)
        told = {} if chosen is None else report_of(chosen, wished=request.GET.get("remain", ""))
        may = {"may_learn": request.user.has_perm("hardexamples.change_hardexamplefilter")}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **told, **may})

    def learn_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: lets a worker read the reviews that came since."""
        chosen = self._asked(request, pk)
        ask_to_learn(chosen=chosen, by=actor(request))
        self.message_user(request, "The reviews are being read. Reload the page in a few seconds.")
        return self._page(chosen)

    def apply_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: uses the proposed weights from now on; of a preset, makes a filter that does."""
        chosen = self._asked(request, pk)
        try:
            made = apply_proposal(chosen=chosen, by=actor(request))
        except Refused as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return self._page(chosen)
        words = f"{made} uses the weights learned from reviews, from its next run on."
        if made != chosen:
            words = (
                f"{made} has the proposed weights. Choose it in a batch service to use it; {chosen} stays as it was."
            )
        self.message_user(request, words, messages.SUCCESS)
        return self._page(made)

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: goes back to what was in use before the last learned weights."""
        chosen = self._asked(request, pk)
        try:
            withdraw_weights(chosen=chosen, by=actor(request))
        except Refused as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return self._page(chosen)
        words = f"{chosen} is back to what it used before, from its next run on, and applies no weights by itself."
        self.message_user(request, words, messages.SUCCESS)
        return self._page(chosen)

    def _asked(self, request: HttpRequest, pk: int) -> HardExampleFilter:
        if not request.user.has_perm("hardexamples.change_hardexamplefilter"):
            raise PermissionDenied
        if request.method != "POST":
            raise Http404("This address takes a POST.")
        return get_object_or_404(HardExampleFilter, pk=pk)

    def _page(self, chosen: HardExampleFilter) -> HttpResponse:
        return redirect("admin:hardexamples_hardexamplefilter_change", chosen.pk)

    class Media:
        js = ("hardmine/slider.js", "hardmine/notation.js", "hardmine/threshold.js")

    @display(description="Threshold", ordering="algo_hard_threshold")
    def threshold(self, row: HardExampleFilter) -> str:
        return f"{row.algo_hard_threshold:g}"

    @display(description="Never more than")
    def hardest(self, row: HardExampleFilter) -> str:
        return "all" if row.cap is None else f"{row.cap:,} hard examples of one run"

    @display(description="Weights")
    def weights(self, row: HardExampleFilter) -> SafeString:
        said = [
            (FilterForm.declared_fields[name].label, f"{value:g}") for name, value in weights_of(row).items() if value
        ]
        return format_html_join(" · ", "{} {}", said)

    @display(description="In ModelArts' notation")
    def algorithm_notation(self, row: HardExampleFilter) -> SafeString:
        return format_html('<code class="breaks">{}</code>', row.comprehensive_algo_config)

    @display(description="Augmentations")
    def operation_notation(self, row: HardExampleFilter) -> SafeString:
        return format_html('<code class="breaks">{}</code>', row.aug_op_config or "none")

    @display(description="Batch services", ordering="service_count")
    def used_by(self, row: Any) -> int | str:
        return row.service_count or "–"

    @display(description="")
    def copy(self, row: HardExampleFilter) -> SafeString:
        return format_html(
            '<a class="button" href="{}?copy={}">Copy</a>', reverse("admin:hardexamples_hardexamplefilter_add"), row.pk
        )
