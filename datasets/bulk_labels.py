"""Labels of many images at once: set, added and removed, and with that confirmed, in chunks of sets.

What it does to one sample is what `review.confirm` with the same labels does.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.leases import breathe, paced
from datasets import counters, history
from datasets.bulk_review import Changed, Event, Row, append, locked, ordered
from datasets.comparison import compare
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, Label, Outcome, Sample, Status, Task, Verb
from datasets.picking import of


@dataclass(frozen=True)
class Relabeling:
    """Which labels shall stand.

    Attributes:
        only: instead of what stands; empty where that stays.
        add, remove: these, too, or no more.
    """

    only: Sequence[str] = ()
    add: Sequence[str] = ()
    remove: Sequence[str] = ()

    def of(self, standing: Sequence[str]) -> list[str]:
        """The labels of an image that has these."""
        kept = self.only or [name for name in standing if name not in self.remove]
        return list(dict.fromkeys([*kept, *self.add]))


@dataclass
class _Redrawn:
    """What becomes of the annotations of a chunk, and of its samples by the outcome."""

    removed: list[int] = field(default_factory=list)
    changed: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    added: list[tuple[int, int]] = field(default_factory=list)
    samples: dict[Outcome, list[Row]] = field(default_factory=lambda: defaultdict(list))


def label_many(*, dataset: Dataset, samples: Mapping[int, int], wanted: Relabeling, by: User, batch: str) -> Changed:
    """Labels images and confirms them: each becomes Labeled, whatever it was.

    Passed over: images that would have no label, or one that the dataset does not know; samples of other datasets; all
    where the dataset is for boxes.

    Args:
        samples: the versions that the person saw, by id.
        batch: joins the events; made where it is empty.
    """
    batch = batch or secrets.token_hex(16)
    changed = overtaken = 0
    for ids in paced(ordered(samples)):
        with transaction.atomic():
            done, missed = _label_chunk(dataset, ids, samples, wanted, by, batch)
        changed += done
        overtaken += missed
        breathe()
    return Changed(changed, len(samples) - changed - overtaken, batch, overtaken)


def _label_chunk(
    dataset: Dataset, ids: Sequence[int], versions: Mapping[int, int], wanted: Relabeling, by: User, batch: str
) -> tuple[int, int]:
    """How many it changed, and how many were overtaken."""
    rows, tasks, overtaken = locked(ids, versions)
    rows = [row for row in rows if row["dataset"] == dataset.pk and tasks[dataset.pk] == Task.IMAGE_CLASSIFICATION]
    labels = dict(Label.objects.filter(dataset=dataset).values_list("name", "pk"))
    redrawn = _redrawn(rows, wanted, labels)
    fitting = [row for group in redrawn.samples.values() for row in group]
    changing = of([row["id"] for row in fitting])
    before = history.claims_of([row["id"] for row in fitting])
    person = {"origin": Annotation.By.HUMAN, "annotated_by": by.get_username()[:200], "confidence": None}
    Annotation.objects.filter(pk__in=of(redrawn.removed)).delete()
    for label, annotations in redrawn.changed.items():
        Annotation.objects.filter(pk__in=of(annotations)).update(label=label, **person)
    Annotation.objects.bulk_create(
        Annotation(sample_id=sample, label_id=label, **person) for sample, label in redrawn.added
    )
    values = {"status": Status.LABELED, "confirmed_at": timezone.now(), "confirmed_by": by}
    Sample.objects.filter(pk__in=changing).update(**values, version=F("version") + 1)
    after = history.claims_of([row["id"] for row in fitting])
    moved: Counter[counters.Kind] = Counter()
    for outcome, group in redrawn.samples.items():
        events: list[Event] = []
        for row in group:
            stood, stands = (orjson.dumps(claims.get(row["id"], ())).decode() for claims in (before, after))
            states = history.written(row, stood), history.written({**row, **values}, stands)
            events.append((row["dataset"], row["id"], row["name"], *states))
            moved[row["status"], row["hard"]] -= 1
            moved[Status.LABELED.value, row["hard"]] += 1
        append(events, by=by, batch=batch, verb=Verb.CONFIRM, outcome=outcome)
    counters.shift(dataset_id=dataset.pk, deltas=moved)
    return len(fitting), overtaken


def _redrawn(rows: Sequence[Row], wanted: Relabeling, labels: Mapping[str, int]) -> _Redrawn:
    """What the labels make of each sample."""
    stand = defaultdict(list)
    for annotation in Annotation.objects.filter(sample__in=of([row["id"] for row in rows])).select_related("label"):
        stand[annotation.sample_id].append(annotation)
    redrawn = _Redrawn()
    for row in rows:
        standing = sorted(stand[row["id"]], key=lambda annotation: annotation.pk)
        names = wanted.of([annotation.label.name for annotation in standing])
        if not names or not labels.keys() >= set(names):
            continue
        comparison = compare(standing, [Claim(name) for name in names])
        redrawn.removed += [annotation.pk for annotation in comparison.removed]
        redrawn.added += [(row["id"], labels[claim.label]) for claim in comparison.added]
        for annotation, claim in comparison.changed:
            redrawn.changed[labels[claim.label]].append(annotation.pk)
        redrawn.samples[comparison.outcome].append(row)
    return redrawn
