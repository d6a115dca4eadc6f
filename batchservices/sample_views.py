"""The Sample tab's verbs, *Synchronize Data to Dataset* and filtering at once, and the page of a collection task."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from batchservices import collection
from batchservices.display import grids_of, page_of_service, state_of_collection
from batchservices.filtering_again import filter_run
from batchservices.models import CollectionTask
from batchservices.pages import form_page, found, page
from batchservices.progress import of_collection
from batchservices.run_views import filtering_rows
from batchservices.service_forms import DatasetChoiceForm, SynchronizeForm
from batchservices.views import check_choice, form_names
from config.refusals import Refused
from datasets.pages import actor


def synchronize(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*Synchronize Data to Dataset* of one service."""
    check_may(request)
    service = found(admin, request, pk)
    form: DatasetChoiceForm = SynchronizeForm(request.POST or None, initial={"labeling_type": service.model.task})

    def verb(answers: dict[str, Any]) -> str:
        task = collect(service, answers, by=actor(request))
        messages.success(request, f"The inputs of {service} are going into {task.dataset}, unlabeled.")
        return page_of_service(service.pk, "sample")

    return form_page(
        admin,
        request,
        form,
        verb,
        original=service,
        title="Synchronize Data to Dataset",
        sentence=f"Copies the images of {service.input_location} into a dataset, without filtering. "
        "They arrive unlabeled; what is there already stays as it is.",
        button="Synchronize",
    )


def check_may(request: HttpRequest) -> None:
    """Raises PermissionDenied for those who may not bring images into datasets."""
    if not request.user.has_perm("batchservices.synchronize_batchservice"):
        raise PermissionDenied


def collect(service: Any, answers: dict[str, Any], *, by: Any) -> CollectionTask:
    """Synchronizes a service with the dataset that a `SynchronizeForm` names. Raises Refused."""
    check_choice(answers, service.model, by=by)
    with form_names():
        return collection.synchronize(
            service=service, dataset=answers["dataset"], dataset_name=answers["new_dataset"], by=by
        )


def filter_now(admin: ModelAdmin, request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """The button that filters a run which has ended, from its kept predictions."""
    check_may(request)
    service = found(admin, request, pk)
    try:
        run = service.runs.filter(pk=run_id).first()
        if run is None:
            raise Refused("not_found", "This service has no such run.", status=404)
        task = filter_run(run=run, by=actor(request))
        messages.success(request, f"{run} is being filtered into {task.dataset}, from its kept predictions.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_service(service.pk, "sample"))


def task_page(admin: ModelAdmin, request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """One collection task: its settings, what came of it, which images are missing and why."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    task = task_of(pk, task_id)
    frozen = task.filter_settings or {}
    return page(
        admin,
        request,
        "admin/batchservices/task.html",
        original=task,
        title=f"{task.get_kind_display()}, task {task.pk}",
        state=state_of_collection(task),
        progress=of_collection(task),
        grid=grids_of({task.dataset_id}).get(task.dataset_id, ""),
        service_page=page_of_service(task.service_id, "sample"),
        problems=task.error.splitlines(),
        settings=filtering_rows(frozen) if frozen else [],
        may_stop=request.user.has_perm("batchservices.synchronize_batchservice"),
    )


def task_of(service: int, task_id: int) -> CollectionTask:
    """The task that an address names. Raises Http404."""
    tasks = CollectionTask.objects.select_related("service", "dataset", "run", "mining", "created_by")
    task = tasks.filter(service=service, pk=task_id).first()
    if task is None:
        raise Http404("There is no such task.")
    return task


def stop_collection(admin: ModelAdmin, request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """The Stop button of a collection task."""
    check_may(request)
    task = task_of(pk, task_id)
    try:
        collection.stop(task=task, by=actor(request))
        messages.success(request, "The task was told to stop. What is in the dataset stays there.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_service(pk, "sample"))


def collection_progress(admin: ModelAdmin, request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """What progress.js asks for while a collection task is active."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    progress = of_collection(task_of(pk, task_id))
    return JsonResponse({"active": progress.active, "share": progress.share, "words": progress.words})
