"""The admin of labeling jobs: the list that leads to the grids."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from config.selection import RowsAdmin
from datasets.admin.look import link, progress
from datasets.models import Label, LabelingJob, Status


@admin.register(LabelingJob)
class LabelingJobAdmin(RowsAdmin):
    """Jobs: each dataset has its default one; jobs of one dataset share its samples."""

    list_display = ("grid", "dataset", "to_be_confirmed", "labeled", "created_by", "created_at", "edit")
    list_display_links = None
    list_filter = ("dataset",)
    list_select_related = ("dataset", "created_by")
    search_fields = ("name", "dataset__name")
    autocomplete_fields = ("dataset",)
    fields = ("name", "dataset", "labels")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LabelingJob]:
        """With the counters of their datasets."""
        return super().get_queryset(request).prefetch_related("dataset__counts")

    def get_readonly_fields(self, request: HttpRequest, obj: LabelingJob | None = None) -> tuple[str, ...]:
        """A job stays with its dataset."""
        return ("dataset",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: LabelingJob | None = None) -> tuple[str, ...]:
        """Labels can be chosen once the dataset is known."""
        return ("name", "dataset", "labels") if obj else ("name", "dataset")

    def get_form(self, request: HttpRequest, obj: LabelingJob | None = None, **kwargs: Any) -> Any:
        """The labels on offer are those of the job's dataset."""
        form = super().get_form(request, obj, **kwargs)
        if obj and "labels" in form.base_fields:
            form.base_fields["labels"].queryset = Label.objects.filter(dataset=obj.dataset_id)
        return form

    def has_delete_permission(self, request: HttpRequest, obj: LabelingJob | None = None) -> bool:
        """A default job goes with its dataset only."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_default)

    def get_actions(self, request: HttpRequest) -> dict:
        """Jobs are removed one by one: a default one may not."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Whoever makes a job is known."""
        if not change:
            form.instance.created_by = request.user
        super().save_model(request, obj, form, change)

    @admin.display(description="name", ordering="name")
    def grid(self, job: LabelingJob) -> SafeString:
        """The name, which leads to the grid."""
        return link(reverse("labeling:job", args=[job.pk]), job.name)

    @admin.display(description="")
    def edit(self, job: LabelingJob) -> SafeString:
        """To the job's name and labels."""
        return link(reverse("admin:datasets_labelingjob_change", args=[job.pk]), "Edit")

    @admin.display(description="To Be Confirmed")
    def to_be_confirmed(self, job: LabelingJob) -> SafeString:
        """What waits for a person."""
        number = sum(row.count for row in job.dataset.counts.all() if row.status == Status.TO_BE_CONFIRMED)
        return link(f"{reverse('labeling:job', args=[job.pk])}?tab=to_be_confirmed", f"{number:,}")

    @admin.display(description="labeled")
    def labeled(self, job: LabelingJob) -> SafeString:
        """Labeled of all."""
        rows = job.dataset.counts.all()
        return progress(sum(row.count for row in rows if row.status == Status.LABELED), sum(row.count for row in rows))
