"""The admin of labeling jobs: the list that leads to the grids."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.selection import RowsAdmin
from datasets.admin.look import link, progress
from datasets.models import Dataset, Label, LabelingJob, Status
from datasets.pages import actor


class CreatedByFilter(admin.SimpleListFilter):
    """ModelArts' My Creations: the jobs that the person who looks has made."""

    title = "created by"
    parameter_name = "creations"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Iterable[tuple[str, str]]:
        """One choice beside all."""
        return [("my", "My Creations")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LabelingJob]) -> QuerySet[LabelingJob]:
        """All jobs, or one's own."""
        return queryset.filter(created_by=actor(request)) if self.value() == "my" else queryset


@admin.register(LabelingJob)
class LabelingJobAdmin(RowsAdmin):
    """Jobs: each dataset has its default one; jobs of one dataset share its samples."""

    list_display = ("grid", "dataset", "to_be_confirmed", "labeled", "created_by", "created_at", "edit")
    list_display_links = None
    list_filter = (CreatedByFilter, "dataset")
    list_select_related = ("dataset", "created_by")
    search_fields = ("name", "dataset__name")

    class Media:
        js = ("hardmine/job.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LabelingJob]:
        """With the counters of their datasets."""
        return super().get_queryset(request).prefetch_related("dataset__counts")

    def get_readonly_fields(self, request: HttpRequest, obj: LabelingJob | None = None) -> tuple[str, ...]:
        """A job stays with its dataset."""
        return ("dataset",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: LabelingJob | None = None) -> tuple[str, ...]:
        """Labels can be chosen once the dataset is known; `job.js` asks for them as soon as it is chosen."""
        return ("name", "dataset", "labels") if _dataset_of(request, obj) else ("name", "dataset")

    def get_form(
        self, request: HttpRequest, obj: LabelingJob | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """The labels on offer are those of the job's dataset, each with a box to tick."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "labels" in form.base_fields:
            labels: Any = form.base_fields["labels"]
            labels.widget = UnfoldAdminCheckboxSelectMultipleWidget()
            labels.help_text = "None means all labels of the dataset."
            labels.queryset = Label.objects.filter(dataset=_dataset_of(request, obj))
        return form

    def has_delete_permission(self, request: HttpRequest, obj: LabelingJob | None = None) -> bool:
        """A default job goes with its dataset only."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_default)

    def get_actions(self, request: HttpRequest) -> dict:
        """Jobs are removed one by one: a default one may not."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    def save_model(self, request: HttpRequest, obj: LabelingJob, form: forms.ModelForm, change: bool) -> None:
        """Whoever makes a job is known."""
        if not change:
            obj.created_by = actor(request)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: LabelingJob, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the labels where the form had none yet: a browser without scripts takes two steps."""
        if "dataset" in request.GET or not obj.dataset.labels.exists():
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"The labeling job “{obj}” was added. Choose its labels, or leave it with all.")
        return HttpResponseRedirect(reverse("admin:datasets_labelingjob_change", args=[obj.pk]))

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


def _dataset_of(request: HttpRequest, job: LabelingJob | None) -> Dataset | None:
    """The dataset of a job that is there, or the one that the form of a new job names."""
    if job:
        return job.dataset
    chosen = (request.POST or request.GET).get("dataset", "")
    return Dataset.objects.filter(pk=int(chosen)).first() if chosen.isascii() and chosen.isdigit() else None
