"""What people's reviews tell about a filter: how good it is, and which weights would be better.

A review event about an image that a filter had flagged, or put among the control images, says whether the prediction
was wrong. The events are joined by the image's bytes with what every rule had said about it (`MiningItem.scores`).
A person applies a proposal (`hardexamples.filters.apply_proposal`), or the filter's own setting does.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, Count, F, IntegerField, Min, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Floor
from django.utils import timezone

from config.leases import breathe
from datasets.models import Outcome, ReviewEvent, Status, Verb
from hardexamples.estimates import Curve, Remaining, Stratum, curve, estimate, pooled, remaining, strata_of
from hardexamples.filters import apply_proposal
from hardexamples.fusion import FUSION_VERSION, Fusion
from hardexamples.lessons import FEWEST_REVIEWS, propose
from hardexamples.models import FilterReport, HardExampleFilter, Judgement, Mining, MiningItem, MiningStatus

BINS = 10
BLOCK = 500
OVERLAP = 500  # events read again: on PostgreSQL a lower id may become visible after a higher one
MOST_REVIEWS = 5_000  # the latest ones that weights and curves are made from
_ASKED = Q(flagged=True) | Q(control=True)
_JUDGING = (Verb.CONFIRM, Verb.REJECT, Verb.RELABEL)


@dataclass(frozen=True)
class Reviewed:
    """The judged images of a filter, n of them, with how many images each stands for.

    Attributes:
        scores: (n,) by rule, NaN = no opinion.
        coefficient: (n,) as it was when they were mined.
        wrong: (n,) bool.
        weights: (n,) > 0.
    """

    scores: dict[str, np.ndarray]
    coefficient: np.ndarray
    wrong: np.ndarray
    weights: np.ndarray


def learn(*, chosen: HardExampleFilter, by: User | None, hold: Callable[[], None] | None = None) -> FilterReport:
    """Reads what people have decided since the last time, in chunks that are committed, and makes figures and a
    proposal of it all; applies it where the filter says so and it is better. Who is interrupted goes on where it ended.

    Args:
        chosen: the filter.
        by: who asks; None for the machine.
        hold: called first in each transaction; raises to end the work.
    """
    report = FilterReport.objects.get_or_create(filter=chosen)[0]
    cursor: int | None = max(report.last_event - OVERLAP, 0)
    fresh = not report.figures or chosen.minings.filter(finished_at__gte=report.learned_at).exists()
    while cursor is not None:
        cursor, changed = _read(chosen, cursor, hold)
        fresh = fresh or changed
        breathe()
    told = _figures(chosen) if fresh else (report.figures, report.proposal)
    with transaction.atomic():
        if hold is not None:
            hold()
        report = FilterReport.objects.select_for_update().get(filter=chosen)
        report.figures, report.proposal = told
        report.learned_at = timezone.now()
        report.save(update_fields=["figures", "proposal", "learned_at"])
        willing = HardExampleFilter.objects.filter(pk=chosen.pk, applies_proposals=True).exists()
        if willing and report.proposal and report.proposal["better"]:
            apply_proposal(chosen=chosen, by=by)
    return report


def _read(chosen: HardExampleFilter, after: int, hold: Callable[[], None] | None) -> tuple[int | None, bool]:
    """Judges by a chunk of the events after this one. Returns the last one read, None where there was none, and
    whether any image is judged differently now."""
    with transaction.atomic():
        if hold is not None:
            hold()
        rows = list(
            ReviewEvent.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "sample__blob__sha256")[:BLOCK]
        )
        if not rows:
            return None, False
        changed = _judge(chosen, {sha256 for _, sha256 in rows if sha256 is not None})
        FilterReport.objects.filter(filter=chosen, last_event__lt=rows[-1][0]).update(last_event=rows[-1][0])
    return rows[-1][0], changed


def unread(report: FilterReport | None) -> int:
    """How many review events came since the filter last learned."""
    last = report.last_event if report else 0
    return ReviewEvent.objects.filter(pk__gt=last, sample__isnull=False).count()


def remaining_of(report: FilterReport, *, share: float) -> Remaining | None:
    """How many more images should be looked at until fewer than `share` (0..1) of all are still wrongly predicted;
    None before any review of a control image."""
    strata = report.figures.get("strata", [])
    unflagged = report.figures.get("unflagged")
    if not unflagged or not unflagged["reviewed"]:
        return None
    return remaining([Stratum(**each) for each in strata], Stratum(**unflagged), share=share)


def _judge(chosen: HardExampleFilter, sha256s: Collection[str]) -> bool:
    """Writes anew what people found about these images; what was undone is forgotten. Returns whether it differs."""
    items: dict[str, list[MiningItem]] = defaultdict(list)
    mined = MiningItem.objects.filter(_ASKED, mining__filter=chosen, sha256__in=sha256s)
    for item in mined.select_related("mining").defer("reasons", "scores"):
        items[item.sha256].append(item)
    events: dict[str, list[ReviewEvent]] = defaultdict(list)
    judging = ReviewEvent.objects.filter(verb__in=_JUDGING, undone_by__isnull=True, sample__blob__sha256__in=items)
    for event in judging.select_related("sample__blob").order_by("pk"):
        # a later correction of labeled samples is about people's labels, not about the model's words
        if event.sample is not None and event.before.get("status") == Status.TO_BE_CONFIRMED:
            events[event.sample.blob.sha256].append(event)
    known = Judgement.objects.filter(item__in=[item.pk for each in items.values() for item in each])
    before_now = set(known.values_list("item", "wrong"))
    made = []
    for sha256, found in events.items():
        before = [item for item in items[sha256] if item.mining.created_at <= found[0].at]
        latest = max((item.mining_id for item in before), default=None)
        wrong = any(event.outcome not in (Outcome.UNCHANGED, Outcome.HARDNESS) for event in found)
        if wrong or any(event.verb == Verb.CONFIRM for event in found):
            made += [Judgement(item=item, wrong=wrong) for item in before if item.mining_id == latest]
    if before_now == {(each.item_id, each.wrong) for each in made}:
        return False
    known.delete()
    Judgement.objects.bulk_create(made, batch_size=BLOCK)
    return True


def _figures(chosen: HardExampleFilter) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Everything that the page shows, as plain JSON, and the proposal."""
    minings = chosen.minings.filter(status=MiningStatus.FINISHED, items__judgement__isnull=False).distinct()
    counted = _counts(minings)
    flagged = strata_of(counted.bins, tail=counted.tail)
    unflagged = pooled(counted.unflagged)
    found = estimate(flagged, unflagged)
    reviewed = _reviewed(chosen, counted)
    figures: dict[str, Any] = {
        "reviews": len(reviewed.wrong),
        "wrong": int(reviewed.wrong.sum()),
        "fewest": FEWEST_REVIEWS,
        "enough": len(reviewed.wrong) >= FEWEST_REVIEWS,
        "images": counted.flagged + sum(row[0] for row in counted.unflagged),
        "flagged": counted.flagged,
        "estimate": found.as_dict(),
        "strata": [vars(each) for each in flagged],
        "unflagged": vars(unflagged),
        "curve": _curve(reviewed).as_dict() if reviewed.wrong.any() and found.reviewed_control else None,
    }
    present = _present(chosen)
    if present is None:
        return figures, None
    proposal = propose(present, reviewed.scores, reviewed.wrong, reviewed.weights)
    return figures, proposal.as_dict() | {"reviews": len(reviewed.wrong)} if proposal else None


