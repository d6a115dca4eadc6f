"""Applies a filter to the inputs of a run and keeps what every rule said about each of them.

Runs in a worker, never in a web process. A worker that died is replaced by one that computes the same again: the
fitted figures are kept, everything random has a seed, rows are written by position.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.leases import CHUNK_ROWS, CHUNK_SECONDS, breathe
from config.lifecycle import move_one
from config.steps import step
from hardexamples import suspects
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import MINING_MOVES, HardExampleFilter, Mining, MiningItem, MiningStatus
from hardexamples.reference import Found
from hardexamples.rules import Evidence
from hardexamples.scoring import FUSION_VERSION, Batch, Filter, Verdicts, undecided
from hardexamples.second_look import Looker, View

SENTENCE_LENGTH = 500
EXPLAINED = 100  # images at once: much cheaper than one by one


@dataclass(frozen=True)
class Subject:
    """One mined input: its position in what was mined, and its content address."""

    position: int
    sha256: str


@dataclass(frozen=True)
class Again:
    """How undecided inputs are looked at again.

    Attributes:
        looker: who looks.
        read: gives the bytes of the input at a position; raises Refused.
    """

    looker: Looker
    read: Callable[[int], bytes]


def begin(
    *, subject: str, task: str, settings: FilterSettings, filter_id: int | None, training_manifest: str
) -> Mining:
    """The mining of a subject, frozen at its first call; inside the caller's transaction.

    Args:
        subject: what is mined, in words: "batch run 12".
        task: what the samples are labeled for.
        settings: the filter's settings.
        filter_id: the filter they came from; what it has learned from reviews is used instead of what the training
            manifest would teach.
        training_manifest: `alias:path` or "".
    """
    chosen = HardExampleFilter.objects.filter(pk=filter_id).first() if filter_id else None
    return Mining.objects.get_or_create(
        subject=subject,
        defaults={
            "task": task,
            "settings": settings.as_dict(),
            "filter_id": filter_id,
            "training_manifest": training_manifest,
            "fusion_version": FUSION_VERSION,
            "fitted": chosen.fitted if chosen else None,
        },
    )[0]


def mine(
    *,
    mining: Mining,
    batch: Batch,
    subjects: Sequence[Subject],
    found: Found | None,
    hold: Callable[[bool], None],
    again: Again | None = None,
) -> None:
    """Fits, scores, looks again at the undecided, and keeps one row per input; again does the same.

    Args:
        mining: as `begin` gave it.
        batch: the inputs with what the model said.
        subjects: one per input of the batch, in its order.
        found: the reference, or None where there is no training manifest.
        hold: called first in each transaction, with whether the work got further; raises to end the work.
        again: how undecided inputs are looked at again; None where they are not.

    Raises:
        Refused: storage or sandbox are away (503).
    """
    if mining.status == MiningStatus.FINISHED:
        return
    chosen = Filter(FilterSettings.from_dict(mining.settings))
    fitted = chosen.fit(
        found.reference if found else None, fitted=_kept_fit(mining, chosen, found), between=partial(hold, False)
    )
    _keep_fit(mining, fitted, found, len(batch), hold)
    suspects.keep(fitted.suspect_labels_, mining=mining, found=found, hold=hold)
    verdicts = fitted.apply(batch, between=partial(hold, False))
    if again is not None:
        verdicts = _second_look(mining, verdicts, subjects, again, hold)
    start = 0
    while start < len(subjects):
        rows: list[MiningItem] = []
        since = time.monotonic()
        while start < len(subjects) and len(rows) < CHUNK_ROWS and time.monotonic() - since < CHUNK_SECONDS:
            piece = range(start, min(start + EXPLAINED, len(subjects)))
            rows += _items(mining, verdicts, piece, subjects, found)
            start = piece.stop
        _keep(rows, hold)
    with transaction.atomic():
        hold(True)
        changes = {
            "flagged": int(verdicts.flagged.sum()),
            "controls": int(verdicts.control.sum()),
            "finished_at": timezone.now(),
        }
        move_one(Mining.objects.filter(pk=mining.pk), moves=MINING_MOVES, to=MiningStatus.FINISHED, changes=changes)
        step("mining.finish.before_commit")
    step("mining.finished")
    mining.refresh_from_db()


def _keep_fit(mining: Mining, fitted: Filter, found: Found | None, total: int, hold: Callable[[bool], None]) -> None:
    changes: dict[str, Any] = {"fitted": fitted.fitted_as_dict(), "total": total}
    if found is not None:
        changes["reference_sha256"] = found.reference.fingerprint
        changes["reference_count"] = len(found.reference)
        changes["reference_missing"] = len(found.missing)
    with transaction.atomic():
        hold(mining.status == MiningStatus.PREPARING)
        move_one(Mining.objects.filter(pk=mining.pk), moves=MINING_MOVES, to=MiningStatus.SCORING, changes=changes)
        step("mining.fit.before_commit")
    step("mining.fitted")
    breathe()


def _kept_fit(mining: Mining, chosen: Filter, found: Found | None) -> dict[str, Any] | None:
    """The figures of an earlier worker, of reviews, or of an earlier mining with this very reference and like settings;
    without suspects where these are not of this very reference."""
    if not mining.fitted and found:
        earlier = Mining.objects.filter(reference_sha256=found.reference.fingerprint).exclude(reference_sha256="")
        alike = earlier.filter(fitted__fitted_on=chosen.fit_key(found.reference)) if earlier.exists() else earlier
        return alike.order_by("-pk").values_list("fitted", flat=True).first()
    if not mining.fitted or (found and mining.reference_sha256 == found.reference.fingerprint):
        return mining.fitted
    return {key: value for key, value in mining.fitted.items() if key != "suspect_labels"}


def _second_look(
    mining: Mining, verdicts: Verdicts, subjects: Sequence[Subject], again: Again, hold: Callable[[bool], None]
) -> Verdicts:
    """The verdicts with what the model said about changed images; what was not changed has no opinion of that.

    How many were looked at is kept at the end: a worker that goes on after that asks nothing more, so that it comes to
    the same verdicts.
    """
    looker, batch = again.looker, verdicts.batch
    chosen = undecided(verdicts, budget=looker.images)
    sha256s = [subjects[place].sha256 for place in chosen]
    if not mining.second_looks:
        boxes = batch.boxes
        views = [
            View(
                subjects[place].sha256,
                None if boxes is None else boxes[place],
                partial(again.read, subjects[place].position),
            )
            for place in chosen
        ]
        looker.look(views, committed=lambda: hold(True))
    _keep_looks(mining, looker.looks(sha256s), hold)
    return looker.decided(verdicts, chosen, sha256s)


def _keep_looks(mining: Mining, looks: int, hold: Callable[[bool], None]) -> None:
    with transaction.atomic():
        hold(False)
        Mining.objects.filter(pk=mining.pk).update(second_looks=looks)
        step("mining.second_look.before_commit")
    step("mining.second_look.ended")
    breathe()


def _keep(rows: list[MiningItem], hold: Callable[[bool], None]) -> None:
    with transaction.atomic():
        hold(False)
        MiningItem.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["mining", "position"],
            update_fields=[
                "sha256",
                "coefficient",
                "flagged",
                "control",
                "stack",
                "scores",
                "reasons",
                "box_coefficients",
            ],
        )
        step("mining.chunk.before_commit")
    step("mining.chunk.committed")
    breathe()


def _items(
    mining: Mining, verdicts: Verdicts, piece: range, subjects: Sequence[Subject], found: Found | None
) -> Iterator[MiningItem]:
    told = [index for index in piece if verdicts.flagged[index] or verdicts.control[index]]
    evidence = dict(zip(told, verdicts.explain(told), strict=True))
    for index in piece:
        leader = int(verdicts.stack[index])
        item = item_of(mining, verdicts, index, subjects[index], found, evidence=evidence.get(index, ()))
        item.stack = f"{mining.pk}-{subjects[leader].position}" if leader >= 0 else ""  # a name no other mining gives
        yield item


def item_of(
    mining: Mining,
    verdicts: Verdicts,
    index: int,
    subject: Subject,
    found: Found | None,
    *,
    evidence: Sequence[Evidence] | None = None,
) -> MiningItem:
    """What the rules said about image `index` of a batch, as the row that is kept; not saved, and in no stack.

    Args:
        mining, subject: whose row, and of which input.
        verdicts: over the whole batch.
        index: of the image in it.
        found: the reference, or None.
        evidence: why it is hard, where that has been asked already.
    """
    told = bool(verdicts.flagged[index] or verdicts.control[index])
    scores = {rule: _known(values[index]) for rule, values in verdicts.scores.items()}
    if evidence is None:
        evidence = verdicts.reasons(index) if told else ()
    return MiningItem(
        mining=mining,
        position=subject.position,
        sha256=subject.sha256,
        coefficient=float(verdicts.coefficient[index]),
        flagged=bool(verdicts.flagged[index]),
        control=bool(verdicts.control[index]),
        scores=scores,
        reasons=[_reason(each, scores, found) for each in evidence],
        box_coefficients=verdicts.box_coefficients(index).tolist() if told else [],
    )


def _reason(evidence: Evidence, scores: dict[str, float | None], found: Found | None) -> dict[str, Any]:
    """Evidence as plain JSON, its neighbors named by their bytes."""
    neighbors = []
    for index, distance in evidence.neighbours if found else ():
        name = found.reference.names[index] if found else ""
        neighbors.append({"name": name, "sha256": found.sha256s[index] if found else "", "distance": _known(distance)})
    return {
        "code": evidence.code,
        "rule": evidence.rule,
        "score": scores[evidence.rule],
        "measured": _known(evidence.measured),
        "normal_low": _known(evidence.normal_low),
        "normal_high": _known(evidence.normal_high),
        "sentence": evidence.sentence[:SENTENCE_LENGTH],
        "suggestion": evidence.suggestion[:SENTENCE_LENGTH],
        "neighbors": neighbors,
        "claim": evidence.box,
    }


def _known(value: float | None) -> float | None:
    """A finite number, or None: no opinion is NULL on every database."""
    return float(value) if value is not None and math.isfinite(value) else None
