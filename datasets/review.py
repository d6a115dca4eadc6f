"""What people decide about samples. Each decision is a review event with the state before and after.

Confirm makes a sample Labeled. Reject makes it Unlabeled and takes away all its annotations, also those of people:
an unlabeled sample has none, and the event keeps them; prediction, hardness and reasons stay. Relabel corrects without
moving. Marking hard and its reverse touch hardness alone.

A decision that names its batch is made once per sample: a double click, or a request that is sent again because the
network was lost, gets the event of the first one.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.lifecycle import move_one
from config.refusals import Refused
from datasets import counters, history
from datasets.bulk_review import Changed, confirm_many, mark_hard, reject_many, unmark_hard
from datasets.comparison import SAME_PIXEL, compare
from datasets.intake import Claim, check_box, corners
from datasets.models import Annotation, Label, Outcome, ReviewEvent, Sample, Status, Task, Verb
from datasets.models.sample import STATUS_MOVES

__all__ = ["Changed", "confirm", "confirm_many", "mark_hard", "reject", "reject_many", "relabel", "unmark_hard"]


@transaction.atomic
def confirm(
    *,
    sample_id: int,
    by: User,
    version: int | None = None,
    claims: Sequence[Claim] | None = None,
    within: float = SAME_PIXEL,
    batch: str = "",
) -> ReviewEvent:
    """A person says that the labels of a sample are right, as they stand or as corrected: it becomes Labeled.

    Args:
        version: the version that the person saw; None where that does not matter.
        claims: all labels or boxes that shall stand; None leaves them as they are. What is unchanged keeps its row and
            its origin, what is changed or new is the person's.
        within: corners at most so far from where they were, in pixels, are unchanged.
        batch: joins the events of one action.

    Raises:
        Refused: sample_not_found (404), stale (412), unknown_label, bad_box, no_label, repeated_label.
    """
    if made := _made(sample_id, by, Verb.CONFIRM, batch):
        return made
    sample = locked(sample_id, version)
    before = history.state_of(sample)
    outcome = _redraw(sample, claims, by, within)
    changes = {"confirmed_at": timezone.now(), "confirmed_by": by}
    return _settle(
        sample, before, to=Status.LABELED, changes=changes, by=by, verb=Verb.CONFIRM, outcome=outcome, batch=batch
    )


@transaction.atomic
def reject(*, sample_id: int, by: User, version: int | None = None, batch: str = "") -> ReviewEvent:
    """A person says that what is claimed about a sample is of no use: it becomes Unlabeled, its annotations go.

    Raises:
        Refused: sample_not_found (404), stale (412), illegal_status_change (409) where it is Unlabeled already.
    """
    if made := _made(sample_id, by, Verb.REJECT, batch):
        return made
    sample = locked(sample_id, version)
    before = history.state_of(sample)
    changes = {"confirmed_at": None, "confirmed_by": None}
    sample.annotations.all().delete()
    return _settle(
        sample,
        before,
        to=Status.UNLABELED,
        changes=changes,
        by=by,
        verb=Verb.REJECT,
        outcome=Outcome.DISCARDED,
        batch=batch,
    )


@transaction.atomic
def relabel(
    *, sample_id: int, by: User, claims: Sequence[Claim], version: int | None = None, batch: str = ""
) -> ReviewEvent:
    """A person corrects the labels of a sample that is To Be Confirmed or Labeled; its status stays.

    Raises:
        Refused: as `confirm`; illegal_status_change (409) where it is Unlabeled.
    """
    if made := _made(sample_id, by, Verb.RELABEL, batch):
        return made
    sample = locked(sample_id, version)
    if sample.status == Status.UNLABELED:
        words = "This sample is Unlabeled; confirm it with its labels instead."
        raise Refused("illegal_status_change", words, status=409)
    before = history.state_of(sample)
    outcome = _redraw(sample, claims, by)
    return _settle(sample, before, to=None, changes={}, by=by, verb=Verb.RELABEL, outcome=outcome, batch=batch)


def _made(sample_id: int, by: User, verb: Verb, batch: str) -> ReviewEvent | None:
    """The event of the same decision, where it was made already."""
    if not batch:
        return None
    return ReviewEvent.objects.filter(batch=batch, sample=sample_id, by=by, verb=verb).first()


def locked(sample_id: int, version: int | None) -> Sample:
    """The sample, locked until the transaction ends, as the person saw it."""
    samples = Sample.objects.select_for_update(of=("self",)).select_related("dataset", "blob")
    sample = samples.filter(pk=sample_id, dataset__removed_at=None).first()
    if sample is None:
        raise Refused("sample_not_found", "There is no such sample any more.", status=404)
    if version is not None and sample.version != version:
        event = ReviewEvent.objects.filter(sample=sample).select_related("by").first()
        who = f"{event.by} changed it at {event.at:%Y-%m-%d %H:%M:%S} UTC" if event else "it was changed meanwhile"
        raise Refused("stale", f"{sample.name}: {who}. Reload to see it; nothing was saved.", status=412)
    return sample


def _redraw(sample: Sample, claims: Sequence[Claim] | None, by: User, within: float = SAME_PIXEL) -> Outcome:
    """Makes the annotations what the person claims, and says what that changed."""
    annotations = list(sample.annotations.select_related("label").order_by("id"))
    classification = sample.dataset.task == Task.IMAGE_CLASSIFICATION
    if classification and not (annotations if claims is None else claims):
        raise Refused("no_label", f"{sample.name} has no label. Choose one, then confirm.", field="annotations")
    if claims is None:
        return Outcome.UNCHANGED
    if classification and len({claim.label for claim in claims}) < len(claims):
        raise Refused("repeated_label", "A label applies once to an image.", field="annotations")
    labels = {label.name: label for label in Label.objects.filter(dataset=sample.dataset_id)}
    width, height = sample.blob.width, sample.blob.height
    for claim in claims:
        if claim.label not in labels:
            raise Refused("unknown_label", f"The dataset has no label {claim.label[:100]}.", field="annotations")
        check_box(claim, sample.dataset.task, width, height, file=sample.name)
    comparison = compare(annotations, claims, within=within)
    Annotation.objects.filter(pk__in=[annotation.pk for annotation in comparison.removed]).delete()
    for annotation, claim in comparison.changed:
        Annotation.objects.filter(pk=annotation.pk).update(
            label=labels[claim.label], **corners(claim, width, height), **_by_person(by)
        )
    Annotation.objects.bulk_create(
        Annotation(sample=sample, label=labels[claim.label], **corners(claim, width, height), **_by_person(by))
        for claim in comparison.added
    )
    return comparison.outcome


def _by_person(by: User) -> dict[str, Any]:
    return {"origin": Annotation.By.HUMAN, "annotated_by": by.get_username()[:200], "confidence": None}


def _settle(
    sample: Sample,
    before: dict[str, Any],
    *,
    to: Status | None,
    changes: dict[str, Any],
    by: User,
    verb: Verb,
    outcome: Outcome,
    batch: str,
) -> ReviewEvent:
    """Moves the sample and its counter, and writes the event."""
    rows = Sample.objects.filter(pk=sample.pk, version=sample.version)
    if to is not None:
        move_one(rows, moves=STATUS_MOVES, to=to, changes={**changes, "version": F("version") + 1})
        counters.shift(
            dataset_id=sample.dataset_id,
            deltas={} if to == sample.status else {(sample.status, sample.hard): -1, (to, sample.hard): 1},
        )
        sample.status = to
        sample.confirmed_at, sample.confirmed_by = changes["confirmed_at"], changes["confirmed_by"]
    else:
        rows.update(version=F("version") + 1)
    return ReviewEvent.objects.create(
        dataset_id=sample.dataset_id,
        sample=sample,
        sample_name=sample.name,
        by=by,
        verb=verb,
        outcome=outcome,
        before=before,
        after=history.state_of(sample),
        batch=batch,
    )
