"""The change list of samples. Their own pages are those of labeling."""

from typing import cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from datasets.admin.look import ReadOnlyAdmin, link, state
from datasets.models import Sample

COUNT_CAP = 10_000


class CappedPaginator(Paginator):
    """Counts to a cap: a list of a million samples opens as fast as one of a thousand. Filters find the rest."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, `COUNT_CAP` at most."""
        rows = cast(QuerySet[Sample], self.object_list)
        return rows.order_by()[:COUNT_CAP].count()


@admin.register(Sample)
class SampleAdmin(ReadOnlyAdmin):
    """Samples of all datasets, with the verbs of hardness as actions."""

    list_display = ("picture", "name", "dataset", "state", "hardness", "hard_coefficient", "predicted_label", "review")
    list_display_links = ("name",)
    list_filter = ("dataset", "status", "hard")
    list_select_related = ("dataset",)
    list_per_page = 50
    search_fields = ("name",)
    show_full_result_count = False
    paginator = CappedPaginator
    fields = (
        ("name", "dataset", "picture"),
        ("state", "hardness", "hard_coefficient"),
        ("predicted_label", "confidence"),
        ("source", "origin", "usage"),
        ("confirmed_by", "confirmed_at", "created_at"),
        "review",
    )
    readonly_fields = ("picture", "state", "hardness", "review")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sample]:
        """With the job whose page shows a sample."""
        return super().get_queryset(request).prefetch_related("dataset__labeling_jobs")

    @admin.display(description="")
    def picture(self, sample: Sample) -> SafeString:
        """The thumbnail."""
        address = reverse("media:thumbnail", args=[sample.pk])
        return format_html('<img class="hm-thumb" src="{}" alt="" width="48" height="48" loading="lazy">', address)

    @admin.display(description="status", ordering="status")
    def state(self, sample: Sample) -> SafeString:
        """The status with its dot."""
        return state(sample.status, sample.get_status_display())

    @admin.display(description="hard", ordering="hard")
    def hardness(self, sample: Sample) -> SafeString | str:
        """The mark of a hard example."""
        if not sample.hard:
            return "-"
        return format_html('<span class="hm-hard hm-inline"><i></i>{}</span>', "Hard example")

    @admin.display(description="review")
    def review(self, sample: Sample) -> SafeString:
        """To the sample's page."""
        job = next(job for job in sample.dataset.labeling_jobs.all() if job.is_default)
        return link(reverse("labeling:sample", args=[job.pk, sample.pk]), "Open")
