"""Applies a filter to the inputs of a run and keeps what every rule said about each of them.

Runs in a worker, never in a web process. A worker that died is replaced by one that computes the same again: the
fitted figures are kept, everything random has a seed, rows are written by position.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.leases import CHUNK_ROWS, CHUNK_SECONDS, breathe
from config.lifecycle import move_one
from config.steps import step
from hardexamples.models import MINING_MOVES, HardExampleFilter, Mining, MiningItem, MiningStatus
from hardexamples.reference import Found
from hardexamples.rules import Evidence
from hardexamples.scoring import FUSION_VERSION, Batch, Filter, FilterSettings, Verdicts

SENTENCE_LENGTH = 500


@dataclass(frozen=True)
class Subject:
    """One mined input: its position in what was mined, and its bytes."""

    position: int
    sha256: str


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
    *, mining: Mining, batch: Batch, subjects: Sequence[Subject], found: Found | None, hold: Callable[[bool], None]
) -> None:
    """Fits, scores and keeps one row per input; again does the same.

    Args:
        mining: as `begin` gave it.
        batch: the inputs with what the model said.
        subjects: one per input of the batch, in its order.
        found: the reference, or None where there is no training manifest.
        hold: called first in each transaction, with whether the work got further; raises to end the work.
    """
    if mining.status == MiningStatus.FINISHED:
        return
    fitted = Filter(FilterSettings.from_dict(mining.settings)).fit(
        found.reference if found else None, fitted=mining.fitted
    )
    _keep_fit(mining, fitted, found, len(batch), hold)
    verdicts = fitted.apply(batch)
    start = 0
    while start < len(subjects):
        rows: list[MiningItem] = []
        since = time.monotonic()
        while start < len(subjects) and len(rows) < CHUNK_ROWS and time.monotonic() - since < CHUNK_SECONDS:
            rows.append(item_of(mining, verdicts, start, subjects[start], found))
            start += 1
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


def _keep(rows: list[MiningItem], hold: Callable[[bool], None]) -> None:
    with transaction.atomic():
        hold(False)
        MiningItem.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["mining", "position"],
            update_fields=["sha256", "coefficient", "flagged", "control", "stack", "scores", "reasons"],
        )
        step("mining.chunk.before_commit")
    step("mining.chunk.committed")
    breathe()


def item_of(mining: Mining, verdicts: Verdicts, index: int, subject: Subject, found: Found | None) -> MiningItem:
    """What the rules said about image `index` of a batch, as the row that is kept; not saved."""
    told = bool(verdicts.flagged[index] or verdicts.control[index])
    scores = {rule: _known(values[index]) for rule, values in verdicts.scores.items()}
    return MiningItem(
        mining=mining,
        position=subject.position,
        sha256=subject.sha256,
        coefficient=float(verdicts.coefficient[index]),
        flagged=bool(verdicts.flagged[index]),
        control=bool(verdicts.control[index]),
        scores=scores,
        reasons=[_reason(each, scores, found) for each in verdicts.reasons(index)] if told else [],
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