@dataclass(frozen=True)
class _Counts:
    """(images, reviewed, wrong): of each tenth of the coefficient of the flagged, hardest first, but for the `tail`
    that is easier than all that was reviewed; of the unflagged of each mining; of each mining by flagged or not."""

    bins: list[tuple[int, int, int]]
    tail: int
    unflagged: list[tuple[int, int, int]]
    of_mining: dict[int, dict[bool, tuple[int, int, int]]]

    @property
    def flagged(self) -> int:
        """How many images were flagged."""
        return self.tail + sum(row[0] for row in self.bins)


def _counts(minings: QuerySet[Mining]) -> _Counts:
    items = MiningItem.objects.filter(mining__in=minings.values("pk"))
    reviewed = Q(judgement__isnull=False) & _ASKED
    wrong = reviewed & Q(judgement__wrong=True)
    told = {"images": Count("pk"), "reviewed": Count("pk", filter=reviewed), "wrong": Count("pk", filter=wrong)}
    tenth = Cast(Floor(F("coefficient") * BINS), IntegerField())
    last = Case(When(coefficient__gte=1, then=Value(BINS - 1)), default=tenth)
    bins = [(0, 0, 0)] * BINS
    flagged = items.filter(flagged=True)
    easiest = flagged.filter(reviewed).aggregate(least=Min("coefficient"))["least"]
    tail = flagged.filter(coefficient__lt=easiest).count() if easiest is not None else 0
    parts = (
        flagged.filter(coefficient__gte=easiest or 0.0).annotate(tenth=last).order_by().values("tenth").annotate(**told)
    )
    for which, *row in parts.values_list("tenth", *told):
        bins[BINS - 1 - which] = (row[0], row[1], row[2])
    of_mining: dict[int, dict[bool, tuple[int, int, int]]] = defaultdict(dict)
    grouped = items.order_by().values("mining", "flagged").annotate(**told)
    for mining, hard, *row in grouped.values_list("mining", "flagged", *told):
        of_mining[mining][hard] = (row[0], row[1], row[2])
    return _Counts(bins, tail, [each[False] for each in of_mining.values() if False in each], of_mining)


def _reviewed(chosen: HardExampleFilter, counted: _Counts) -> Reviewed:
    judged = MiningItem.objects.filter(_ASKED, mining__in=list(counted.of_mining), judgement__isnull=False)
    rows = list(
        judged.values_list("mining", "flagged", "coefficient", "judgement__wrong", "scores").order_by("-pk")[
            :MOST_REVIEWS
        ]
    )
    names = sorted({rule for row in rows for rule in row[4]})
    scores = {
        name: np.array([np.nan if row[4].get(name) is None else row[4][name] for row in rows], float) for name in names
    }
    weights = [counted.of_mining[row[0]][row[1]] for row in rows]
    return Reviewed(
        scores,
        np.array([row[2] for row in rows], float),
        np.array([row[3] for row in rows], bool),
        np.array([images / reviewed for images, reviewed, _ in weights], float),
    )


def _curve(reviewed: Reviewed) -> Curve:
    said = {"fused": reviewed.coefficient}
    if "low_confidence" in reviewed.scores:
        said["margin"] = reviewed.scores["low_confidence"]
    return curve(said, reviewed.wrong, reviewed.weights)


def _present(chosen: HardExampleFilter) -> Fusion | None:
    """The fusion in use: learned weights, or that of the filter's latest mining."""
    if chosen.fitted and chosen.fitted["version"] == FUSION_VERSION:
        return Fusion.from_dict(chosen.fitted)
    mining = chosen.minings.filter(status=MiningStatus.FINISHED, fusion_version=FUSION_VERSION).first()
    return Fusion.from_dict(mining.fitted) if mining is not None and mining.fitted else None
