"""The page on which a run is compared with another one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from batchservices import choosing
from batchservices.browsing import Box, Card, cards, mining_of
from batchservices.compared import Change, ComparedInput, ComparisonStatus, RunComparison
from batchservices.comparison import compare
from batchservices.display import page_of_run, page_of_service
from batchservices.models import ACTIVE_RUN, BatchRun
from batchservices.pages import found, page
from batchservices.progress import Progress
from batchservices.run_views import position_of
from config.refusals import Refused
from datasets.models import Dataset
from datasets.pages import actor

PAGE = 48
OFFERED = 50
LABELS_SHOWN = 20
BEFORE, AFTER = "#ff7a45", "#4f9cff"


@dataclass(frozen=True)
class Pair:
    """An input with what both runs said; either may be None. `boxes` are of both, in two colors."""

    after: Card | None
    before: Card | None
    boxes: Sequence[Box]


def comparison_page(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Chooses the other run, and shows what differs, by kind."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    run: BatchRun = found(admin, request, pk)
    if request.method == "POST":
        return _compare(run, request)
    made = RunComparison.objects.filter(run=run, other=position_of(request, "other") or 0).first()
    context: dict[str, Any] = {
        "original": run,
        "title": f"Compare run {run.pk}",
        "others": others_of(run),
        "made": made,
        "before_color": BEFORE,
        "after_color": AFTER,
    }
    if made is not None:
        context |= _found(run, made, request)
    return page(admin, request, "admin/batchservices/comparison.html", **context)


def _compare(run: BatchRun, request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("other", "")
    numbers = [chosen] if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 else []
    other = BatchRun.objects.filter(pk__in=numbers).first()
    address = reverse("admin:batchservices_batchrun_compare", args=[run.pk])
    if other is None:
        messages.error(request, "Choose a run to compare with.")
        return HttpResponseRedirect(address)
    try:
        made = compare(run=run, other=other, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(address)
    return HttpResponseRedirect(f"{address}?other={made.other_id}")


def others_of(run: BatchRun) -> list[BatchRun]:
    """Runs that this one can be compared with: of its own service first, the newest first."""
    runs = BatchRun.objects.filter(model__task=run.model.task, done__gt=0).exclude(pk=run.pk)
    runs = runs.exclude(status__in=ACTIVE_RUN).select_related("service", "model")
    own = list(runs.filter(service=run.service_id)[:OFFERED])
    return own + list(runs.exclude(service=run.service_id)[:OFFERED])


def _found(run: BatchRun, made: RunComparison, request: HttpRequest) -> dict[str, Any]:
    there = [(change, made.counts[change]) for change in Change if made.counts.get(change)]
    kind = request.GET.get("change", "")
    kind = kind if kind in dict(there) else str(there[0][0]) if there else ""
    rows = list(_page_of(made, kind, position_of(request, "after")))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    asked = {"other": made.other_id, "change": kind}
    return {
        "progress": progress_of(made),
        "same": made.counts.get("same", 0),
        "tiles": [(change.label, count, "?" + urlencode(asked | {"change": change.value})) for change, count in there],
        "change": Change(kind).label if kind else "",
        "pairs": _pairs(run, made.other, rows),
        "labels": [(old or "nothing", new or "nothing", count) for old, new, count in made.labels[:LABELS_SHOWN]],
        "more_labels": max(len(made.labels) - LABELS_SHOWN, 0),
        "next": "?" + urlencode(asked | {"after": rows[-1].place}) if more else "",
        "datasets": _datasets(run, request) if kind != Change.ONLY_BEFORE else [],
    }


def _page_of(made: RunComparison, kind: str, after: int | None) -> QuerySet[ComparedInput]:
    rows = made.items.filter(change=kind).order_by("place")
    return rows.filter(place__gt=after)[: PAGE + 1] if after is not None else rows[: PAGE + 1]


def _pairs(run: BatchRun, other: BatchRun, rows: Sequence[ComparedInput]) -> list[Pair]:
    ours = _cards(run, [row.position for row in rows if row.position is not None])
    theirs = _cards(other, [row.other_position for row in rows if row.other_position is not None])
    pairs = []
    for row in rows:
        after = ours.get(row.position) if row.position is not None else None
        before = theirs.get(row.other_position) if row.other_position is not None else None
        boxes = [replace(box, color=BEFORE, doubtful=True) for box in (before.boxes if before else ())]
        boxes += [replace(box, color=AFTER, doubtful=False) for box in (after.boxes if after else ())]
        if after is not None or before is not None:
            pairs.append(Pair(after, before, boxes))
    return pairs


def _cards(run: BatchRun, positions: Sequence[int]) -> dict[int, Card]:
    return {card.item.position: card for card in cards(run, positions, mining_of(run))}


def _datasets(run: BatchRun, request: HttpRequest) -> list[Dataset]:
    if not request.user.has_perm("datasets.add_to_dataset"):
        return []
    return list(Dataset.objects.filter(task=run.model.task).order_by("name"))


def progress_of(made: RunComparison) -> Progress:
    """How far a comparison is."""
    begun, ended = made.started_at, made.finished_at
    return Progress(
        settled=made.cursor,
        total=made.run.total + made.other.total,
        failed=0,
        seconds=(ended - begun).total_seconds() if begun and ended else 0.0,
        active=made.status == ComparisonStatus.COMPARING,
    )


def comparison_progress(admin: ModelAdmin, request: HttpRequest, pk: int, other_id: int) -> HttpResponse:
    """What progress.js asks for while two runs are compared."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    run = found(admin, request, pk)
    made = run.comparisons.filter(other=other_id).select_related("run", "other").first()
    if made is None:
        return JsonResponse({"active": False, "share": None, "words": ""})
    progress = progress_of(made)
    return JsonResponse({"active": progress.active, "share": progress.share, "words": progress.words})


def add_compared(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*Add to dataset*: the inputs that were chosen on the page."""
    if not request.user.has_perm("datasets.add_to_dataset"):
        raise PermissionDenied
    run = found(admin, request, pk)
    positions = [int(text) for text in request.POST.getlist("chosen") if text.isascii() and text.isdecimal()]
    named = request.POST.get("dataset", "")
    dataset = Dataset.objects.filter(pk=int(named) if named.isascii() and named.isdecimal() else 0).first()
    try:
        if dataset is None:
            raise Refused("no_dataset", "Choose a dataset.", field="dataset")
        choosing.add_inputs(run=run, positions=positions, dataset=dataset, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(page_of_run(run.pk))
    messages.success(request, f"{len(positions)} images are going into {dataset}, unlabeled.")
    return HttpResponseRedirect(page_of_service(run.service_id, "sample"))
