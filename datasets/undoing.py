"""Undo and redo: a sample becomes again what it was before a decision, and that is an event of its own.

Nothing is taken out of the history. An event can be undone as long as the sample still is what the event made of it;
who changed it later comes first. To undo an undoing is to redo: the event says then what was done at first.
"""

import secrets
from collections.abc import Sequence
from itertools import batched
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.leases import breathe
from config.refusals import Refused
from datasets import counters, history
from datasets.bulk_review import Changed
from datasets.models import Annotation, Dataset, HardReason, HardSetBy, Label, ReviewEvent, Sample, Status, Verb
from datasets.review import locked

CHUNK_EVENTS = 50  # each costs some ten statements


@transaction.atomic
def undo(*, event_id: int, by: User, batch: str = "") -> ReviewEvent:
    """Undoes one decision, or redoes one that was undone.

    Args:
        event_id: what to undo; of a verb UNDO, what to redo.
        batch: joins the events of one action.

    Raises:
        Refused: event_not_found (404), sample_not_found (404), undone_already (409), changed_since (409),
            unknown_label (409) where a label that was on it is gone.
    """
    event = ReviewEvent.objects.select_related("undoes").filter(pk=event_id).first()
    if event is None:
        raise Refused("event_not_found", "There is no such change in the history.", status=404)
    if event.sample_id is None:
        raise Refused("sample_not_found", f"{event.sample_name} was deleted.", status=404)
    sample = locked(event.sample_id, None)
    if ReviewEvent.objects.filter(undoes=event).exists():
        raise Refused("undone_already", f"{event.sample_name}: this was undone already.", status=409)
    before = history.state_of(sample)
    if not history.same(before, event.after):
        raise _changed_since(event)
    _restore(sample, before, event.before)
    redone = event.undoes if event.verb == Verb.UNDO else None
    return ReviewEvent.objects.create(
        dataset_id=sample.dataset_id,
        sample=sample,
        sample_name=sample.name,
        by=by,
        verb=redone.verb if redone else Verb.UNDO,
        outcome=event.outcome,
        before=before,
        after=history.state_of(sample),
        batch=batch,
        undoes=event,
    )


def undo_batch(*, batch: str, by: User, dataset: Dataset) -> Changed:
    """Undoes a whole action, or redoes one that was undone; the latest event of each sample first.

    What somebody changed since then is passed over and counted as overtaken; what was undone already is passed over.

    Args:
        batch: of the events.
        dataset: that the action was about.

    Raises:
        Refused: event_not_found (404) where there is no such batch.
    """
    found = ReviewEvent.objects.filter(dataset=dataset, batch=batch)
    events = list(found.order_by("-id").values_list("pk", flat=True))
    if not batch or not events:
        raise Refused("event_not_found", "There is no such change in the history.", status=404)
    made, done = secrets.token_hex(16), Changed(0, 0, "")
    for chunk in batched(events, CHUNK_EVENTS):
        done = add(done, undo_events(events=chunk, by=by, batch=made))
        breathe()
    return done


@transaction.atomic
def undo_events(*, events: Sequence[int], by: User, batch: str) -> Changed:
    """Undoes a chunk of at most `CHUNK_EVENTS` events; what cannot be undone is passed over and counted."""
    changed = passed_over = overtaken = 0
    for event in events:
        try:
            with transaction.atomic():
                undo(event_id=event, by=by, batch=batch)
        except Refused as refused:
            overtaken += refused.code == "changed_since"
            passed_over += refused.code != "changed_since"
        else:
            changed += 1
    return Changed(changed, passed_over, batch, overtaken)


def add(one: Changed, other: Changed) -> Changed:
    """What came of two parts of one action."""
    return Changed(
        one.changed + other.changed,
        one.passed_over + other.passed_over,
        other.batch or one.batch,
        one.overtaken + other.overtaken,
    )


def last_done(*, dataset: Dataset, by: User) -> ReviewEvent | None:
    """What undo means for a person who has not said what: their latest decision in a dataset that stands."""
    mine = ReviewEvent.objects.filter(dataset=dataset, by=by, sample__isnull=False, undone_by__isnull=True)
    return mine.exclude(verb=Verb.UNDO).order_by("-id").first()


def last_undone(*, dataset: Dataset, by: User) -> ReviewEvent | None:
    """What redo means: their latest undoing; None once they have decided something else since."""
    mine = ReviewEvent.objects.filter(dataset=dataset, by=by, sample__isnull=False, undone_by__isnull=True)
    undone = mine.filter(verb=Verb.UNDO).order_by("-id").first()
    decided = mine.exclude(verb=Verb.UNDO).filter(undoes__isnull=True).order_by("-id").first()
    return undone if undone and (decided is None or decided.pk < undone.pk) else None


def _changed_since(event: ReviewEvent) -> Refused:
    later = ReviewEvent.objects.filter(sample=event.sample_id, pk__gt=event.pk).select_related("by").first()
    who = f"{later.by} changed it later ({later.get_verb_display().lower()})" if later else "it was changed later"
    words = f"{event.sample_name}: {who}. Undo that first; nothing was changed."
    return Refused("changed_since", words, status=409)


def _restore(sample: Sample, now: history.State, then: history.State) -> None:
    """Makes a locked sample what it was, its counter with it."""
    if now["claims"] != then["claims"]:
        _redraw(sample, then["claims"])
    confirmed = then["status"] == Status.LABELED
    changes: dict[str, Any] = {
        "status": then["status"],
        "hard": then["hard"],
        "hard_set_by": then.get("hard_set_by", sample.hard_set_by if then["hard"] == sample.hard else HardSetBy.PERSON),
        "confirmed_at": then.get("confirmed_at", timezone.now()) if confirmed else None,
        "confirmed_by_id": then.get("confirmed_by", sample.confirmed_by_id) if confirmed else None,
    }
    if changes["confirmed_by_id"] is None:
        changes["confirmed_at"] = None
    Sample.objects.filter(pk=sample.pk).update(**changes, version=F("version") + 1)
    kinds = (sample.status, sample.hard), (then["status"], then["hard"])
    if kinds[0] != kinds[1]:
        counters.shift(dataset_id=sample.dataset_id, deltas={kinds[0]: -1, kinds[1]: 1})
    sample.refresh_from_db()


def _redraw(sample: Sample, claims: Sequence[dict[str, Any]]) -> None:
    labels = {label.name: label for label in Label.objects.filter(dataset=sample.dataset_id)}
    gone = sorted({claim["label"] for claim in claims} - set(labels))
    if gone:
        words = f"{sample.name}: the dataset has no label {gone[0][:100]} any more; nothing was changed."
        raise Refused("unknown_label", words, status=409)
    sample.annotations.all().delete()
    for claim in claims:
        xmin, ymin, xmax, ymax = claim["box"] or (None,) * 4
        annotation = Annotation.objects.create(
            sample=sample,
            label=labels[claim["label"]],
            xmin=xmin,
            ymin=ymin,
            xmax=xmax,
            ymax=ymax,
            origin=claim["by"],
            annotated_by=claim["annotated_by"],
            confidence=claim["confidence"],
            hard=claim.get("hard", False),
            hard_coefficient=claim.get("hard_coefficient", 0.0),
        )
        HardReason.objects.filter(sample=sample, pk__in=claim.get("reasons", ())).update(annotation=annotation)
