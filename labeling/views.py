"""The grid of a labeling job: samples as cards, hardest first, with filters, tabs and what is chosen."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.refusals import Refused
from datasets import attributes, holds, undoing
from datasets.models import (
    AttributeValue,
    Dataset,
    Hold,
    ImportTask,
    Label,
    LabelingJob,
    Origin,
    ReviewEvent,
    Sample,
    Status,
    Task,
)
from datasets.pages import actor, staff_page
from labeling import auto_grouping, auto_labeling, groups, queue, reasons
from labeling.auto_words import Progress, progress_of
from labeling.cards import cards
from labeling.models import AutoLabelingTask, ReviewTaskStatus
from labeling.working import Working, working

MODES = (("only", "Set to"), ("add", "Add"), ("remove", "Remove"))
REASONS_OF = 10_000  # so many samples are looked at for the reasons of the filter panel
TOLD_MINUTES = 15  # how long the page tells what came of a large decision


def labels_of(job: LabelingJob) -> list[Label]:
    """The labels that a job offers: its own, or all of the dataset where it names none."""
    return list(job.labels.all()) or list(job.dataset.labels.all())


@dataclass(frozen=True)
class Filling:
    """Something that brings samples into the dataset at this moment."""

    words: str
    link: str
    done: int
    total: int | None


def job_or_404(job_id: int) -> LabelingJob:
    """The labeling job with its dataset."""
    return get_object_or_404(LabelingJob.objects.select_related("dataset"), pk=job_id)


def filling(dataset: Dataset, standing: Iterable[Hold]) -> list[Filling]:
    """What brings samples into the dataset now: the work that holds it, and imports."""
    held = [
        Filling(hold.words, hold.link, hold.done, hold.total)
        for hold in standing
        if hold.kind not in ("publishing", auto_labeling.HOLD)
    ]
    imports = dataset.import_tasks.filter(status__in=ImportTask.WORKING)
    return held + [
        Filling(
            "An import brings images into it.",
            reverse("admin:datasets_importtask_change", args=[task.pk]),
            task.cursor,
            task.total,
        )
        for task in imports
    ]


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def grid(request: HttpRequest, job_id: int) -> HttpResponse:
    """A tab of the job's samples, page by page."""
    job = job_or_404(job_id)
    dataset = job.dataset
    numbers = queue.counts(dataset)
    mistake = ""
    try:
        wanted, place = queue.read(request.GET)
        if "tab" not in request.GET and numbers[Status.TO_BE_CONFIRMED]:
            wanted = replace(wanted, tab=Status.TO_BE_CONFIRMED.value)
        samples = wanted.folded(dataset).select_related("blob")
        page = queue.page(samples, after=place["after"], before=place["before"], column=wanted.column)
    except Refused as refused:
        wanted, page = queue.Queue(), queue.Page([], "", "")
        mistake = refused.message
    labels = labels_of(job)
    standing = holds.standing(dataset)
    persons = list(people())
    auto_tasks = _auto_tasks(dataset, standing)
    known = attributes.values_of(dataset)
    group = groups.value_of(dataset, wanted.attribute)
    stacks = wanted.stack_sizes(dataset, page.samples)
    context = {
        **admin.site.each_context(request),
        "title": f"Label Data / {job}",
        "is_fullwidth": "1",
        "job": job,
        "dataset": dataset,
        "classification": dataset.task == Task.IMAGE_CLASSIFICATION,
        "queue": wanted,
        "mistake": mistake,
        "page": page,
        "cards": cards(page.samples, stacks=stacks),
        "matching": _matching(wanted, dataset, numbers, page, stacks),
        "token": secrets.token_hex(16),
        "modes": MODES,
        "undoable": _undoable(undoing.last_done(dataset=dataset, by=actor(request))),
        "redoable": _undoable(undoing.last_undone(dataset=dataset, by=actor(request))),
        "tasks": _tasks(dataset, actor(request)),
        "auto_tasks": auto_tasks,
        "labeling_goes_on": any(doing.task.kind != AutoLabelingTask.Kind.AUTO_GROUPING for doing in auto_tasks),
        "group": group,
        "group_task": group and auto_grouping.standing(dataset, group.name),
        "attributes": known,
        "people": persons,
        "orders": [
            (words, replace(wanted, order=key).address(), key == wanted.order) for key, words in queue.ORDERS.items()
        ],
        "ordered": wanted.tab == Status.TO_BE_CONFIRMED and wanted.order != "hardest",
        "sizes": [(size, replace(wanted, size=size).address()) for size in queue.SIZES],
        "back": wanted.address(),
        "following": wanted.address(after=page.following),
        "previous": wanted.address(before=page.previous),
        "tabs": [
            (name, numbers[key], replace(wanted, tab=key).address(), key == wanted.tab)
            for key, name in queue.TABS.items()
        ],
        "chips": _chips(wanted, labels, persons, known),
        "unfiltered": queue.Queue(tab=wanted.tab, size=wanted.size, order=wanted.order).address(),
        "numbers": numbers,
        "labeled": numbers[Status.LABELED],
        "total": numbers["all"],
        "percent": 100 * numbers[Status.LABELED] // max(1, numbers["all"]),
        "labels": labels,
        "targets": Dataset.objects.filter(task=dataset.task).exclude(pk=dataset.pk).order_by("name"),
        "filling": filling(dataset, standing),
        "form": queue.QueueForm(initial=vars(wanted)),
    }
    return TemplateResponse(request, "admin/labeling/grid.html", context, status=400 if mistake else 200)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def filters(request: HttpRequest, job_id: int) -> HttpResponse:
    """The reasons of the filter panel with their numbers among the hardest `REASONS_OF` samples of the tab.

    Fetched when the panel is unfolded: the grid does not wait.
    """
    dataset = job_or_404(job_id).dataset
    try:
        wanted, _ = queue.read(request.GET)
    except Refused as refused:
        return HttpResponse(refused.message, status=400, content_type="text/plain")
    hardest = queue.Queue(tab=wanted.tab).samples(dataset)[:REASONS_OF]
    context = {
        "reasons": reasons.lines(wanted, hardest),
        "hardest": REASONS_OF if queue.counts(dataset)[wanted.tab] > REASONS_OF else None,
    }
    return TemplateResponse(request, "admin/labeling/reasons.html", context)


