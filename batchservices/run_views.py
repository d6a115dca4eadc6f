"""The pages of runs: progress while it goes on, what was predicted, what failed and why.

Nothing here counts items per request: totals are columns of the run, and the drawings of an ended run look at its
first `LOOKED_AT` items only, and say so.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from batchservices import running
from batchservices.browsing import ORDERS, browse, cards, mining_of
from batchservices.display import page_of_run, page_of_service, state_of_run
from batchservices.model_words import profile_lines
from batchservices.models import ACTIVE_RUN, BatchRun, ItemStatus, RunItem
from batchservices.pages import found, page
from batchservices.progress import of_run
from batchservices.reopening import unpredicted
from batchservices.words import kept_words
from config.figures import bins_of, histogram, table_rows
from config.refusals import Refused
from datasets.models import Dataset, Task
from datasets.pages import actor
from hardexamples.filter_words import settings_lines
from hardexamples.models import HardExampleFilter

TABS = {"overview": "Overview", "predictions": "Predictions", "failed": "Failed", "settings": "Settings"}
PAGE = 50
LOOKED_AT = 20_000
CLASSES_SHOWN = 30
REASONS_SHOWN = 12


def run_page(admin: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """A run with its tabs; without JavaScript a reload shows how far it is."""
    run: BatchRun = found(admin, request, object_id)
    tab = request.GET.get("tab", "overview")
    tab = tab if tab in TABS else "overview"
    active = run.status in ACTIVE_RUN
    context: dict[str, Any] = {
        "original": run,
        "title": str(run),
        "tabs": TABS,
        "tab": tab,
        "state": state_of_run(run.status),
        "progress": of_run(run),
        "kept_words": kept_words(run),
        "active": active,
        "service_page": page_of_service(run.service_id),
        "may_stop": active and request.user.has_perm("batchservices.start_batchservice"),
        "retries": retries(run, request),
    }
    if tab == "overview":
        context["collections"] = run.collection_tasks.all()
        context["sample_tab"] = page_of_service(run.service_id, "sample")
        context |= {} if active else drawings(run)
    elif tab == "settings":
        context |= {
            "profile": [("Model type", run.model.get_task_display()), *profile_lines(run.profile)],
            "filter_settings": filtering_rows(run.filter_settings or {}),
        }
    elif tab == "predictions":
        context |= predictions_page(run, request)
    else:
        context |= failed_page(run, request)
    return page(admin, request, "admin/batchservices/run.html", **context)


def retries(run: BatchRun, request: HttpRequest) -> str:
    """What the button says that goes on with an ended run; "" where nothing of it can be tried again, or by others."""
    if run.status in ACTIVE_RUN or not run.total or not request.user.has_perm("batchservices.start_batchservice"):
        return ""
    if run.service.runs.filter(pk__gt=run.pk).exists() or not unpredicted(run).exists():
        return ""
    left = run.total - run.done
    return f"Retry the failed ({run.failed:,})" if left == run.failed else f"Go on with the other {left:,}"


def drawings(run: BatchRun) -> dict[str, Any]:
    """How often each class was predicted, and how confidently; of the first `LOOKED_AT` items of an ended run."""
    rows = list(
        run.items.filter(status=ItemStatus.DONE)
        .order_by("position")
        .values_list("predicted_label", "confidence")[:LOOKED_AT]
    )
    counts = Counter(label for label, _ in rows).most_common(CLASSES_SHOWN)
    most = counts[0][1] if counts else 1
    confidences = [confidence for _, confidence in rows if confidence is not None]
    return {
        "classes": [
            (label or "nothing found", count, count / most, "?" + urlencode({"tab": "predictions", "label": label}))
            for label, count in counts
        ],
        "confidences": histogram(bins_of(confidences), title="How many predictions have which confidence, 0 to 1")
        if confidences
        else "",
        "looked_at": len(rows) if len(rows) < run.done else 0,
    }


def filtering_rows(frozen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a filter goes by, with names instead of numbers; classes only where their label differs."""
    filters = HardExampleFilter.objects.filter(pk=frozen.get("filter", 0)).values_list("name", flat=True)
    datasets = Dataset.objects.filter(pk=frozen.get("output_dataset", 0)).values_list("name", flat=True)
    renamed = {name: label for name, label in frozen.get("label_mapping", {}).items() if name != label}
    return [
        ("filter", filters.first() or "deleted since"),
        ("hard example output", datasets.first() or "deleted since"),
        ("existing training dataset", frozen.get("training_manifest") or "none"),
        *settings_lines(frozen.get("settings", {})),
        *table_rows(renamed, "label of"),
    ]


