"""The dialogs of a dataset's page: import and publish."""

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from config.refusals import Refused
from config.selection import RowsAdmin
from datasets import publishing
from datasets.forms import ImportForm, PublishForm
from datasets.models import Dataset, VersionStatus
from datasets.pages import actor


class DialogsMixin(RowsAdmin):
    """The buttons Import and Publish of a dataset, each with its page."""

    def has_import_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Who may bring samples in."""
        return request.user.has_perm("datasets.import_dataset")

    def has_publish_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Who may publish."""
        return request.user.has_perm("datasets.publish_dataset")

    @action(description="Import", icon="upload", url_path="import", permissions=["import"])
    def import_data(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Images from the browser or from a location."""
        dataset = get_object_or_404(Dataset, pk=object_id)
        form = ImportForm(request.POST or None, request.FILES or None, dataset=dataset)
        if request.method == "POST" and form.is_valid():
            try:
                task = form.start(by=actor(request))
            except Refused as refused:
                say(form, refused)
            else:
                messages.success(request, "The import goes on when you leave this page.")
                return HttpResponseRedirect(reverse("admin:datasets_importtask_change", args=[task.pk]))
        return self._dialog(request, dataset, form, title=f"Import into {dataset}", button="Import")

    @action(description="Publish", icon="publish", url_path="publish", permissions=["publish"])
    def publish(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A version of what is labeled now."""
        dataset = get_object_or_404(Dataset, pk=object_id)
        form = PublishForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            words = form.cleaned_data
            try:
                version = publishing.publish(
                    dataset=dataset,
                    by=actor(request),
                    name=words["name"],
                    description=words["description"],
                    hard_examples=words["hard_examples"],
                    train_ratio=words["train_ratio"],
                )
            except Refused as refused:
                say(form, refused)
            else:
                if version.status == VersionStatus.PUBLISHED:
                    messages.info(request, f"Nothing has changed since {version.name}, so no new version was made.")
                else:
                    messages.success(request, f"{version.name} is being published.")
                return HttpResponseRedirect(reverse("admin:datasets_datasetversion_change", args=[version.pk]))
        return self._dialog(request, dataset, form, title=f"Publish {dataset}", button="Publish")

    def _dialog(
        self, request: HttpRequest, dataset: Dataset, form: Form, *, title: str, button: str
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "button": button,
            "dataset": dataset,
            "form": form,
            "back": reverse("admin:datasets_dataset_change", args=[dataset.pk]),
        }
        return TemplateResponse(request, "admin/datasets/dialog.html", context, status=400 if form.errors else 200)


def say(form: Form, refused: Refused) -> None:
    """What a verb refused, beside the field where that belongs to one."""
    field = str(refused.where.get("field", ""))
    form.add_error(field if field in form.fields else None, refused.message)
