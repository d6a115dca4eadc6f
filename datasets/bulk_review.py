"""What people decide about many samples at once, in chunks that let others work in between.

Each chunk is one transaction: samples, counters and events together. Samples that the decision does not fit are passed
over and counted; to ask again changes nothing twice.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from config import statements
from config.leases import breathe, paced
from config.statements import WrittenJSON
from datasets import counters, history
from datasets.models import Annotation, Dataset, HardSetBy, Outcome, ReviewEvent, Sample, Status, Task, Verb
from datasets.picking import of

type Samples = QuerySet[Sample] | Iterable[int] | Mapping[int, int]
"""A query set, ids, or the versions that the person saw by id: a sample that has another one now is overtaken."""

type Row = dict[str, Any]

type Event = tuple[int, int, str, WrittenJSON, WrittenJSON]
"""What a review event says of its own sample: dataset, sample and its name, the states before and after."""


@dataclass(frozen=True)
class Changed:
    """What came of a decision about many.

    Attributes:
        changed: how many it changed.
        passed_over: how many it did not fit, or that are gone.
        batch: of its events.
        overtaken: how many somebody else had changed since the person saw them.
    """

    changed: int
    passed_over: int
    batch: str
    overtaken: int = 0


@dataclass(frozen=True)
class _Decision:
    """What is decided: which samples it fits, by their row, task and claims, and the columns that it sets."""

    verb: Verb
    outcome: Outcome
    fits: Callable[[Row, str, Sequence[Any]], bool]
    values: Mapping[str, Any]


def confirm_many(*, sample_ids: Samples, by: User, batch: str = "") -> Changed:
    """Confirms samples as they were predicted: To Be Confirmed becomes Labeled.

    Passed over: what is not To Be Confirmed, and images to be classified that have no label.

    Args:
        sample_ids: which ones.
        batch: joins the events; made where it is empty.
    """

    def fits(row: Row, task: str, claims: Sequence[Any]) -> bool:
        return row["status"] == Status.TO_BE_CONFIRMED and bool(claims or task != Task.IMAGE_CLASSIFICATION)

    values = {"status": Status.LABELED, "confirmed_at": timezone.now(), "confirmed_by": by}
    return _decide(sample_ids, by, batch, _Decision(Verb.CONFIRM, Outcome.UNCHANGED, fits, values))


def accept_many(*, sample_ids: Samples, by: User, batch: str = "") -> Changed:
    """As `confirm_many`, without that anybody looked at them: their events say so, and no filter learns from them."""

    def fits(row: Row, task: str, claims: Sequence[Any]) -> bool:
        return row["status"] == Status.TO_BE_CONFIRMED and bool(claims)

    values = {"status": Status.LABELED, "confirmed_at": timezone.now(), "confirmed_by": by}
    return _decide(sample_ids, by, batch, _Decision(Verb.ACCEPT, Outcome.UNCHANGED, fits, values))


def reject_many(*, sample_ids: Samples, by: User, batch: str = "") -> Changed:
    """Rejects samples: back to Unlabeled without annotations, predictions kept. Passed over: what is Unlabeled."""

    def fits(row: Row, task: str, claims: Sequence[Any]) -> bool:
        return row["status"] != Status.UNLABELED

    values = {"status": Status.UNLABELED, "confirmed_at": None, "confirmed_by": None}
    return _decide(sample_ids, by, batch, _Decision(Verb.REJECT, Outcome.DISCARDED, fits, values))


def mark_hard(*, samples: Samples, by: User, batch: str = "") -> Changed:
    """Confirm Hard Example: hard, because a person says so. Nothing else changes, whatever the status.

    Passed over: what a person has marked already.
    """

    def fits(row: Row, task: str, claims: Sequence[Any]) -> bool:
        return not (row["hard"] and row["hard_set_by"] == HardSetBy.PERSON)

    values = {"hard": True, "hard_set_by": HardSetBy.PERSON}
    return _decide(samples, by, batch, _Decision(Verb.MARK_HARD, Outcome.HARDNESS, fits, values))


def unmark_hard(*, samples: Samples, by: User, batch: str = "") -> Changed:
    """Unmark: not hard, because a person says so. Nothing else changes. Passed over: what is not hard."""

    def fits(row: Row, task: str, claims: Sequence[Any]) -> bool:
        return row["hard"]

    values = {"hard": False, "hard_set_by": HardSetBy.PERSON}
    return _decide(samples, by, batch, _Decision(Verb.UNMARK_HARD, Outcome.HARDNESS, fits, values))


def ordered(samples: Samples) -> list[int]:
    """Ids, each once, as they were given. They are all read first: deciding changes what a query set would give."""
    ids = samples.order_by("id").values_list("pk", flat=True) if isinstance(samples, QuerySet) else samples
    return list(dict.fromkeys(ids))


def _decide(samples: Samples, by: User, batch: str, decision: _Decision) -> Changed:
    batch = batch or secrets.token_hex(16)
    versions = samples if isinstance(samples, Mapping) else {}
    changed = overtaken = seen = 0
    for ids in paced(ordered(samples)):
        with transaction.atomic():
            fitted, missed = _decide_chunk(ids, versions, by, batch, decision)
        changed += fitted
        overtaken += missed
        seen += len(ids)
        breathe()
    return Changed(changed, seen - changed - overtaken, batch, overtaken)


def _decide_chunk(
    ids: Sequence[int], versions: Mapping[int, int], by: User, batch: str, decision: _Decision
) -> tuple[int, int]:
    """How many it changed, and how many were overtaken."""
    discards = decision.outcome == Outcome.DISCARDED
    rows, tasks, overtaken = locked(ids, versions)
    claims = history.claims_of([row["id"] for row in rows])
    fitting = [row for row in rows if decision.fits(row, tasks[row["dataset"]], claims.get(row["id"], ()))]
    events = []
    deltas: dict[int, Counter[counters.Kind]] = {}
    for row in fitting:
        stood = orjson.dumps(claims.get(row["id"], ())).decode()
        now = {**row, **decision.values}
        before, after = history.written(row, stood), history.written(now, "[]" if discards else stood)
        moved = deltas.setdefault(row["dataset"], Counter())
        moved[row["status"], row["hard"]] -= 1
        moved[now["status"], now["hard"]] += 1
        events.append((row["dataset"], row["id"], row["name"], before, after))
    changing = of([row["id"] for row in fitting])
    Sample.objects.filter(pk__in=changing).update(**decision.values, version=F("version") + 1)
    if discards:
        Annotation.objects.filter(sample__in=changing).delete()
    append(events, by=by, batch=batch, verb=decision.verb, outcome=decision.outcome)
    for dataset_id, moved in sorted(deltas.items()):
        counters.shift(dataset_id=dataset_id, deltas=moved)
    return len(fitting), overtaken


def locked(ids: Sequence[int], versions: Mapping[int, int]) -> tuple[list[Row], dict[int, str], int]:
    """The rows of a chunk that are as the person saw them, locked; the tasks of their datasets; how many are not so."""
    found = Sample.objects.select_for_update().filter(pk__in=of(ids)).order_by("id")
    there: list[Row] = list(found.values("id", "dataset", "name", "version", *history.COLUMNS))
    tasks = dict(Dataset.objects.filter(pk__in={row["dataset"] for row in there}).values_list("pk", "task"))
    there = [row for row in there if row["dataset"] in tasks]  # what is being removed is gone
    rows = [row for row in there if versions.get(row["id"], row["version"]) == row["version"]]
    return rows, tasks, len(there) - len(rows)


def append(events: Sequence[Event], *, by: User, batch: str, verb: Verb, outcome: Outcome) -> None:
    """Appends the events of a chunk."""
    same = {"by": by.pk, "at": timezone.now(), "verb": verb, "outcome": outcome, "batch": batch}
    statements.insert(ReviewEvent, ("dataset", "sample", "sample_name", "before", "after"), events, same=same)
