"""Re-cut in the admin: fields that a person understands, what they would change at once, and Apply."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from batchservices.pages import page
from batchservices.recutting import filtering_of, look, recut
from config.figures import histogram
from config.refusals import Refused
from datasets.pages import actor
from hardexamples.filter_settings import FilterSettings
from hardexamples.filters import settings_of
from hardexamples.forms import MOST, FilterForm, number
from hardexamples.models import HardExampleFilter, Mining, RecutStatus
from hardexamples.notation import MODELARTS_WEIGHTS, format_weights
from hardexamples.recut import Wish, wish

MOST_CAPPED = 10**9


class RecutForm(forms.Form):
    """Threshold, fusion, cap and one weight for each algorithm that was asked; the filter whose settings they were."""

    filter = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)
    algo_hard_threshold = number(
        label="Threshold", most=1.0, step=0.01, help_text="From this coefficient on an image is hard. Higher: fewer."
    )
    fusion = forms.ChoiceField(
        label="Fusion",
        choices=HardExampleFilter.Fusion.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="With learned weights, a weight below only says whether its algorithm counts.",
    )
    cap = forms.IntegerField(
        label="At most",
        min_value=0,
        max_value=MOST_CAPPED,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget({"class": "narrow"}),
        help_text="Never more hard examples than this, unlike each other; empty for all.",
    )

    def __init__(self, *args: Any, asked: set[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MODELARTS_WEIGHTS:
            if name in asked:
                like = FilterForm.declared_fields[name]
                self.fields[name] = number(label=str(like.label), most=MOST, step=0.0001, help_text=str(like.help_text))

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if not self.errors and not any(answers.get(name) for name in MODELARTS_WEIGHTS):
            raise forms.ValidationError("At least one algorithm needs a weight above 0.")
        return answers

    @property
    def changes(self) -> dict[str, Any]:
        """What the fields say, as `hardexamples.recut.wish` reads it."""
        said = self.cleaned_data
        weights = {name: said[name] for name in MODELARTS_WEIGHTS if said.get(name)}
        return {
            "comprehensive_algo_config": format_weights(weights),
            "algo_hard_threshold": said["algo_hard_threshold"],
            "fusion": said["fusion"],
            "cap": said["cap"],
        }


def recut_page(admin: ModelAdmin, request: HttpRequest, mining_id: int) -> HttpResponse:
    """The fields with what they would change; a POST asks once more, a confirmed one begins."""
    mining = _mining(request, mining_id)
    may = request.user.has_perm("hardexamples.change_mining")
    applies = request.method == "POST" and request.POST.get("verb") != "preview"
    if applies and not may:
        raise PermissionDenied
    said = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {"original": mining, "title": f"Re-cut of {mining.subject}", "may_apply": may}
    try:
        form = form_of(mining, said)
        context |= {"form": form, **shown(mining, form)}
        wanted = context.get("wanted")
        if applies and wanted is not None:
            if said.get("confirmed") != "yes":
                return page(admin, request, "admin/batchservices/recut_confirm.html", **context)
            task = recut(mining=mining, wanted=wanted, by=actor(request))
            messages.success(request, f"{mining.subject.capitalize()} is being decided anew, into {task.dataset}.")
            return HttpResponseRedirect(reverse("admin:hardexamples_mining_change", args=[mining.pk]))
    except Refused as refused:
        context["mistake"] = refused.message
    context["filters"] = HardExampleFilter.objects.values_list("pk", "name")
    context["working"] = mining.recuts.filter(status=RecutStatus.WORKING).exists()
    return page(admin, request, "admin/batchservices/recut.html", **context)


def recut_preview(admin: ModelAdmin, request: HttpRequest, mining_id: int) -> HttpResponse:
    """What the fields would change, as a part of the page."""
    mining = _mining(request, mining_id)
    try:
        form = form_of(mining, request.POST)
        context = {"form": form, **shown(mining, form)}
    except Refused as refused:
        context = {"mistake": refused.message}
    return page(admin, request, "admin/batchservices/recut_preview.html", original=mining, **context)


def _mining(request: HttpRequest, mining_id: int) -> Mining:
    if not request.user.has_perm("hardexamples.view_mining"):
        raise PermissionDenied
    mining = Mining.objects.select_related("filter").filter(pk=mining_id).first()
    if mining is None:
        raise Http404("There is no such mining.")
    return mining


def form_of(mining: Mining, said: Mapping[str, str]) -> RecutForm:
    """The form as it was filled, or as the mining, or the filter that the address names, is set.

    Raises:
        Refused: as `hardexamples.recut.wish`.
    """
    asked = {figures["algorithm"] for figures in (mining.fitted or {}).get("rules", {}).values()}
    first = mining.recuts.order_by("pk").first()
    if first is not None:
        asked = {figures["algorithm"] for figures in first.before["fitted"]["rules"].values()}
    if "algo_hard_threshold" in said:
        return RecutForm(said, asked=asked)
    chosen = _filter(said.get("filter", ""))
    settings = settings_of(chosen) if chosen else FilterSettings.from_dict(mining.settings)
    weights = {name: settings.weights.get(name, 0.0) for name in asked}
    values = {
        "filter": chosen.pk if chosen else "",
        "algo_hard_threshold": settings.threshold,
        "fusion": settings.fusion,
        "cap": "" if settings.cap is None else settings.cap,
        **weights,
    }
    return RecutForm(values, asked=asked)


def shown(mining: Mining, form: RecutForm) -> dict[str, Any]:
    """The preview of a valid form, for the templates. Raises Refused as `wish` and `look`."""
    filtering = filtering_of(mining)
    if not form.is_valid():
        return {}
    chosen = _filter(form.cleaned_data["filter"])
    wanted: Wish = wish(mining=mining, chosen=chosen, changes=form.changes)
    preview = look(mining=mining, wanted=wanted)
    return {
        "chosen": chosen,
        "wanted": wanted,
        "preview": preview,
        "dataset": filtering.dataset,
        "drawing": histogram(
            preview.histogram,
            title="How many images would have which hard coefficient, 0 to 1",
            threshold=wanted.settings.threshold,
        ),
    }


def _filter(named: str | int | None) -> HardExampleFilter | None:
    text = str(named or "")
    known = text.isascii() and text.isdecimal() and len(text) < 19
    found = HardExampleFilter.objects.filter(pk=int(text)).first() if known else None
    if text and found is None:
        raise Refused("unknown_filter", "There is no such filter any more.", status=404, field="filter")
    return found
