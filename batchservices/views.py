"""The pages of batch services: they read, and what they do is one verb each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from batchservices import collection, deployment, running
from batchservices.display import grids_of, page_of_run, page_of_service, state_of_collection, state_of_run
from batchservices.forms import (
    DatasetChoiceForm,
    DeployForm,
    FilteringForm,
    SettingsForm,
    SynchronizeForm,
    filtering_of,
    settings_of,
)
from batchservices.models import ACTIVE_COLLECTION, ACTIVE_RUN, BatchService, CollectionTask, InferenceModel
from batchservices.pages import form_page, found, page
from batchservices.progress import of_collection, of_run
from config.refusals import Refused
from datasets.pages import actor
from hardexamples.models import HardExampleFilter

TABS = {"details": "Details", "runs": "Runs", "predictions": "Predictions", "sample": "Sample"}
RUNS_SHOWN = TASKS_SHOWN = 50


NAMES_ARE_OF_DATASETS = {"name": "new_dataset", "dataset": "dataset", "output_dataset": "dataset"}


def check_choice(answers: dict[str, Any], model: InferenceModel, *, by: Any) -> None:
    """That a `DatasetChoiceForm` fits the model and the person. Raises Refused; the verb checks the dataset."""
    if answers["labeling_type"] != model.task:
        words = f"{model} is a model for {model.get_task_display().lower()}."
        raise Refused("type_mismatch", words, field="labeling_type")
    if answers["new_dataset"] and not by.has_perm("datasets.add_dataset"):
        raise Refused("forbidden", "You may not create datasets; choose an existing one.", field="new_dataset")


def deploy(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """The deploy form: the service and its hard example filtering in one."""
    form = DeployForm(request.POST or None, initial=first_choices(request))

    def verb(answers: dict[str, Any]) -> str:
        chosen = {name: answers[name] for name in SettingsForm.base_fields}
        if answers["filtering"] or answers["dataset"] or answers["new_dataset"]:
            check_choice(answers, answers["model"], by=actor(request))
            chosen |= filtering_chosen(answers)
        with form_names():
            service = deployment.deploy(**chosen, by=actor(request))
        admin.log_addition(request, service, f"Deployed {service}.")
        messages.success(request, f"{service} is deployed. Start it when its input is there.")
        return page_of_service(service.pk)

    return form_page(admin, request, form, verb, title="Deploy a batch service", button="Deploy")


def first_choices(request: HttpRequest) -> dict[str, Any]:
    """What the deploy form shows at first: the model that a link named, and the first filter."""
    model = InferenceModel.objects.filter(
        pk__in=[pk for pk in [request.GET.get("model", "")] if pk.isdecimal() and len(pk) < 19]
    ).first()
    return {"model": model, "labeling_type": model.task if model else "", "filter": HardExampleFilter.objects.first()}


def filtering_chosen(answers: dict[str, Any]) -> dict[str, Any]:
    """What a `FilteringForm` says, by the verb's names."""
    return {
        "filtering": answers["filtering"],
        "filter": answers["filter"],
        "training_manifest": answers["training_manifest"],
        "output_dataset": answers["dataset"],
        "output_dataset_name": answers["new_dataset"],
        "label_mapping": answers["label_mapping"],
    }


@contextmanager
def form_names() -> Iterator[None]:
    """What a verb refuses has the form's name for the field."""
    try:
        yield
    except Refused as refused:
        field = str(refused.where.get("field", ""))
        where = {**refused.where, "field": NAMES_ARE_OF_DATASETS.get(field, field)}
        raise Refused(refused.code, refused.message, status=refused.status, **where) from refused


