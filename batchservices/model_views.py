"""The pages of models: *Register model*, what a model is, its dry run with the drawn results, Try again and Accept."""

import hashlib
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from batchservices import registration
from batchservices.display import page_of_model, state_of_model
from batchservices.drawing import drawn
from batchservices.elsewhere import register_elsewhere
from batchservices.forms import show_refusal
from batchservices.model_figures import comparison, use_of
from batchservices.model_forms import ElsewhereForm, RegisterModelForm
from batchservices.model_words import profile_lines, shape_words
from batchservices.models import BatchRun, InferenceModel, ModelSample, ModelStatus
from batchservices.pages import form_page, found, page
from batchservices.profile_form import ProfileForm, field_of
from config.refusals import Refused
from datasets.media import guarded
from datasets.pages import actor

SHOWN = 20
"""Versions, services and runs on a model's page."""
CLASSES_SHOWN = 200
OPEN = (ModelStatus.TRIED, ModelStatus.REFUSED)
"""Status in which the profile of a model may change."""


def register(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """*Register model*: the file goes to the verb as a stream and is looked into by the sandbox alone."""
    form = RegisterModelForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        answers = form.cleaned_data
        try:
            model = registration.register_model(
                name=answers["name"],
                data=answers["file"],
                location=answers["location"],
                class_names=answers["names"],
                sample_images=form.chosen(),
                at_once=False,
                by=actor(request),
            )
        except Refused as refused:
            show_refusal(form, refused)
        else:
            admin.log_addition(request, model, f"Registered {model}.")
            return HttpResponseRedirect(page_of_model(model.pk))
    return page(admin, request, "admin/batchservices/model_register.html", form=form, title="Register model")


def elsewhere(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """*Register a model that runs elsewhere*."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    form = ElsewhereForm(request.POST or None)

    def verb(answers: dict[str, Any]) -> str:
        model = register_elsewhere(**answers, by=actor(request))
        admin.log_addition(request, model, f"Registered {model}, which runs elsewhere.")
        return page_of_model(model.pk)

    return form_page(
        admin,
        request,
        form,
        verb,
        title="Register a model that runs elsewhere",
        sentence="No file comes here. A batch service takes in what the other system has predicted, and filters it.",
        button="Register",
    )


def model_page(admin: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """A model: what it is, what it said when it was tried, who uses it; until it is accepted, its profile's form."""
    model: InferenceModel = found(admin, request, object_id)
    form = ProfileForm(model=model) if _may_try(request, model) else None
    return _page(admin, request, model, form)


def try_model(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*Try again*: the changed profile, and other images where some are chosen, on the same file."""
    model: InferenceModel = found(admin, request, pk)
    if not request.user.has_perm("batchservices.add_inferencemodel"):
        raise PermissionDenied
    if not _may_try(request, model):
        messages.error(request, f"{model} is {model.get_status_display().lower()}; its profile cannot change now.")
        return HttpResponseRedirect(page_of_model(model.pk))
    form = ProfileForm(request.POST, request.FILES, model=model)
    if form.is_valid():
        try:
            chosen = form.chosen()
            registration.try_again(model=model, profile=form.profile(), sample_images=chosen or None, by=actor(request))
            admin.log_change(request, model, "Tried again.")
            return HttpResponseRedirect(page_of_model(model.pk))
        except Refused as refused:
            field = field_of(refused)
            form.add_error(field if field in form.fields else None, refused.message)
    return _page(admin, request, model, form)


def accept_model(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*Accept*: from now on the model can be deployed."""
    model: InferenceModel = found(admin, request, pk)
    if not request.user.has_perm("batchservices.accept_inferencemodel"):
        raise PermissionDenied
    try:
        registration.accept(model=model, by=actor(request))
        admin.log_change(request, model, "Accepted.")
        messages.success(request, f"{model} is ready. Deploy it to predict the images of a folder.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_model(model.pk))


def new_version(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """*New version*: the same file, for another profile."""
    model: InferenceModel = found(admin, request, pk)
    if not request.user.has_perm("batchservices.add_inferencemodel"):
        raise PermissionDenied
    try:
        made = registration.new_version(model=model, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(page_of_model(model.pk))
    admin.log_addition(request, made, f"Registered {made} from the file of {model}.")
    return HttpResponseRedirect(page_of_model(made.pk))


def model_progress(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """What progress.js asks for while a worker has the model."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    return JsonResponse(_progress(found(admin, request, pk)))


def picture(admin: ModelAdmin, request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """The small picture of an image that a model was tried on, as the sandbox made it."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    sample = ModelSample.objects.filter(model=pk, position=position).first()
    if sample is None or sample.picture is None:
        raise Http404("There is no such picture.")
    data = bytes(sample.picture)
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    if tag in request.headers.get("If-None-Match", ""):
        return guarded(HttpResponseNotModified(), tag)
    return guarded(HttpResponse(data, content_type="image/jpeg"), tag)


def _page(admin: ModelAdmin, request: HttpRequest, model: InferenceModel, form: ProfileForm | None) -> HttpResponse:
    inspection = model.report.get("inspection", {})
    versions = InferenceModel.objects.filter(name=model.name).order_by("-version")
    before = versions.filter(version__lt=model.version, status=ModelStatus.READY).first()
    same = InferenceModel.objects.exclude(sha256="").filter(sha256=model.sha256).exclude(pk=model.pk)
    seen = _samples(model)
    user = request.user
    return page(
        admin,
        request,
        "admin/batchservices/model.html",
        original=model,
        title=str(model),
        state=state_of_model(model),
        progress=_progress(model),
        form=form,
        samples=seen,
        looked_at=any(said for _, _, said in seen),
        profile=profile_lines(model.profile),
        ports=[
            (noun, port["name"], shape_words(port))
            for noun in ("input", "output")
            for port in inspection.get(f"{noun}s", [])
        ],
        inspection=inspection,
        trial=model.report.get("dry_run", {}),
        class_names=model.class_names[:CLASSES_SHOWN],
        use=use_of(model).words if model.status == ModelStatus.READY else [],
        versions=versions[:SHOWN],
        before=before,
        compared=comparison(model, before) if before and model.report.get("dry_run") else [],
        same=same[:SHOWN],
        services=model.services.all()[:SHOWN],
        runs=BatchRun.objects.filter(model=model).select_related("service")[:SHOWN],
        may_try=_may_try(request, model),
        may_register=user.has_perm("batchservices.add_inferencemodel"),
        may_accept=model.status == ModelStatus.TRIED and user.has_perm("batchservices.accept_inferencemodel"),
        may_delete=admin.has_delete_permission(request, model),
        may_deploy=model.status == ModelStatus.READY and user.has_perm("batchservices.add_batchservice"),
    )


def _samples(model: InferenceModel) -> list[tuple[ModelSample, str, Any]]:
    """The images that a model was tried on, the address of each picture, and what is drawn over it."""
    names = ("pk", "position", "name", "width", "height", "prediction", "seconds", "error", "model_id")
    rows = []
    tried = int(model.finished_at.timestamp()) if model.finished_at else 0
    for sample in model.samples.only(*names):
        address = reverse("admin:batchservices_inferencemodel_picture", args=[model.pk, sample.position])
        said = drawn(sample.prediction, sample.width or 1, sample.height or 1) if sample.prediction else None
        rows.append((sample, f"{address}?{sample.pk}-{tried}", said))
    return rows


def _progress(model: InferenceModel) -> dict[str, Any]:
    """How far a worker is with a model."""
    active = model.status == ModelStatus.CHECKING
    done = model.samples.exclude(prediction=None, error="").count()
    total = model.samples.count()
    if not active:
        words = model.get_status_display()
    elif model.waits_for:
        words = f"Waiting: {model.waits_for}"
    elif not model.lease_token:
        words = "Waiting for a worker."
    elif not model.sha256:
        words = "Fetching the file."
    elif not model.profile:
        words = "Reading the graph."
    else:
        words = f"Trying it on sample images: {done} of {total}." if total else "Trying it on a gray picture."
    return {"active": active, "share": None, "words": words}


def _may_try(request: HttpRequest, model: InferenceModel) -> bool:
    return (
        model.status in OPEN
        and bool(model.report.get("inspection"))
        and request.user.has_perm("batchservices.add_inferencemodel")
    )
