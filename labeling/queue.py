"""The queue of a labeling job: which samples, in which order, page by page.

Hardest first, by the keyset (hard coefficient, id), or To Be Confirmed in another order, by that of its column: a page
costs the same at a million samples as at a hundred, and samples that join or leave while somebody turns pages are
neither skipped nor shown twice. Numbers on the tabs come from the counters of the dataset; samples themselves are never
counted beyond `COUNT_CAP`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict
from django.utils import timezone

from config.refusals import Refused
from datasets import attributes
from datasets.models import Annotation, Dataset, HardReason, Origin, Sample, SampleCount, Status

PAGE_SIZE = 50
COUNT_CAP = 1000
TABS = {
    "all": "All",
    Status.UNLABELED.value: "Unlabeled",
    Status.TO_BE_CONFIRMED.value: "To Be Confirmed",
    Status.LABELED.value: "Labeled",
}
ORDERS = {"hardest": "hardest first", "most_useful": "most useful first", "random": "random order"}
COLUMNS = {"hardest": "hard_coefficient", "most_useful": "usefulness", "random": "lot"}
"""What each order goes by, largest first; each has an index."""
SIZES = ("small", "medium", "large")


class Cursor(forms.CharField):
    """A place in the queue, "0.731:4711": what it is ordered by and the id of the sample that stands there."""

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


class Share(forms.FloatField):
    """One end of a range of shares, 0..1."""

    def __init__(self, label: str) -> None:
        super().__init__(min_value=0, max_value=1, required=False, label=label)


class Identity(forms.IntegerField):
    """The id of a row."""

    def __init__(self) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, required=False)


class QueueForm(forms.Form):
    """What a reviewer may ask of the queue, as it stands in the address."""

    tab = forms.ChoiceField(choices=list(TABS.items()), required=False)
    hard = forms.ChoiceField(choices=[("", "Any"), ("yes", "Hard"), ("no", "Not hard")], required=False)
    coefficient_from = Share("Hard coefficient from")
    coefficient_to = Share("to")
    reason = forms.IntegerField(min_value=0, max_value=32767, required=False)
    rule = forms.CharField(max_length=64, required=False)
    label = Identity()
    without = Identity()
    attribute = Identity()
    predicted = forms.CharField(max_length=1024, required=False)
    confidence_from = Share("Confidence from")
    confidence_to = Share("to")
    added_from = forms.DateField(required=False, label="Added from")
    added_to = forms.DateField(required=False, label="to")
    name = forms.CharField(max_length=255, required=False, label="File name")
    labeled_by = Identity()
    origin = forms.ChoiceField(choices=[("", "Any"), *Origin.choices], required=False)
    stack = forms.CharField(max_length=32, required=False)
    order = forms.ChoiceField(choices=list(ORDERS.items()), required=False)
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
    coefficient_from: float | None = None
    coefficient_to: float | None = None
    reason: int | None = None
    rule: str = ""
    label: int | None = None
    without: int | None = None
    attribute: int | None = None
    predicted: str = ""
    confidence_from: float | None = None
    confidence_to: float | None = None
    added_from: date | None = None
    added_to: date | None = None
    name: str = ""
    labeled_by: int | None = None
    origin: str = ""
    stack: str = ""
    order: str = "hardest"
    size: str = "medium"

    @property
    def filtered(self) -> bool:
        """Whether anything but the tab narrows the queue."""
        return self != Queue(tab=self.tab, size=self.size, order=self.order)

    @property
    def column(self) -> str:
        """What the queue is ordered by: the order is a choice in To Be Confirmed alone."""
        return COLUMNS[self.order if self.tab == Status.TO_BE_CONFIRMED else "hardest"]

    def address(self, **other: str | int | None) -> str:
        """The query string of this queue, with some of its words replaced."""
        usual = {"size": "medium", "order": "hardest"}
        words = {**vars(self), **{key: "" for key, value in usual.items() if vars(self)[key] == value}, **other}
        query = QueryDict(mutable=True)
        query.update({key: str(value) for key, value in words.items() if value not in (None, "")})
        return query.urlencode()

    def samples(self, dataset: Dataset) -> QuerySet[Sample]:
        """The samples of the queue, in its order."""
        rows = dataset.samples.all() if self.attribute is None else attributes.having(dataset, self.attribute)
        return self._narrowed(rows.order_by(f"-{self.column}", "-id"))

    def folded(self, dataset: Dataset) -> QuerySet[Sample]:
        """The same, of each stack of near duplicates only the first that the filters leave; all of one stack where the
        queue asks for it."""
        if self.stack:
            return self.samples(dataset)
        # a sum, since a planner would walk along the order for a bare column, not look into the stack
        rows = self._stacked(dataset).alias(place=F(self.column) + 0.0)
        before = rows.filter(ahead(OuterRef(self.column), OuterRef("pk"), "place"), stack=OuterRef("stack"))
        return self.samples(dataset).filter(Q(stack="") | ~Exists(before))

    def stack_sizes(self, dataset: Dataset, samples: Sequence[Sample]) -> dict[str, int]:
        """How many samples of the queue stand in the stacks of these."""
        # one look into the index of stacks for each: for `IN` a planner may walk along the whole tab instead
        alike = self._stacked(dataset).filter(stack=OuterRef("stack")).order_by().values("stack")
        number = Subquery(alike.annotate(number=Count("pk")).values("number"))
        leaders = Sample.objects.filter(pk__in=[sample.pk for sample in samples if sample.stack])
        return dict(leaders.values_list("stack").annotate(number=number).order_by())

    def _stacked(self, dataset: Dataset) -> QuerySet[Sample]:
        rows = self._narrowed(stacked(dataset))
        return rows if self.attribute is None else attributes.among(rows, self.attribute)

    def _narrowed(self, rows: QuerySet[Sample]) -> QuerySet[Sample]:
        asked = {
            "status": None if self.tab == "all" else self.tab,
            "hard": {"yes": True, "no": False}.get(self.hard),
            "hard_coefficient__gte": self.coefficient_from,
            "hard_coefficient__lte": self.coefficient_to,
            "predicted_label": self.predicted or None,
            "confidence__gte": self.confidence_from,
            "confidence__lte": self.confidence_to,
            "created_at__gte": _midnight(self.added_from),
            "created_at__lt": _midnight(self.added_to and self.added_to + timedelta(days=1)),
            "name__icontains": self.name or None,
            "confirmed_by": self.labeled_by,
            "origin": self.origin or None,
            "stack": self.stack or None,
        }
        rows = rows.filter(**{column: value for column, value in asked.items() if value is not None})
        if self.stack:
            rows = rows.exclude(stack="")  # as the index of stacks says it
        if self.reason is not None or self.rule:
            reasons = HardReason.objects.filter(sample=OuterRef("pk"))
            reasons = reasons if self.reason is None else reasons.filter(code=self.reason)
            rows = rows.filter(Exists(reasons.filter(rule=self.rule) if self.rule else reasons))
        if self.label is not None:
            rows = rows.filter(Exists(Annotation.objects.filter(sample=OuterRef("pk"), label=self.label)))
        if self.without is not None:
            rows = rows.exclude(Exists(Annotation.objects.filter(sample=OuterRef("pk"), label=self.without)))
        return rows


def stacked(dataset: Dataset) -> QuerySet[Sample]:
    """The samples of a dataset that stand in a stack, in the words of the index that has them alone."""
    return Sample.objects.filter(~Q(stack=""), dataset=dataset)


def _midnight(day: date | None) -> datetime | None:
    """When a day begins where the server stands."""
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


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
    asked = {each.name: words[each.name] for each in fields(Queue)}
    queue = Queue(
        **asked
        | {"tab": words["tab"] or "all", "size": words["size"] or "medium", "order": words["order"] or "hardest"}
    )
    return queue, {"after": words["after"], "before": words["before"]}


def cursor(sample: Sample, column: str = COLUMNS["hardest"]) -> str:
    """Where a sample stands in a queue ordered by a column, for an address."""
    return f"{getattr(sample, column)!r}:{sample.pk}"


def behind(value: Any, identity: Any, column: str = COLUMNS["hardest"]) -> Q:
    """What comes after a place in a queue ordered by a column."""
    further = Q(**{f"{column}__lt": value}) | Q(pk__lt=identity)
    return Q(**{f"{column}__lte": value}) & further


def ahead(value: Any, identity: Any, column: str = COLUMNS["hardest"]) -> Q:
    """What comes before a place in a queue ordered by a column."""
    nearer = Q(**{f"{column}__gt": value}) | Q(pk__gt=identity)
    return Q(**{f"{column}__gte": value}) & nearer


def page(
    samples: QuerySet[Sample],
    *,
    after: tuple[float, int] | None = None,
    before: tuple[float, int] | None = None,
    size: int = PAGE_SIZE,
    column: str = COLUMNS["hardest"],
) -> Page:
    """One page of a queue ordered by a column: the first, the one after a place, or the one before it."""
    if before and not after:
        found = list(samples.filter(ahead(*before, column)).reverse()[: size + 1])
        more_before, more_behind = len(found) > size, True
        found = found[:size][::-1]
    else:
        rows = samples.filter(behind(*after, column)) if after else samples
        found = list(rows[: size + 1])
        more_before, more_behind = after is not None, len(found) > size
        found = found[:size]
    if not found:
        return Page([], "", "")
    first, last = cursor(found[0], column), cursor(found[-1], column)
    return Page(found, first if more_before else "", last if more_behind else "")


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
