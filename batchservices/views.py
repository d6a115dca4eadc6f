"""The pages of batch services: they read, and what they do is one verb each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from batchservices import deployment
from batchservices.display import (
    grids_of,
    outlook_state,
    page_of_collection,
    page_of_run,
    page_of_service,
    state_of_collection,
    state_of_run,
)
from batchservices.mapping import MappingTable, mapping_said, mapping_table
from batchservices.models import ACTIVE_RUN, BatchService, InferenceModel
from batchservices.pages import form_page, found, page
from batchservices.progress import of_collection, of_run
from batchservices.schedules import next_words
from batchservices.service_forms import DeployForm, FilteringForm, SettingsForm, filtering_of, settings_of
from batchservices.words import outlook
from config.refusals import Refused
from datasets.models import Dataset
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
    initial = first_choices(request)
    form = DeployForm(request.POST or None, initial=initial)
    model = row_of(InferenceModel, request.POST.get("model", "")) or initial["model"]

    def verb(answers: dict[str, Any]) -> str:
        chosen = {name: answers[name] for name in SettingsForm.base_fields}
        if answers["filtering"] or answers["dataset"] or answers["new_dataset"]:
            check_choice(answers, answers["model"], by=actor(request))
            chosen |= filtering_chosen(answers, request)
        with form_names():
            service = deployment.deploy(**chosen, by=actor(request))
        admin.log_addition(request, service, f"Deployed {service}.")
        messages.success(request, f"{service} is deployed. Start it when its input is there.")
        return page_of_service(service.pk)

    return form_page(
        admin,
        request,
        form,
        verb,
        title="Deploy a batch service",
        button="Deploy",
        **mapping_of(request, model, None, {}),
    )


def first_choices(request: HttpRequest) -> dict[str, Any]:
    """What the deploy form shows at first: the model that a link named, and the first filter."""
    model = row_of(InferenceModel, request.GET.get("model", ""))
    return {"model": model, "labeling_type": model.task if model else "", "filter": HardExampleFilter.objects.first()}


def row_of[Row: (InferenceModel, Dataset)](model: type[Row], text: str) -> Row | None:
    """The row that a form or an address names by its number; None where there is none."""
    numbers = [text] if text.isascii() and text.isdecimal() and len(text) < 19 else []
    return model._default_manager.filter(pk__in=numbers).first()


def filtering_chosen(answers: dict[str, Any], request: HttpRequest, model: InferenceModel | None = None) -> dict:
    """What a `FilteringForm` and its table of classes say, by the verb's names."""
    return {
        "filtering": answers["filtering"],
        "filter": answers["filter"],
        "training_manifest": answers["training_manifest"],
        "output_dataset": answers["dataset"],
        "output_dataset_name": answers["new_dataset"],
        "label_mapping": mapping_said(request.POST, model or answers["model"]),
    }


def mapping_of(
    request: HttpRequest, model: InferenceModel | None, dataset: Dataset | None, kept: dict[str, str]
) -> dict[str, MappingTable | bool | None]:
    """The table of classes and labels that a form shows: of what it names, or else of what is kept."""
    named = row_of(Dataset, request.POST.get("dataset", "")) if request.method == "POST" else dataset
    if model is None or named is None or named.task != model.task:
        return {"maps": True, "mapping": None}
    said = mapping_said(request.POST, model) if request.method == "POST" else kept
    return {"maps": True, "mapping": mapping_table(model, named, said)}


def mapping(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """The table for a model and a dataset, for the form whose choices have just been changed."""
    if not (admin.has_add_permission(request) or admin.has_change_permission(request)):
        raise PermissionDenied
    model = row_of(InferenceModel, request.GET.get("model", ""))
    dataset = row_of(Dataset, request.GET.get("dataset", ""))
    fits = model is not None and dataset is not None and model.task == dataset.task
    table = mapping_table(model, dataset, {}) if fits and model and dataset else None
    return page(admin, request, "admin/batchservices/mapping.html", mapping=table)


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
    """The pencil at the details: name, description, model, input, output and limits; and a label for each class of
    another model that the output dataset of the filter has no label for."""
    service = editable(admin, request, pk)
    form = SettingsForm(request.POST or None, initial=settings_of(service))

    def verb(answers: dict[str, Any]) -> str:
        said = mapping_said(request.POST, answers["model"])
        deployment.change(service=service, **answers, label_mapping=said, by=actor(request))
        admin.log_change(request, service, "Changed its settings.")
        return page_of_service(service.pk)

    table = mapping_of_another(request, service)
    return form_page(
        admin,
        request,
        form,
        verb,
        original=service,
        title=f"Settings of {service}",
        button="Save",
        maps=table is not None,
        mapping=table,
    )


def mapping_of_another(request: HttpRequest, service: BatchService) -> MappingTable | None:
    """The table of the model that a service is to get; None where all its classes have a label, or need none."""
    model, dataset = row_of(InferenceModel, request.POST.get("model", "")), service.output_dataset
    if not service.filtering or model is None or dataset is None or model.task != dataset.task:
        return None
    said = mapping_said(request.POST, model)
    table = mapping_table(model, dataset, {**service.label_mapping, **said})
    return table if table.unmapped or said else None


def change_filtering(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The pencil at *Hard Example Filtering*."""
    service = editable(admin, request, pk)
    form = FilteringForm(request.POST or None, initial=filtering_of(service))

    def verb(answers: dict[str, Any]) -> str:
        check_choice(answers, service.model, by=actor(request))
        with form_names():
            chosen = filtering_chosen(answers, request, service.model)
            deployment.configure_filtering(service=service, **chosen, by=actor(request))
        admin.log_change(request, service, "Changed its hard example filtering.")
        return page_of_service(service.pk, "sample")

    return form_page(
        admin,
        request,
        form,
        verb,
        original=service,
        title=f"Hard Example Filtering of {service}",
        button="Save",
        mapped_model=service.model_id,
        **mapping_of(request, service.model, service.output_dataset, service.label_mapping),
    )


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
    if tab == "details":
        context["next_starts"] = next_words(service)
        context["renamed"] = [(name, label) for name, label in service.label_mapping.items() if name != label]
        if service.output_dataset_id:
            context["output_grid"] = grids_of({service.output_dataset_id})[service.output_dataset_id]
    elif tab == "runs":
        runs = service.runs.select_related("model", "started_by")[:RUNS_SHOWN]
        context["runs"] = [(run, state_of_run(run.status), of_run(run), page_of_run(run.pk)) for run in runs]
    elif tab == "predictions":
        context["predicted"] = service.runs.filter(done__gt=0).first()
    elif tab == "sample":
        context |= sample_tab(service, last)
    return page(admin, request, "admin/batchservices/service.html", **context)


def sample_tab(service: BatchService, last: Any) -> dict[str, Any]:
    """What was collected from a service, and in words what would happen or why nothing did."""
    tasks = list(service.collection_tasks.select_related("dataset", "mining", "run")[:TASKS_SHOWN])
    grids = grids_of({task.dataset_id for task in tasks})
    expected = outlook(service)
    return {
        "outlook": expected,
        "outlook_state": outlook_state(expected),
        "listed": last.total if last is not None and last.input_location == service.input_location else 0,
        "tasks": [
            (
                task,
                state_of_collection(task),
                of_collection(task),
                grids.get(task.dataset_id, ""),
                page_of_collection(task),
            )
            for task in tasks
        ],
    }
