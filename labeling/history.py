"""The history of a dataset as people read it: one line an action, however many samples it was about."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from datasets.models import Dataset, ReviewEvent, Verb
from labeling.chronicle import changes, grounds_of

LINES = 50
MOST_EVENTS = 2_000  # read for a page


@dataclass(frozen=True)
class Line:
    """One action.

    Attributes:
        event: its latest event.
        number: how many samples it was about.
        undone: how many of its decisions were taken back.
        words: what changed, of an action about one sample; on what grounds samples were accepted at once.
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
    last: int | None = None
    for event in events[:MOST_EVENTS]:
        key = event.batch or f"event {event.pk}"
        if key not in heads and len(heads) == LINES:
            break
        heads.setdefault(key, event)
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
    lines = [_line(event, *numbers.get(event.batch, (1, 0)), grounds.get(event.batch, "")) for event in heads.values()]
    more = last is not None and dataset.review_events.filter(pk__lt=last).exists()
    return Page(lines, last if more else None)


def _line(event: ReviewEvent, number: int, undone: int, grounds: str) -> Line:
    undone = undone or int(hasattr(event, "undone_by"))
    told = changes(event.before, event.after) if number == 1 and event.after else []
    return Line(event, number, undone, ", ".join([*told, grounds] if grounds else told))