def people() -> QuerySet[User]:
    """Who has confirmed samples, of whatever dataset: one look into an index for each."""
    return User.objects.filter(Exists(Sample.objects.filter(confirmed_by=OuterRef("pk")))).order_by("username")


def _matching(
    wanted: queue.Queue, dataset: Dataset, numbers: Mapping[str, int], page: queue.Page, stacks: Mapping[str, int]
) -> str:
    """How many samples match, in words; counted up to a bound where neither the counters nor the page say it."""
    if not wanted.filtered:
        return f"{numbers[wanted.tab]:,}"
    if page.previous or page.following:
        found = queue.capped_count(wanted.samples(dataset))
    else:
        found = sum(1 if wanted.stack else stacks.get(sample.stack, 1) for sample in page.samples)
    return f"{found:,}" if found <= queue.COUNT_CAP else f"more than {queue.COUNT_CAP:,}"


def _undoable(event: ReviewEvent | None) -> dict[str, Any] | None:
    """A decision that can be taken back, in words; a whole batch where it was one."""
    if event is None or not event.batch:
        return None
    number = ReviewEvent.objects.filter(batch=event.batch).count()
    what = f"{number:,} samples" if number > 1 else event.sample_name
    return {"words": f"{event.get_verb_display()}: {what}", "batch": event.batch, "at": event.at}


def _tasks(dataset: Dataset, by: User) -> list[Working]:
    """Decisions that a worker is at, and those of the person that ended of late."""
    lately = timezone.now() - timedelta(minutes=TOLD_MINUTES)
    tasks = dataset.review_tasks.defer("chosen")
    return [working(task) for task in tasks.filter(status=ReviewTaskStatus.RUNNING)] + [
        working(task) for task in tasks.filter(created_by=by, finished_at__gte=lately)[:3]
    ]


def _auto_tasks(dataset: Dataset, standing: Iterable[Hold]) -> list[Progress]:
    """Auto labeling at work: each task holds the dataset."""
    if not any(hold.kind == auto_labeling.HOLD for hold in standing):
        return []
    tasks = dataset.auto_labeling_tasks.filter(status__in=AutoLabelingTask.WORKING).defer("learned_from")
    return [progress_of(task) for task in tasks.order_by("id")]


def _chips(
    wanted: queue.Queue,
    labels: Iterable[Label],
    persons: Iterable[User],
    known: Mapping[str, Iterable[AttributeValue]],
) -> list[tuple[str, str]]:
    """The active filters in words, each with the address without it."""
    told = {value.pk: str(value) for values in known.values() for value in values}
    names = {label.pk: label.name for label in labels}
    who = {person.pk: person.username for person in persons}
    words: list[tuple[str, dict[str, str | None]]] = [
        ({"yes": "hard", "no": "not hard"}.get(wanted.hard, ""), {"hard": ""}),
        (
            _range("hard coefficient", wanted.coefficient_from, wanted.coefficient_to),
            {"coefficient_from": None, "coefficient_to": None},
        ),
        (reasons.words_of(wanted.reason) if wanted.reason is not None else "", {"reason": None}),
        (wanted.rule.replace("_", " "), {"rule": ""}),
        (f"label {names.get(wanted.label, 'of another dataset')}" if wanted.label else "", {"label": None}),
        (
            f"without label {names.get(wanted.without, 'of another dataset')}" if wanted.without else "",
            {"without": None},
        ),
        (told.get(wanted.attribute, "an attribute that is gone") if wanted.attribute else "", {"attribute": None}),
        (f"predicted {wanted.predicted}" if wanted.predicted else "", {"predicted": ""}),
        (
            _range("confidence", wanted.confidence_from, wanted.confidence_to),
            {"confidence_from": None, "confidence_to": None},
        ),
        (_range("added", wanted.added_from, wanted.added_to), {"added_from": None, "added_to": None}),
        (f"name has “{wanted.name}”" if wanted.name else "", {"name": ""}),
        (f"labeled by {who.get(wanted.labeled_by, 'nobody here')}" if wanted.labeled_by else "", {"labeled_by": None}),
        (Origin(wanted.origin).label if wanted.origin else "", {"origin": ""}),
        ("one stack" if wanted.stack else "", {"stack": ""}),
    ]
    return [(text, replace(wanted, **without).address()) for text, without in words if text]  # type: ignore[arg-type]


def _range(name: str, low: float | date | None, high: float | date | None) -> str:
    if low is None and high is None:
        return ""
    if low is not None and high is not None:
        return f"{name} {low} to {high}"
    return f"{name} from {low}" if low is not None else f"{name} up to {high}"
