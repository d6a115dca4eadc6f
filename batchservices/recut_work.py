"""A mining is decided anew: what becomes hard comes into the dataset with its reasons, what is hard no more loses the
mark; what people decided on stays as it is.

Chunk by chunk, items and samples in one transaction. What is left to do is what differs from the wish, so that whoever
takes over goes on there, and a re-cut that ended early is mended by the next one.
"""

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F

from batchservices.beginning import hold_key
from batchservices.bringing import CHUNK_IMAGES, PROBLEMS, Candidate, prepared
from batchservices.filtering import frozen_of, inputs_of, reference_of
from batchservices.models import (
    COLLECTION_MOVES,
    BatchRun,
    CollectionStatus,
    CollectionTask,
    RunItem,
)
from batchservices.picked import incoming_of
from batchservices.recutting import filtering_of
from config.leases import CHUNK_ROWS, Lease, breathe
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets import holds
from datasets.hardness import Hardness, decided, retell
from datasets.intake import Incoming, Reason, Taken, take_in
from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import Fusion
from hardexamples.mining import Subject, item_of
from hardexamples.models import Mining, MiningItem, Recut
from hardexamples.recut import (
    Plan,
    coefficients_of,
    plan,
    stacked,
)
from hardexamples.reference import Found
from hardexamples.scoring import Filter, Verdicts


def execute_recut(lease: Lease, task: CollectionTask) -> None:
    """Takes over what the wish says where it differs from what stands; then the task is at its end.

    Raises:
        LeaseLost: stopped, or taken over.
        Refused: the training manifest cannot be read; the dataset lost a label; with the status 503, a storage or the
            sandbox are away.
    """
    run, made = task.run, task.recut
    assert run is not None and made is not None  # noqa: S101, PT018  a constraint of the table
    settings = FilterSettings.from_dict(made.after["settings"])
    fusion = Fusion.from_dict(made.after["fitted"])
    with lease.renewing():
        wanted = plan(mining=made.mining, settings=settings, fusion=fusion)
        names = stacked(mining=made.mining, made=wanted) if wanted.added.any() else {}
        stale = _stale(made.mining, fusion, names)
        differs = (wanted.hard != wanted.was_hard) | (wanted.coefficient != coefficients_of(made.mining))
        differs |= np.isin(wanted.positions, list(stale)) & wanted.hard
    places = np.flatnonzero(differs)
    with transaction.atomic():
        lease.hold(progress=False, changes={"total": task.cursor + len(places)})
        move_one(CollectionTask.objects.filter(pk=task.pk), moves=COLLECTION_MOVES, to=CollectionStatus.IMPORTING)
        step("recut.begin.before_commit")
    step("recut.begun")
    asked = wanted.added.any() or any(not reasons for reasons in stale.values())
    with lease.renewing():
        evidence = _Evidence(lease, run, made, wanted, Filter(settings), fusion) if asked else None
    redrawn = np.random.default_rng(settings.random_state).random(len(wanted.hard)) < settings.control_share
    for chunk in _chunks(wanted, places):
        with lease.renewing():
            work = _Chunk.prepare(task, run, made.mining, wanted, chunk, redrawn, evidence, names, stale)
        with transaction.atomic():
            lease.hold(changes={"error": "\n".join([*task.error.splitlines(), *work.failed][:PROBLEMS])})
            _settle(task, work, settled=len(chunk))
            step("recut.chunk.before_commit")
        step("recut.chunk.committed")
        task.refresh_from_db()
        breathe()
    with transaction.atomic():
        lease.hold()
        _conclude(made, settings)
        step("recut.conclude.before_commit")
    step("recut.concluded")


class _Evidence:
    """Why images are hard by the new settings: the rules fitted on the training set again, without new inference."""

    def __init__(self, lease: Lease, run: BatchRun, made: Recut, wanted: Plan, chosen: Filter, fusion: Fusion) -> None:
        self.mining = made.mining
        frozen = frozen_of(filtering_of(made.mining))
        self.found: Found | None = reference_of(lease, run, frozen)
        heard = lease.now_and_then()
        subjects, batch = inputs_of(run, looked=frozen, between=heard)
        if [subject.position for subject in subjects] != wanted.positions.tolist():
            raise Refused("inputs_changed", "The run's inputs are not those of the mining any more.", status=409)
        reference = self.found.reference if self.found else None
        chosen.fit(reference, fitted=made.after["fitted"], between=heard)
        chosen.fusion_ = fusion
        kept = {name: np.full(len(batch), np.nan) for name in fusion.rules if name in chosen.rules_}
        rows = MiningItem.objects.filter(mining=made.mining).order_by("position").values_list("scores", flat=True)
        for index, scores in enumerate(rows.iterator(chunk_size=2000)):
            for name in kept:
                score = scores.get(name)
                kept[name][index] = np.nan if score is None else score
        nobody = np.zeros(len(batch), bool)
        stack = np.full(len(batch), -1)
        self.verdicts = Verdicts(chosen, batch, kept, wanted.coefficient, wanted.hard, nobody, stack)

    def item(self, place: int, position: int, sha256: str) -> MiningItem:
        """The row of a newly hard image, with its reasons; not saved."""
        return item_of(self.mining, self.verdicts, place, Subject(position, sha256), self.found)


