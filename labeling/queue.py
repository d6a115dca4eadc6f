"""The queue of a labeling job: which samples, in which order, page by page.

Hardest first, by the keyset (hard coefficient, id): a page costs the same at a million samples as at a hundred, and
samples that join or leave while somebody turns pages are neither skipped nor shown twice. Numbers on the tabs come
from the counters of the dataset; samples themselves are never counted beyond `COUNT_CAP`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from config.refusals import Refused
from datasets.models import Annotation, Dataset, HardReason, Sample, SampleCount, Status

PAGE_SIZE = 50
COUNT_CAP = 1000
TABS = {
    "all": "All",
    Status.UNLABELED.value: "Unlabeled",
    Status.TO_BE_CONFIRMED.value: "To Be Confirmed",
    Status.LABELED.value: "Labeled",
}
SIZES = ("small", "medium", "large")


class Cursor(forms.CharField):
    """A place in the queue, "0.731:4711": the coefficient and the id of the sample that stands there."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=60)

    def clean(self, value: str) -> tuple[float, int] | None:
        text = super().clean(value)
        if not text:
            return None
        coefficient, _, identity = text.partition(":")
        try:
            place = float(coefficient), int(identity)
        except ValueError:
            raise forms.ValidationError("This is not a place in the queue.") from None
        if not 0 <= place[0] <= 1 or not 0 < place[1] < 2**63:
            raise forms.ValidationError("This is not a place in the queue.")
        return place


class QueueForm(forms.Form):
    """What a reviewer may ask of the queue, as it stands in the address."""

    tab = forms.ChoiceField(choices=list(TABS.items()), required=False)
    hard = forms.ChoiceField(choices=[("", "Any"), ("yes", "Hard"), ("no", "Not hard")], required=False)
    reason = forms.IntegerField(min_value=0, max_value=32767, required=False)
    label = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    predicted = forms.CharField(max_length=1024, required=False)
    name = forms.CharField(max_length=255, required=False, label="File name")
    size = forms.ChoiceField(choices=[(size, size) for size in SIZES], required=False)
    after = Cursor()
    before = Cursor()


@dataclass(frozen=True)
class Page:
    """One page of the queue, and the cursors of its neighbors ("" where there is none)."""

    samples: list[Sample]
    previous: str
    following: str


@dataclass(frozen=True)
class Queue:
    """A tab of a dataset's samples with its filters, and how large they are shown: all that travels in an address."""

    tab: str = "all"
    hard: str = ""
    reason: int | None = None
    label: int | None = None
    predicted: str = ""
    name: str = ""
    size: str = "medium"

    @property
    def filtered(self) -> bool:
        """Whether anything but the tab narrows the queue."""
        return self != Queue(tab=self.tab, size=self.size)

    def address(self, **other: str | int | None) -> str:
        """The query string of this queue, with some of its words replaced."""
        words = {**vars(self), "size": "" if self.size == "medium" else self.size, **other}
        query = QueryDict(mutable=True)
        query.update({key: str(value) for key, value in words.items() if value not in (None, "")})
        return query.urlencode()

    def samples(self, dataset: Dataset) -> QuerySet[Sample]:
        """The samples of the queue, hardest first."""
        rows = dataset.samples.order_by("-hard_coefficient", "-id")
        if self.tab != "all":
            rows = rows.filter(status=self.tab)
        if self.hard:
            rows = rows.filter(hard=self.hard == "yes")
        if self.reason is not None:
            rows = rows.filter(Exists(HardReason.objects.filter(sample=OuterRef("pk"), code=self.reason)))
        if self.label is not None:
            rows = rows.filter(Exists(Annotation.objects.filter(sample=OuterRef("pk"), label=self.label)))
        if self.predicted:
            rows = rows.filter(predicted_label=self.predicted)
        if self.name:
            rows = rows.filter(name__icontains=self.name)
        return rows


def read(parameters: Mapping[str, str]) -> tuple[Queue, dict[str, tuple[float, int] | None]]:
    """The queue that an address asks for, and the place in it (after, before).

    Raises:
        Refused: unknown_filter, where a word has a value that it cannot have.
    """
    form = QueueForm(parameters)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise Refused("unknown_filter", f"This filter is not understood: {errors[0]}", field=field)
    words = form.cleaned_data
    queue = Queue(
        tab=words["tab"] or "all",
        hard=words["hard"],
        reason=words["reason"],
        label=words["label"],
        predicted=words["predicted"],
        name=words["name"],
        size=words["size"] or "medium",
    )
    return queue, {"after": words["after"], "before": words["before"]}


def cursor(sample: Sample) -> str:
    """Where a sample stands in the queue, for an address."""
    return f"{sample.hard_coefficient!r}:{sample.pk}"


def behind(coefficient: float, identity: int) -> Q:
    """What comes after a place in the queue."""
    return Q(hard_coefficient__lte=coefficient) & (Q(hard_coefficient__lt=coefficient) | Q(pk__lt=identity))


def ahead(coefficient: float, identity: int) -> Q:
    """What comes before a place in the queue."""
    return Q(hard_coefficient__gte=coefficient) & (Q(hard_coefficient__gt=coefficient) | Q(pk__gt=identity))


def page(
    samples: QuerySet[Sample],
    *,
    after: tuple[float, int] | None = None,
    before: tuple[float, int] | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """One page of an ordered queue: the first, the one after a place, or the one before it."""
    if before and not after:
        found = list(samples.filter(ahead(*before)).reverse()[: size + 1])
        more_before, more_behind = len(found) > size, True
        found = found[:size][::-1]
    else:
        rows = samples.filter(behind(*after)) if after else samples
        found = list(rows[: size + 1])
        more_before, more_behind = after is not None, len(found) > size
        found = found[:size]
    if not found:
        return Page([], "", "")
    return Page(found, cursor(found[0]) if more_before else "", cursor(found[-1]) if more_behind else "")


def counts(dataset: Dataset) -> dict[str, int]:
    """How many samples stand on each tab, from the counters."""
    numbers = dict.fromkeys(TABS, 0)
    for status, number in SampleCount.objects.filter(dataset=dataset).values_list("status", "count"):
        numbers[status] += number
        numbers["all"] += number
    return numbers


def capped_count(rows: QuerySet[Sample]) -> int:
    """How many rows there are, or `COUNT_CAP` + 1 where there are more: the work is bounded."""
    return rows.order_by()[: COUNT_CAP + 1].count()
