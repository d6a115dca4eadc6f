"""The history of a sample in words: who did what, when, what it was before and after, and which step can be undone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from config.direction import apart
from datasets import history
from datasets.comparison import overlap
from datasets.models import Annotation, ReviewEvent, Sample, Status, Verb
from labeling.models import ReviewTask

SHOWN = 20
TOLD = 4
COMPARED = 60

PERMISSIONS = {
    Verb.MARK_HARD: "datasets.mark_hard_sample",
    Verb.UNMARK_HARD: "datasets.mark_hard_sample",
}
"""What it takes to undo a decision, where that is not the permission to confirm."""


@dataclass(frozen=True)
class Step:
    """One decision: `changes` in words, `may_undo` while the sample still is what the decision made of it."""

    event: ReviewEvent
    changes: list[str]
    may_undo: bool

    @property
    def is_undoing(self) -> bool:
        return self.event.verb == Verb.UNDO


def steps(sample: Sample, annotations: Sequence[Annotation], by: User) -> list[Step]:
    """The latest decisions about a sample, the newest first, as somebody may undo them."""
    events = sample.review_events.select_related("by", "undoes", "undone_by")[:SHOWN]
    now = {
        "status": sample.status,
        "hard": sample.hard,
        "claims": [
            {
                "label": annotation.label.name,
                "box": None
                if annotation.xmin is None
                else [annotation.xmin, annotation.ymin, annotation.xmax, annotation.ymax],
            }
            for annotation in annotations
        ],
    }
    accepted = [event.batch for event in events if event.verb == Verb.ACCEPT]
    grounds = grounds_of(accepted) if accepted else {}
    return [
        Step(
            event,
            changes(event.before, event.after) + ([grounds[event.batch]] if event.batch in grounds else []),
            not hasattr(event, "undone_by") and by.has_perm(needed(event)) and history.same(now, event.after),
        )
        for event in events
    ]


def grounds_of(batches: Sequence[str]) -> dict[str, str]:
    """On what grounds samples were accepted at once, by batch."""
    tasks = ReviewTask.objects.filter(batch__in=batches, verb=ReviewTask.Verb.ACCEPT)
    return {batch: arguments["statement"] for batch, arguments in tasks.values_list("batch", "arguments")}


def needed(event: ReviewEvent) -> str:
    """The permission that undoing, or redoing, an event takes: that of the decision itself."""
    decided = event.undoes if event.verb == Verb.UNDO and event.undoes else event
    return PERMISSIONS.get(Verb(decided.verb), "datasets.confirm_sample")


def since(sample: Sample, version: int) -> list[ReviewEvent]:
    """The decisions about a sample that somebody who saw a version of it has not seen, the newest first."""
    return list(sample.review_events.select_related("by")[: max(1, min(SHOWN, sample.version - version))])


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What changed between two states of `datasets.history`, in words."""
    words = []
    if before["status"] != after["status"]:
        words.append(f"{Status(before['status']).label} → {Status(after['status']).label}")
    if before["hard"] != after["hard"]:
        words.append("hard example" if after["hard"] else "no hard example")
    return words + _claims(before["claims"], after["claims"])


def _claims(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels and boxes that came, went or changed; a box that moved is found again by its overlap."""
    gone, new = _without(before, after), _without(after, before)
    if max(len(gone), len(new)) > COMPARED:
        return [f"{len(gone)} boxes before, {len(new)} other ones after"]
    words = []
    for one in list(gone):
        shares = [(overlap(_box(one), _box(other)), one["label"] == other["label"], other) for other in new]
        share, is_same_label, other = max(shares, key=lambda found: found[:2], default=(0.0, False, None))
        if other is None or not share:
            continue
        gone.remove(one)
        new.remove(other)
        was, now = apart(one["label"]), apart(other["label"])
        words.append(f"{was} moved" if is_same_label else f"{was} → {now}")
    words += [f"{apart(claim['label'])} added" for claim in new]
    words += [f"{apart(claim['label'])} removed" for claim in gone]
    return words if len(words) <= TOLD else [*words[:TOLD], f"{len(words) - TOLD} more"]


def _without(claims: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The claims that do not stand among the others, which may say a thing as often as the claims do."""
    left = Counter((claim["label"], _box(claim)) for claim in others)
    rest = []
    for claim in claims:
        key = claim["label"], _box(claim)
        left[key] -= 1
        if left[key] < 0:
            rest.append(claim)
    return rest


def _box(claim: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    box = claim["box"]
    return (box[0], box[1], box[2], box[3]) if box else None
