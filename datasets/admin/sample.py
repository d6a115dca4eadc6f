"""The change list of samples. Their own pages are those of labeling."""

from typing import cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.confirmation import confirmation_page, confirmed
from config.refusals import Refused
from datasets import transfer
from datasets.admin.look import ReadOnlyAdmin, link, state
from datasets.bulk_review import mark_hard, unmark_hard
from datasets.forms import TargetForm
from datasets.models import Dataset, Sample
from datasets.pages import actor

COUNT_CAP = 10_000
REST = "Status, labels and boxes stay as they are."


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

    list_display = ("picture", "name", "dataset", "state", "hardness", "coefficient", "predicted_label", "review")
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
    actions = ("confirm_hard_example", "unmark", "add_to_dataset")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sample]:
        """With the job whose page shows a sample."""
        removed = list(Dataset.everything.exclude(removed_at=None).values_list("pk", flat=True))
        rows = super().get_queryset(request).exclude(dataset__in=removed)
        return rows.prefetch_related("dataset__labeling_jobs")

    def has_mark_hard_permission(self, request: HttpRequest) -> bool:
        """Who may confirm and unmark hard examples."""
        return request.user.has_perm("datasets.mark_hard_sample")

    def has_add_to_dataset_permission(self, request: HttpRequest) -> bool:
        """Who may add samples to another dataset."""
        return request.user.has_perm("datasets.add_to_dataset")

    @admin.action(description="Batch Process Hard Examples > Confirm Hard Example", permissions=["mark_hard"])
    def confirm_hard_example(self, request: HttpRequest, queryset: QuerySet[Sample]) -> HttpResponse | None:
        """Hard, because a person says so; nothing else changes."""
        if confirmed(request) is None:
            return confirmation_page(
                self,
                request,
                queryset,
                action="confirm_hard_example",
                title="Confirm Hard Example",
                sentence=f"{_samples(queryset)} to be confirmed as hard. {REST}",
                button="Confirm Hard Example",
            )
        changed = mark_hard(samples=queryset, by=actor(request))
        messages.success(
            request, f"{changed.changed:,} confirmed as hard examples, {changed.passed_over:,} were already."
        )
        return None

    @admin.action(description="Batch Process Hard Examples > Unmark", permissions=["mark_hard"])
    def unmark(self, request: HttpRequest, queryset: QuerySet[Sample]) -> HttpResponse | None:
        """Not hard, because a person says so; nothing else changes."""
        if confirmed(request) is None:
            return confirmation_page(
                self,
                request,
                queryset,
                action="unmark",
                title="Unmark",
                sentence=f"{_samples(queryset)} to be unmarked as hard. {REST}",
                button="Unmark",
            )
        changed = unmark_hard(samples=queryset, by=actor(request))
        messages.success(request, f"{changed.changed:,} unmarked, {changed.passed_over:,} were not hard.")
        return None

    @admin.action(description="Add to dataset", permissions=["add_to_dataset"])
    def add_to_dataset(self, request: HttpRequest, queryset: QuerySet[Sample]) -> HttpResponse | None:
        """The labeled ones join another dataset."""
        form = confirmed(request, TargetForm)
        if form is None:
            return confirmation_page(
                self,
                request,
                queryset,
                action="add_to_dataset",
                title="Add to dataset",
                sentence=f"{_samples(queryset)} chosen. Those that are Labeled are copied with labels and hardness.",
                button="Add",
                form_class=TargetForm,
            )
        target = form.cleaned_data["target"]
        try:
            result = transfer.add_to_dataset(samples=queryset, target=target, by=actor(request))
        except Refused as refused:
            messages.error(request, refused.message)
            return None
        messages.success(
            request,
            f"{result.added + result.updated:,} added to {target}, {result.already_there:,} there already, "
            f"{result.passed_over:,} passed over because they are not Labeled.",
        )
        return None

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

    @admin.display(description="coefficient", ordering="hard_coefficient")
    def coefficient(self, sample: Sample) -> str:
        """The hard coefficient, short."""
        return f"{sample.hard_coefficient:.3f}"

    @admin.display(description="review")
    def review(self, sample: Sample) -> SafeString:
        """To the sample's page."""
        job = next(job for job in sample.dataset.labeling_jobs.all() if job.is_default)
        return link(reverse("labeling:sample", args=[job.pk, sample.pk]), "Open")


def _samples(rows: QuerySet[Sample]) -> str:
    number = rows.count()
    return f"{number:,} sample{'' if number == 1 else 's'}"