@dataclass(frozen=True)
class _Chunk:
    """Rows of the mining as they shall be, images that come in, what rules say of those that are there, and a line
    about each image that could not be read."""

    rows: list[MiningItem]
    incoming: list[Incoming]
    said: Mapping[str, Hardness]
    failed: list[str]

    @classmethod
    def prepare(
        cls,
        task: CollectionTask,
        run: BatchRun,
        mining: Mining,
        wanted: Plan,
        places: tuple[int, ...],
        redrawn: np.ndarray,
        evidence: _Evidence | None,
        names: Mapping[int, str],
        stale: Mapping[int, list[dict[str, Any]]],
    ) -> "_Chunk":
        """Outside of any transaction: reasons are found, bytes are read and kept."""
        positions = {int(wanted.positions[place]): place for place in places}
        rows = list(MiningItem.objects.filter(mining=mining, position__in=positions).order_by("position"))
        items = {item.position: item for item in RunItem.objects.filter(run=run, position__in=positions)}
        candidates: list[Candidate] = []
        said: dict[str, Hardness] = {}
        for row in rows:
            place = positions[row.position]
            known, told = row.flagged or row.control, None
            row.coefficient, row.flagged = float(wanted.coefficient[place]), bool(wanted.hard[place])
            row.stack = names.get(row.position, row.stack) if row.flagged else ""
            if wanted.dropped[place]:
                row.control = row.control or bool(redrawn[place])
                row.reasons, row.box_coefficients = [], []
            elif row.flagged and (wanted.added[place] or row.position in stale):
                row.reasons = stale.get(row.position, [])
                if evidence is not None and not row.reasons:
                    new = evidence.item(place, row.position, row.sha256)
                    row.reasons, row.box_coefficients = new.reasons, new.box_coefficients
                told = tuple(Reason(**reason) for reason in row.reasons)
            if wanted.added[place]:
                item = items[row.position]
                make = partial(incoming_of, task, run, item, _unasked(row))
                candidates.append(Candidate(item.name, item.location, item.sha256, make))
            elif known:
                said[row.sha256] = Hardness(row.flagged, row.coefficient, row.control, row.stack, told)
        incoming, failed = prepared(iter(candidates))
        if failed:  # what could not be read is not hard yet, so that the next re-cut tries it again
            read = {item.prepared.sha256 for item in incoming}
            rows = [row for row in rows if not wanted.added[positions[row.position]] or row.sha256 in read]
        staying = {row.sha256 for row in rows} & {sha256.decode() for sha256 in wanted.sha256s[wanted.hard]}
        return cls(rows, incoming, _without_others(task, said, staying), failed)


def _unasked(row: MiningItem) -> MiningItem:
    """The row as an image that is hard, whether or not it was drawn as a control before."""
    hard = copy(row)
    hard.control = False
    return hard


def _stale(mining: Mining, fusion: Fusion, names: Mapping[int, str]) -> dict[int, list[dict[str, Any]]]:
    """Of what is hard already, by position, what stands in another stack now or quotes rules that do not count any
    more: the reasons that are left."""
    rows = MiningItem.objects.filter(mining=mining, flagged=True).values_list("position", "stack", "reasons")
    found = {}
    for position, stack, reasons in rows.iterator(chunk_size=2000):
        left = [reason for reason in reasons if reason["rule"] in fusion.rules]
        if len(left) < len(reasons) or names.get(position, stack) != stack:
            found[position] = left
    return found


def _chunks(wanted: Plan, places: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Places to settle, at most so many that one transaction is short: an image that comes in costs some eight rows."""
    for block in batched(places.tolist(), CHUNK_ROWS // 2):
        some: list[int] = []
        incoming = 0
        for place in block:
            incoming += bool(wanted.added[place])
            if incoming > CHUNK_IMAGES:
                yield tuple(some)
                some, incoming = [], 1
            some.append(place)
        yield tuple(some)


def _without_others(
    task: CollectionTask, said: Mapping[str, Hardness], staying: Collection[str]
) -> dict[str, Hardness]:
    """Leaves out what must stay hard: the same bytes at another place (`staying`), or in another run's mining. An
    earlier mining of the same run counts no more."""
    losing = [sha256 for sha256, hardness in said.items() if not hardness.hard]
    minings = CollectionTask.objects.filter(dataset=task.dataset, mining__isnull=False).exclude(run=task.run)
    others = MiningItem.objects.filter(mining__in=minings.values("mining"), sha256__in=losing, flagged=True)
    hard = {*others.values_list("sha256", flat=True), *(set(losing) & set(staying))}
    return {sha256: hardness for sha256, hardness in said.items() if sha256 not in hard}


def _settle(task: CollectionTask, work: _Chunk, *, settled: int) -> None:
    """One chunk, inside the caller's transaction."""
    MiningItem.objects.bulk_update(
        work.rows, ["coefficient", "flagged", "control", "stack", "reasons", "box_coefficients"], batch_size=CHUNK_ROWS
    )
    retell(dataset=task.dataset, said=work.said)
    people = decided(dataset=task.dataset, sha256s=[item.prepared.sha256 for item in work.incoming])
    incoming = [item for item in work.incoming if item.prepared.sha256 not in people]
    taken = take_in(dataset=task.dataset, incoming=incoming)
    done = task.cursor + settled
    CollectionTask.objects.filter(pk=task.pk).update(
        cursor=done,
        added=F("added") + taken.count(Taken.ADDED),
        already_there=F("already_there") + taken.count(Taken.ALREADY_THERE) + taken.count(Taken.UPDATED),
        already_labeled=F("already_labeled") + taken.count(Taken.ALREADY_LABELED) + len(people),
        failed=F("failed") + len(work.failed),
    )
    holds.progress(dataset=task.dataset, key=hold_key(task), done=done, total=task.total)


def _conclude(made: Recut, settings: FilterSettings) -> None:
    """The mining says how it is decided now."""
    items = MiningItem.objects.filter(mining=made.mining)
    Mining.objects.filter(pk=made.mining_id).update(
        filter=made.filter,
        settings=settings.as_dict(),
        fitted=made.after["fitted"],
        flagged=items.filter(flagged=True).count(),
        controls=items.filter(control=True, flagged=False).count(),
    )
