"""The history of a dataset as people read it: one line an action, however many samples it was about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from datasets.models import Dataset, ReviewEvent, Verb
from labeling.chronicle import changes, grounds_of

LINES = 50
MOST_EVENTS = 2_000  # read for a page
COMPARED = 100  # events of an action whose changes are told
KINDS = 3  # of changes that are told of one action


@dataclass(frozen=True)
class Line:
    """One action.

    Attributes:
        event: its latest event.
        number: how many samples it was about.
        undone: how many of its decisions were taken back.
        words: what was before and after, by how often where samples differ; on what grounds samples were accepted.
    """

    event: ReviewEvent
    number: int
    undone: int
    words: str


@dataclass(frozen=True)
class Page:
    """The latest actions, and the id before which the next page begins; None on the last one."""

    lines: Sequence[Line]
    before: int | None


def page_of(dataset: Dataset, *, before: int | None = None) -> Page:
    """Actions on a dataset, the latest first.

    Args:
        before: the id of an event: what came before it.
    """
    events = dataset.review_events.select_related("by", "undone_by").order_by("-id")
    if before is not None:
        events = events.filter(pk__lt=before)
    heads: dict[str, ReviewEvent] = {}
    told: dict[str, Counter[str]] = {}
    last: int | None = None
    for event in events[:MOST_EVENTS]:
        key = event.batch or f"event {event.pk}"
        if key not in heads and len(heads) == LINES:
            break
        heads.setdefault(key, event)
        kinds = told.setdefault(key, Counter())
        if kinds.total() < COMPARED and event.after:
            kinds[", ".join(changes(event.before, event.after))] += 1
        last = event.pk
    batches = [event.batch for event in heads.values() if event.batch]
    numbers = {
        row["batch"]: (row["number"], row["undone"])
        for row in ReviewEvent.objects.filter(dataset=dataset, batch__in=batches)
        .order_by()
        .values("batch")
        .annotate(number=Count("id"), undone=Count("undone_by"))
    }
    accepted = [event.batch for event in heads.values() if event.verb == Verb.ACCEPT]
    grounds = grounds_of(accepted) if accepted else {}
    lines = [
        _line(event, *numbers.get(event.batch, (1, 0)), [*_told(told[key]), grounds.get(event.batch, "")])
        for key, event in heads.items()
    ]
    more = last is not None and dataset.review_events.filter(pk__lt=last).exists()
    return Page(lines, last if more else None)


def _line(event: ReviewEvent, number: int, undone: int, words: Sequence[str]) -> Line:
    undone = undone or int(hasattr(event, "undone_by"))
    return Line(event, number, undone, ", ".join(filter(None, words)))


def _told(kinds: Counter[str]) -> list[str]:
    """What changed, the most frequent first: "3 × To Be Confirmed → Labeled, cat → dog; 1 × as it was"."""
    if len(kinds) == 1:
        return list(kinds)
    listed = [f"{number:,} × {words or 'as it was'}" for words, number in kinds.most_common(KINDS)]
    rest = kinds.total() - sum(number for _, number in kinds.most_common(KINDS))
    return ["; ".join([*listed, f"{rest:,} others"] if rest else listed)]
