"""The first page: what needs people, what runs, what failed; in an empty house, how to begin."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from batchservices.display import (
    grids_of,
    page_of_run,
    page_of_service,
    state_of_collection,
    state_of_model,
    state_of_run,
)
from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
    ModelStatus,
    RunStatus,
)
from batchservices.progress import Progress, of_collection, of_run
from config.figures import ago, dot
from datasets.models import (
    Dataset,
    DatasetRemoval,
    DatasetVersion,
    ImportTask,
    SampleCount,
    Status,
    TaskStatus,
    VersionStatus,
)
from labeling.auto_labeling import page_of as page_of_auto_labeling
from labeling.auto_words import progress_of
from labeling.models import AutoLabelingStatus, AutoLabelingTask, LabelingSimulation
from labeling.simulating import page_of as page_of_simulation
from labeling.simulation_words import progress_of as progress_of_simulation

SHOWN = 12
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class Line:
    """One thing on the page: what it is, where it leads, its state, and what there is to say.

    Attributes:
        name, link: the thing and its page.
        state: its state as a word with a dot.
        words: one sentence; empty where the state says it all.
        progress, address: how far it is and where progress.js asks, for what runs.
        when: how long ago, for what failed.
    """

    name: str
    link: str
    state: SafeString
    words: str = ""
    progress: Progress | None = None
    address: str = ""
    when: SafeString | str = ""


def today(request: HttpRequest) -> dict[str, Any]:
    """What the page shows to this person: nothing that they may not see elsewhere."""
    user = request.user
    waiting = to_be_confirmed() if user.has_perm("datasets.view_dataset") else []
    return {
        "waiting": waiting,
        "waiting_total": sum(count for _, count, _, _ in waiting),
        "lines_running": running(user),
        "lines_failed": failed(user),
        "steps": first_steps(user),
    }


def to_be_confirmed() -> list[tuple[str, int, int, str]]:
    """Datasets with samples that wait for people, most first: name, how many, how many of them hard, the grid."""
    counts = (
        SampleCount.objects.filter(dataset__removed_at=None, status=Status.TO_BE_CONFIRMED, count__gt=0)
        .values("dataset", "dataset__name")
        .annotate(waiting=Sum("count"))
        .order_by("-waiting")[:SHOWN]
    )
    rows = list(counts)
    ids = {row["dataset"] for row in rows}
    hard = dict(
        SampleCount.objects.filter(dataset__in=ids, status=Status.TO_BE_CONFIRMED, hard=True).values_list(
            "dataset", "count"
        )
    )
    grids = grids_of(ids)
    return [
        (row["dataset__name"], row["waiting"], hard.get(row["dataset"], 0), grids.get(row["dataset"], ""))
        for row in rows
    ]


def running(user: User | AnonymousUser) -> list[Line]:
    """Runs, collections, model checks, removals, imports and publishings that go on now."""
    lines: list[Line] = []
    if user.has_perm("batchservices.view_batchrun"):
        runs = BatchRun.objects.filter(status__in=BatchRun.WORKING).select_related("service")
        lines += [
            Line(
                name=run.service.name,
                link=page_of_run(run.pk),
                state=state_of_run(run.status),
                progress=of_run(run),
                address=reverse("admin:batchservices_batchrun_progress", args=[run.pk]),
            )
            for run in runs[:SHOWN]
        ]
    if user.has_perm("batchservices.view_batchservice"):
        tasks = CollectionTask.objects.filter(status__in=CollectionTask.WORKING).select_related("service", "dataset")
        lines += [
            Line(
                name=f"{task.get_kind_display()}: {task.service} into {task.dataset}",
                link=page_of_task(task),
                state=state_of_collection(task),
                progress=of_collection(task),
                address=reverse(
                    "admin:batchservices_batchservice_collection_progress", args=[task.service_id, task.pk]
                ),
            )
            for task in tasks[:SHOWN]
        ]
    if user.has_perm("datasets.view_sample"):
        labeling = AutoLabelingTask.objects.filter(status__in=AutoLabelingTask.WORKING).select_related("dataset")
        lines += [
            Line(
                str(task), page_of_auto_labeling(task), dot(task.get_status_display(), "busy"), progress_of(task).words
            )
            for task in labeling.defer("learned_from")[:SHOWN]
        ]
        simulations = LabelingSimulation.objects.filter(status__in=LabelingSimulation.WORKING)
        lines += [
            Line(
                str(each),
                page_of_simulation(each),
                dot(each.get_status_display(), "busy"),
                progress_of_simulation(each).words,
            )
            for each in simulations.select_related("dataset").defer("learned_from")[:SHOWN]
        ]
    if user.has_perm("batchservices.view_inferencemodel"):
        models = InferenceModel.objects.filter(status=ModelStatus.CHECKING)
        lines += [Line(f"Model {model}", page_of_model(model.pk), state_of_model(model)) for model in models[:SHOWN]]
    if user.has_perm("datasets.view_dataset"):
        removals = DatasetRemoval.objects.filter(status__in=DatasetRemoval.WORKING)
        lines += [
            Line(
                str(removal),
                reverse("admin:datasets_dataset_changelist"),
                dot("Running", "busy"),
                f"{removal.done:,} of {removal.total:,} samples",
            )
            for removal in removals[:SHOWN]
        ]
    if user.has_perm("datasets.view_importtask"):
        imports = ImportTask.objects.filter(status__in=ImportTask.WORKING).select_related("dataset")
        lines += [
            Line(str(task), page_of_import(task.pk), dot(task.get_status_display(), "busy"), words_of_import(task))
            for task in imports[:SHOWN]
        ]
    if user.has_perm("datasets.view_datasetversion"):
        versions = DatasetVersion.objects.filter(status__in=DatasetVersion.WORKING).select_related("dataset")
        lines += [
            Line(str(version), page_of_version(version.pk), dot(version.get_status_display(), "busy"))
            for version in versions[:SHOWN]
        ]
    return lines


def failed(user: User | AnonymousUser) -> list[Line]:
    """What went wrong in the last seven days, newest first, in words."""
    since = timezone.now() - LATELY
    found: list[tuple[Any, Line]] = []

    def add(when: Any, **words: Any) -> None:
        found.append((when, Line(when=ago(when), **words)))

    if user.has_perm("batchservices.view_batchrun"):
        runs = BatchRun.objects.filter(status__in=(RunStatus.FAILED, RunStatus.ALARM)).select_related("service")
        for run in _lately(runs, since):
            link = page_of_run(run.pk)
            words = run.error or f"{run.failed:,} of {run.total:,} images failed."
            add(run.ended, name=str(run), link=link, state=state_of_run(run.status), words=words)
    if user.has_perm("batchservices.view_batchservice"):
        tasks = CollectionTask.objects.filter(status=CollectionStatus.FAILED).select_related("service", "dataset")
        for task in _lately(tasks, since):
            words = task.error or task.words
            add(task.ended, name=str(task), link=page_of_task(task), state=state_of_collection(task), words=words)
    if user.has_perm("datasets.view_sample"):
        labeling = AutoLabelingTask.objects.filter(status=AutoLabelingStatus.FAILED).select_related("dataset")
        for each in _lately(labeling.defer("learned_from"), since):
            state = dot(each.get_status_display(), "bad")
            add(each.ended, name=str(each), link=page_of_auto_labeling(each), state=state, words=each.error)
        simulated = LabelingSimulation.objects.filter(status=AutoLabelingStatus.FAILED).select_related("dataset")
        for simulation in _lately(simulated.defer("learned_from"), since):
            state = dot(simulation.get_status_display(), "bad")
            link = page_of_simulation(simulation)
            add(simulation.ended, name=str(simulation), link=link, state=state, words=simulation.error)
    if user.has_perm("batchservices.view_inferencemodel"):
        for model in _lately(InferenceModel.objects.filter(status=ModelStatus.REFUSED), since):
            link = page_of_model(model.pk)
            add(model.ended, name=f"Model {model}", link=link, state=state_of_model(model), words=model.error)
    if user.has_perm("datasets.view_dataset"):
        datasets = reverse("admin:datasets_dataset_changelist")
        for gone in _lately(DatasetRemoval.objects.filter(status=TaskStatus.FAILED), since):
            add(
                gone.ended, name=str(gone), link=datasets, state=dot(gone.get_status_display(), "bad"), words=gone.error
            )
    if user.has_perm("datasets.view_importtask"):
        for task in _lately(ImportTask.objects.filter(status=TaskStatus.FAILED).select_related("dataset"), since):
            link = page_of_import(task.pk)
            add(task.ended, name=str(task), link=link, state=dot(task.get_status_display(), "bad"), words=task.error)
    if user.has_perm("datasets.view_datasetversion"):
        rows = DatasetVersion.objects.filter(status=VersionStatus.FAILED).select_related("dataset")
        for row in _lately(rows, since):
            link = page_of_version(row.pk)
            add(row.ended, name=str(row), link=link, state=dot(row.get_status_display(), "bad"), words=row.error)
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [line for _, line in found[:SHOWN]]


def first_steps(user: User | AnonymousUser) -> list[tuple[str, str, str, bool]]:
    """How to begin: title, why, where, whether it is done; nothing once there is a service."""
    if BatchService.objects.exists():
        return []
    ready = InferenceModel.objects.filter(status=ModelStatus.READY).exists()
    steps = [
        (
            "datasets.add_dataset",
            "Create a dataset",
            "It holds images and labels; the hard examples arrive in one.",
            "admin:datasets_dataset_add",
            Dataset.objects.exists(),
        ),
        (
            "batchservices.add_inferencemodel",
            "Register a model",
            "An ONNX file with its class names. It is tried before it is used.",
            "admin:batchservices_inferencemodel_add",
            ready,
        ),
        (
            "batchservices.add_batchservice",
            "Deploy a batch service",
            "The model, an input path and an output path; switch on hard example filtering.",
            "admin:batchservices_batchservice_add",
            False,
        ),
    ]
    return [
        (title, why, reverse(where), done) for permission, title, why, where, done in steps if user.has_perm(permission)
    ]


def page_of_task(task: CollectionTask) -> str:
    return f"{page_of_service(task.service_id, 'sample')}#task-{task.pk}"


def page_of_model(pk: int) -> str:
    return reverse("admin:batchservices_inferencemodel_change", args=[pk])


def page_of_import(pk: int) -> str:
    return reverse("admin:datasets_importtask_change", args=[pk])


def page_of_version(pk: int) -> str:
    return reverse("admin:datasets_datasetversion_change", args=[pk])


def words_of_import(task: ImportTask) -> str:
    """How far an import is."""
    return f"{task.cursor:,} of {task.total:,}" if task.total else f"{task.cursor:,} so far"


def _lately(rows: Any, since: Any) -> Any:
    return rows.annotate(ended=Coalesce("finished_at", "created_at")).filter(ended__gte=since).order_by("-pk")[:SHOWN]
