"""What people decide about many samples at once, in chunks that let others work in between.

Each chunk is one transaction: samples, counters and events together. Samples that the decision does not fit are passed
over and counted; to ask again changes nothing twice.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from config.leases import CHUNK_ROWS, breathe
from datasets import counters
from datasets.models import Annotation, Dataset, HardSetBy, Outcome, ReviewEvent, Sample, Status, Task, Verb

type Samples = QuerySet[Sample] | Iterable[int]
type Row = dict[str, Any]


@dataclass(frozen=True)
class Changed:
    """What came of a decision about many: how many changed, how many it did not fit, and the batch of its events."""

    changed: int
    passed_over: int
    batch: str


def confirm_many(*, sample_ids: Samples, by: User, batch: str = "") -> Changed:
    """Confirms samples as they were predicted: To Be Confirmed becomes Labeled.

    Passed over: what is not To Be Confirmed, and images to be classified that have no label.

    Args:
        sample_ids: ids, or a query set of samples.
        batch: joins the events; made where it is empty.
    """
    values = {"status": Status.LABELED, "confirmed_at": timezone.now(), "confirmed_by": by}

    def fits(row: Row, claims: Sequence[Any]) -> bool:
        empty = not claims and row["task"] == Task.IMAGE_CLASSIFICATION
        return row["status"] == Status.TO_BE_CONFIRMED and not empty

    return _decide(sample_ids, by, batch, Verb.CONFIRM, Outcome.UNCHANGED, fits, values)


def reject_many(*, sample_ids: Samples, by: User, batch: str = "") -> Changed:
    """Rejects samples: back to Unlabeled without annotations, predictions kept. Passed over: what is Unlabeled."""
    values = {"status": Status.UNLABELED, "confirmed_at": None, "confirmed_by": None}

    def fits(row: Row, claims: Sequence[Any]) -> bool:
        return row["status"] != Status.UNLABELED

    return _decide(sample_ids, by, batch, Verb.REJECT, Outcome.DISCARDED, fits, values)


def mark_hard(*, samples: Samples, by: User, batch: str = "") -> Changed:
    """Confirm Hard Example: hard, because a person says so. Nothing else changes, whatever the status.

    Passed over: what a person has marked already.
    """
    values = {"hard": True, "hard_set_by": HardSetBy.PERSON}

    def fits(row: Row, claims: Sequence[Any]) -> bool:
        return not (row["hard"] and row["hard_set_by"] == HardSetBy.PERSON)

    return _decide(samples, by, batch, Verb.MARK_HARD, Outcome.HARDNESS, fits, values)


def unmark_hard(*, samples: Samples, by: User, batch: str = "") -> Changed:
    """Unmark: not hard, because a person says so. Nothing else changes. Passed over: what is not hard."""
    values = {"hard": False, "hard_set_by": HardSetBy.PERSON}

    def fits(row: Row, claims: Sequence[Any]) -> bool:
        return row["hard"]

    return _decide(samples, by, batch, Verb.UNMARK_HARD, Outcome.HARDNESS, fits, values)


def _decide(
    samples: Samples,
    by: User,
    batch: str,
    verb: Verb,
    outcome: Outcome,
    fits: Callable[[Row, Sequence[Any]], bool],
    values: dict[str, Any],
) -> Changed:
    batch = batch or secrets.token_hex(16)
    changed = seen = 0
    for ids in _chunks(samples):
        with transaction.atomic():
            changed += _decide_chunk(ids, by, batch, verb, outcome, fits, values)
        seen += len(ids)
        breathe()
    return Changed(changed, seen - changed, batch)


def _decide_chunk(
    ids: Sequence[int],
    by: User,
    batch: str,
    verb: Verb,
    outcome: Outcome,
    fits: Callable[[Row, Sequence[Any]], bool],
    values: dict[str, Any],
) -> int:
    locked = Sample.objects.select_for_update().filter(pk__in=ids).order_by("id")
    rows: list[Row] = [dict(row) for row in locked.values("id", "dataset", "name", "status", "hard", "hard_set_by")]
    tasks = dict(Dataset.objects.filter(pk__in={row["dataset"] for row in rows}).values_list("pk", "task"))
    claims = _claims(ids)
    fitting = [row for row in rows if fits(row | {"task": tasks[row["dataset"]]}, claims.get(row["id"], ()))]
    now = timezone.now()
    events = []
    deltas: dict[int, Counter[counters.Kind]] = {}
    for row in fitting:
        before: dict[str, Any] = {"status": row["status"], "hard": row["hard"], "claims": claims.get(row["id"], [])}
        after = before | {name: values[name] for name in ("status", "hard") if name in values}
        if verb == Verb.REJECT:
            after["claims"] = []
        moved = deltas.setdefault(row["dataset"], Counter())
        moved[before["status"], before["hard"]] -= 1
        moved[after["status"], after["hard"]] += 1
        events.append(
            ReviewEvent(
                dataset_id=row["dataset"],
                sample_id=row["id"],
                sample_name=row["name"],
                by=by,
                at=now,
                verb=verb,
                outcome=outcome,
                before=before,
                after=after,
                batch=batch,
            )
        )
    changing = [row["id"] for row in fitting]
    Sample.objects.filter(pk__in=changing).update(**values, version=F("version") + 1)
    if verb == Verb.REJECT:
        Annotation.objects.filter(sample__in=changing).delete()
    ReviewEvent.objects.bulk_create(events)
    for dataset_id, moved in sorted(deltas.items()):
        counters.shift(dataset_id=dataset_id, deltas=moved)
    return len(fitting)


def _claims(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The annotations of many samples as their history keeps them."""
    claims: dict[int, list[dict[str, Any]]] = {}
    annotations = Annotation.objects.filter(sample__in=ids).order_by("id")
    columns = ("sample", "label__name", "xmin", "ymin", "xmax", "ymax", "origin", "annotated_by", "confidence")
    for sample, label, xmin, *box, origin, annotated_by, confidence in annotations.values_list(*columns):
        claims.setdefault(sample, []).append(
            {
                "label": label,
                "box": None if xmin is None else [xmin, *box],
                "by": origin,
                "annotated_by": annotated_by,
                "confidence": confidence,
            }
        )
    return claims


def _chunks(samples: Samples) -> Iterator[tuple[int, ...]]:
    """Ids in a fixed order. They are all read first: deciding changes what a query set would give."""
    ids = samples.order_by("id").values_list("pk", flat=True) if isinstance(samples, QuerySet) else samples
    yield from batched(sorted(set(ids)), CHUNK_ROWS)