def failed_page(run: BatchRun, request: HttpRequest) -> dict[str, Any]:
    """One keyset page of what failed, with how often each reason stands among the first of them."""
    rows: QuerySet[RunItem] = run.items.filter(status=ItemStatus.FAILED).order_by("position")
    after, before = position_of(request, "after"), position_of(request, "before")
    if before is not None:
        items = list(rows.filter(position__lt=before).order_by("-position")[: PAGE + 1])
        more_before, more_after = len(items) > PAGE, True
        items = items[:PAGE][::-1]
    else:
        items = list(rows.filter(position__gt=after)[: PAGE + 1] if after is not None else rows[: PAGE + 1])
        more_before, more_after = after is not None, len(items) > PAGE
        items = items[:PAGE]
    reasons = Counter(rows.values_list("error_code", flat=True)[:LOOKED_AT])
    return {
        "items": items,
        "reasons": [(code.replace("_", " "), count) for code, count in reasons.most_common(REASONS_SHOWN)],
        "looked_at": LOOKED_AT if run.failed > LOOKED_AT else 0,
        "previous": f"?tab=failed&before={items[0].position}" if items and more_before else "",
        "next": f"?tab=failed&after={items[-1].position}" if items and more_after else "",
    }


def predictions_page(run: BatchRun, request: HttpRequest) -> dict[str, Any]:
    """One page of the grid of predictions."""
    asked = {name: str(request.GET[name]) for name in ("sort", "label", "after", "before") if name in request.GET}
    shown = browse(run, asked)
    kept = {"tab": "predictions"} | ({"label": asked["label"]} if "label" in asked else {})
    orders = [
        (words, "?" + urlencode(kept | {"sort": name}), name == shown.order)
        for name, words in ORDERS.items()
        if name != "coefficient" or mining_of(run) is not None
    ]
    return {
        "cards": shown.cards,
        "orders": orders,
        "order": shown.order,
        "detects": run.profile.get("task") == Task.OBJECT_DETECTION,
        "label": asked.get("label"),
        "previous": shown.previous,
        "next": shown.following,
    }


def input_page(admin: ModelAdmin, request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """One input of a run: the image with what was predicted, and why it is hard."""
    run = found(admin, request, pk)
    if not admin.has_view_permission(request):
        raise PermissionDenied
    shown = cards(run, [position], mining_of(run))
    if not shown or shown[0].item.status != ItemStatus.DONE:
        raise Http404("This run has no such prediction.")
    card = shown[0]
    return page(
        admin,
        request,
        "admin/batchservices/run_input.html",
        original=run,
        title=card.item.name,
        card=card,
        prediction=json.dumps(card.item.prediction, indent=1, ensure_ascii=False),
        mining=mining_of(run),
        back=f"{page_of_run(run.pk)}?tab=predictions",
    )


def position_of(request: HttpRequest, name: str) -> int | None:
    """A position in the address, or None where there is none that makes sense."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def run_progress(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """What progress.js asks for while a run is active."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    progress = of_run(found(admin, request, pk))
    return JsonResponse({"active": progress.active, "share": progress.share, "words": progress.words})


def stop_run(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Stop button of a run."""
    if not request.user.has_perm("batchservices.start_batchservice"):
        raise PermissionDenied
    run = found(admin, request, pk)
    try:
        running.stop(run=run, by=actor(request))
        messages.success(request, f"{run} was told to stop. What was predicted stays.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_run(run.pk))


def retry_run(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The button that tries again what has no prediction."""
    if not request.user.has_perm("batchservices.start_batchservice"):
        raise PermissionDenied
    run = found(admin, request, pk)
    try:
        running.retry(run=run, by=actor(request))
        messages.success(request, f"{run} goes on with what has no prediction yet.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_run(run.pk))
