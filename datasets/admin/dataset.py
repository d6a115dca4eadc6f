"""The admin of datasets with their labels and jobs."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminColorInputWidget

from config.refusals import Refused
from datasets import creation, holds, removal
from datasets.admin.dialogs import DialogsMixin
from datasets.admin.look import link, manifest, progress, source, state
from datasets.forms import DatasetForm, LabelFormSet, NewDatasetForm
from datasets.models import Dataset, Label, Status
from datasets.pages import actor

LATEST = 5
TABS = (("all", "All"), *Status.choices)


class LabelInline(TabularInline):
    """The labels of a dataset, editable in place."""

    model = Label
    formset = LabelFormSet
    extra = 0
    show_title = False
    fields = ("name", "color", "shortcut")

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        """A color is chosen with the browser's own picker; screen readers hear what each field is."""
        if db_field.name == "color":
            kwargs["widget"] = UnfoldAdminColorInputWidget()
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field:
            field.widget.attrs["aria-label"] = f"Label {db_field.verbose_name}"
        return field


@admin.register(Dataset)
class DatasetAdmin(DialogsMixin):
    """Datasets: made, changed and removed by the verbs of `datasets.creation`."""

    list_display = ("name", "task", "everything", "unlabeled", "to_be_confirmed", "labeled", "hard", "created_at")
    list_filter = ("task",)
    search_fields = ("name",)
    actions_detail = ("start_labeling", "import_data", "publish")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        """With counters and jobs, two queries for all rows."""
        return super().get_queryset(request).prefetch_related("counts", "labeling_jobs")

    def get_form(self, request: HttpRequest, obj: Dataset | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A new dataset also takes label names."""
        return super().get_form(request, obj, change=change, form=DatasetForm if obj else NewDatasetForm, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Dataset | None = None) -> tuple[str, ...]:
        """The task is chosen once."""
        if obj is None:
            return ("name", "task", "description", "label_names")
        return ("name", "task", "description", "samples", "published", "imported")

    def get_readonly_fields(self, request: HttpRequest, obj: Dataset | None = None) -> tuple[str, ...]:
        """The task never changes."""
        return ("task", "samples", "published", "imported") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Dataset | None) -> tuple[type, ...]:
        """Labels are edited once the dataset is there."""
        return (LabelInline,) if obj else ()

    def get_actions(self, request: HttpRequest) -> dict:
        """Datasets are removed one by one, on their own page."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    # --- numbers, each a link to what it counts
    @admin.display(description="all")
    def everything(self, dataset: Dataset) -> SafeString:
        """All samples."""
        return self._number(dataset, tab="all")

    @admin.display(description="unlabeled")
    def unlabeled(self, dataset: Dataset) -> SafeString:
        """Unlabeled samples."""
        return self._number(dataset, tab=Status.UNLABELED)

    @admin.display(description="To Be Confirmed")
    def to_be_confirmed(self, dataset: Dataset) -> SafeString:
        """Samples that wait for a person."""
        return self._number(dataset, tab=Status.TO_BE_CONFIRMED)

    @admin.display(description="labeled")
    def labeled(self, dataset: Dataset) -> SafeString:
        """Labeled samples."""
        return self._number(dataset, tab=Status.LABELED)

    @admin.display(description="hard")
    def hard(self, dataset: Dataset) -> SafeString:
        """Hard samples of any status."""
        return self._number(dataset, tab="all", hard=True)

    def _number(self, dataset: Dataset, *, tab: str, hard: bool = False) -> SafeString:
        rows = [row for row in dataset.counts.all() if (tab in ("all", row.status)) and (row.hard or not hard)]
        address = f"{_grid(dataset)}?tab={tab}{'&hard=yes' if hard else ''}"
        return link(address, f"{sum(row.count for row in rows):,}")

    # --- the facts of a dataset's page
    @admin.display(description="samples")
    def samples(self, dataset: Dataset) -> SafeString:
        """The counters, each with its word."""
        numbers = [(f"{tab} ", self._number(dataset, tab=key)) for key, tab in TABS]
        rows = f"{reverse('admin:datasets_sample_changelist')}?dataset__id__exact={dataset.pk}"
        hard = ("Hard ", self._number(dataset, tab="all", hard=True))
        return format_html_join(" · ", "{}{}", [*numbers, hard, ("", link(rows, "as a list"))])

    @admin.display(description="versions")
    def published(self, dataset: Dataset) -> SafeString | str:
        """The latest versions with their manifests."""
        rows = [
            (
                link(reverse("admin:datasets_datasetversion_change", args=[version.pk]), version.name),
                state(version.status, version.get_status_display()),
                f"{version.sample_count:,} samples, {version.hard_count:,} hard",
                manifest(version),
            )
            for version in dataset.versions.all()[:LATEST]
        ]
        return format_html_join("", '<p class="hm-line">{} {} {} {}</p>', rows) or "Nothing is published yet."

    @admin.display(description="imports")
    def imported(self, dataset: Dataset) -> SafeString | str:
        """The latest imports with their progress."""
        rows = [
            (
                link(reverse("admin:datasets_importtask_change", args=[task.pk]), source(task)),
                state(task.status, task.get_status_display()),
                progress(task.cursor, task.total),
                f"{task.added:,} added, {task.already_there:,} there already, {task.failed:,} refused",
            )
            for task in dataset.import_tasks.all()[:LATEST]
        ]
        return format_html_join("", '<p class="hm-line">{} {} {} {}</p>', rows) or "Nothing was imported yet."

    # --- writing
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        """What a verb refuses is said on the page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            messages.error(request, refused.message)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Dataset, form: ModelForm, change: bool) -> None:
        """A new dataset comes from its verb, whole."""
        if change:
            super().save_model(request, obj, form, change)
            return
        made = creation.create_dataset(
            name=obj.name,
            task=obj.task,
            description=obj.description,
            labels=form.cleaned_data["label_names"],
            by=actor(request),
        )
        obj.pk = made.pk
        obj._state.adding = False

    def get_deleted_objects(self, objs: QuerySet[Dataset], request: HttpRequest) -> tuple:
        """What would go, from the counters, and what stands in the way, in words."""
        datasets = list(objs)
        samples = sum(row.count for dataset in datasets for row in dataset.counts.all())
        obstacles = [f"{dataset}: {hold.words}" for dataset in datasets for hold in holds.standing(dataset)]
        return [str(dataset) for dataset in datasets], {"samples": f"{samples:,}"}, set(), obstacles

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        """What the verb refuses is said on the dataset's page."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as refused:
            messages.error(request, refused.message)
            return HttpResponseRedirect(reverse("admin:datasets_dataset_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: Dataset) -> None:
        """By its verb."""
        removal.delete_dataset(dataset=obj, by=actor(request))

    # --- the buttons of a dataset's page
    @action(description="Start Labeling", icon="sell", variant=ActionVariant.PRIMARY, url_path="start-labeling")
    def start_labeling(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """To the grid of the default labeling job."""
        return HttpResponseRedirect(_grid(get_object_or_404(Dataset, pk=object_id)))


def _grid(dataset: Dataset) -> str:
    """The address of the default labeling job's grid."""
    job = next(job for job in dataset.labeling_jobs.all() if job.is_default)
    return reverse("labeling:job", args=[job.pk])
