"""The pages of models: *Register model*, and what a model is."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from batchservices import registration
from batchservices.display import state_of_model
from batchservices.elsewhere import register_elsewhere
from batchservices.forms import ElsewhereForm, RegisterModelForm
from batchservices.pages import form_page, found, page
from config.figures import table_rows
from datasets.pages import actor


def register(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """*Register model*: the file goes to the verb as bytes and is looked into by the sandbox alone."""
    form = RegisterModelForm(request.POST or None, request.FILES or None)

    def verb(answers: dict[str, Any]) -> str:
        model = registration.register_model(
            name=answers["name"],
            data=answers["file"].read(),
            profile=answers["profile"],
            class_names=answers["class_names"],
            by=actor(request),
        )
        admin.log_addition(request, model, f"Registered {model}.")
        return reverse("admin:batchservices_inferencemodel_change", args=[model.pk])

    return form_page(
        admin,
        request,
        form,
        verb,
        title="Register model",
        button="Register",
        other_page=reverse("admin:batchservices_inferencemodel_elsewhere"),
        other_words="The model runs on another system",
    )


def elsewhere(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """*Register a model that runs elsewhere*."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    form = ElsewhereForm(request.POST or None)

    def verb(answers: dict[str, Any]) -> str:
        model = register_elsewhere(**answers, by=actor(request))
        admin.log_addition(request, model, f"Registered {model}, which runs elsewhere.")
        return reverse("admin:batchservices_inferencemodel_change", args=[model.pk])

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
    """A model: its profile as a table, what its dry run said, and who uses it."""
    model = found(admin, request, object_id)
    return page(
        admin,
        request,
        "admin/batchservices/model.html",
        original=model,
        title=str(model),
        state=state_of_model(model),
        profile=table_rows(model.profile, leave_out=["class_names"]),
        report=table_rows(model.report, leave_out=["class_names"]),
        services=model.services.all(),
        may_delete=admin.has_delete_permission(request, model),
        may_deploy=request.user.has_perm("batchservices.add_batchservice"),
    )