def change_settings(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The pencil at the details: name, description, model, input and output."""
    service = editable(admin, request, pk)
    form = SettingsForm(request.POST or None, initial=settings_of(service))

    def verb(answers: dict[str, Any]) -> str:
        deployment.change(service=service, **answers, by=actor(request))
        admin.log_change(request, service, "Changed its settings.")
        return page_of_service(service.pk)

    return form_page(admin, request, form, verb, original=service, title=f"Settings of {service}", button="Save")


def change_filtering(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The pencil at *Hard Example Filtering*."""
    service = editable(admin, request, pk)
    form = FilteringForm(request.POST or None, initial=filtering_of(service))

    def verb(answers: dict[str, Any]) -> str:
        check_choice(answers, service.model, by=actor(request))
        with form_names():
            deployment.configure_filtering(service=service, **filtering_chosen(answers), by=actor(request))
        admin.log_change(request, service, "Changed its hard example filtering.")
        return page_of_service(service.pk, "sample")

    title = f"Hard Example Filtering of {service}"
    return form_page(admin, request, form, verb, original=service, title=title, button="Save")


def editable(admin: ModelAdmin, request: HttpRequest, pk: int) -> BatchService:
    """The service, for those who may change it. Raises PermissionDenied or Http404."""
    service = found(admin, request, pk)
    if not admin.has_change_permission(request, service):
        raise PermissionDenied
    return service


def service_page(admin: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """A batch service with its tabs; each tab asks the database for its own things only."""
    service = found(admin, request, object_id)
    tab = request.GET.get("tab", "details")
    tab = tab if tab in TABS else "details"
    last = service.runs.first()
    running_now = last is not None and last.status in ACTIVE_RUN
    context: dict[str, Any] = {
        "original": service,
        "title": service.name,
        "tabs": TABS,
        "tab": tab,
        "last": last,
        "state": state_of_run(last.status if last else None),
        "progress": of_run(last) if last else None,
        "running": running_now,
        "may_start": request.user.has_perm("batchservices.start_batchservice"),
        "may_synchronize": request.user.has_perm("batchservices.synchronize_batchservice"),
        "may_change": admin.has_change_permission(request, service),
        "may_delete": admin.has_delete_permission(request, service),
    }
    if tab == "details" and service.output_dataset_id:
        context["output_grid"] = grids_of({service.output_dataset_id})[service.output_dataset_id]
    elif tab == "runs":
        runs = service.runs.select_related("model", "started_by")[:RUNS_SHOWN]
        context["runs"] = [(run, state_of_run(run.status), of_run(run), page_of_run(run.pk)) for run in runs]
    elif tab == "predictions":
        context["predicted"] = service.runs.filter(done__gt=0).first()
    elif tab == "sample":
        context |= sample_tab(service)
    return page(admin, request, "admin/batchservices/service.html", **context)


def sample_tab(service: BatchService) -> dict[str, Any]:
    """What was collected from a service, and in words what would happen or why nothing did."""
    tasks = list(service.collection_tasks.select_related("dataset", "mining", "run")[:TASKS_SHOWN])
    grids = grids_of({task.dataset_id for task in tasks})
    return {
        "filtering_words": deployment.filtering_words(service),
        "tasks": [
            (task, state_of_collection(task), of_collection(task), grids.get(task.dataset_id, "")) for task in tasks
        ],
        "collecting": any(task.status in ACTIVE_COLLECTION for task in tasks),
    }


def synchronize(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*Synchronize Data to Dataset* of one service."""
    if not request.user.has_perm("batchservices.synchronize_batchservice"):
        raise PermissionDenied
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


def collect(service: BatchService, answers: dict[str, Any], *, by: Any) -> CollectionTask:
    """Synchronizes a service with the dataset that a `SynchronizeForm` names. Raises Refused."""
    check_choice(answers, service.model, by=by)
    with form_names():
        return collection.synchronize(
            service=service, dataset=answers["dataset"], dataset_name=answers["new_dataset"], by=by
        )


def start(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Start button."""
    if not request.user.has_perm("batchservices.start_batchservice"):
        raise PermissionDenied
    service = found(admin, request, pk)
    try:
        run = running.start(service=service, by=actor(request), again=bool(request.POST.get("again")))
        messages.success(request, f"{run} is on its way.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_service(service.pk))


def stop(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Stop button: of the run that is active."""
    if not request.user.has_perm("batchservices.start_batchservice"):
        raise PermissionDenied
    service = found(admin, request, pk)
    run = service.runs.filter(status__in=ACTIVE_RUN).first()
    if run is None:
        messages.info(request, f"{service} is not running.")
        return HttpResponseRedirect(page_of_service(service.pk))
    try:
        running.stop(run=run, by=actor(request))
        messages.success(request, f"{run} was told to stop. What was predicted stays.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_run(run.pk))


def stop_collection(admin: ModelAdmin, request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """The Stop button of a collection task."""
    if not request.user.has_perm("batchservices.synchronize_batchservice"):
        raise PermissionDenied
    service = found(admin, request, pk)
    task = CollectionTask.objects.filter(service=service, pk=task_id).first()
    try:
        if task is None:
            raise Refused("not_found", "There is no such task.", status=404)
        collection.stop(task=task, by=actor(request))
        messages.success(request, "The task was told to stop. What is in the dataset stays there.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_service(service.pk, "sample"))


def collection_progress(admin: ModelAdmin, request: HttpRequest, pk: int, task_id: int) -> HttpResponse:
    """What progress.js asks for while a collection task is active."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    task = CollectionTask.objects.filter(service=pk, pk=task_id).first()
    if task is None:
        return JsonResponse({"message": "There is no such task."}, status=404)
    progress = of_collection(task)
    return JsonResponse({"active": progress.active, "share": progress.share, "words": progress.words})
