"""A decision about a selection of samples: at once where it is small, else as a task with progress.

Both do the same, chunk by chunk, by `decide`. A selection is the versions that the person saw, by sample: what somebody
else has changed since is passed over and counted.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import itemgetter

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from config.doorbell import ring
from config.leases import AWAY, PACED_ROWS, Lease, LeaseLost, breathe, claim, paced
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.steps import step
from datasets import bulk_review, deletion, transfer, undoing
from datasets.bulk_labels import Relabeling, label_many
from datasets.bulk_review import Changed
from datasets.models import Dataset, ReviewEvent, Sample, Task
from datasets.picking import of
from labeling.models import REVIEW_TASK_MOVES, ReviewTask, ReviewTaskStatus

TASK = "labeling.execute_review"
AT_ONCE = 200  # samples that a request may take
Verb = ReviewTask.Verb
MOST: Mapping[str, int] = {
    Verb.ADD_TO_DATASET: 60,
    Verb.DELETE: 100,
    Verb.UNDO: undoing.CHUNK_EVENTS,
}
"""Samples of one transaction, of decisions that go sample by sample; the others are a few statements for all."""


@dataclass(frozen=True)
class Arguments:
    """What a decision needs besides its verb.

    Attributes:
        only: labels that shall stand instead of what stands (LABEL).
        add, remove: labels that shall stand, too, or no more (LABEL).
        target: id of the dataset to add to (ADD_TO_DATASET).
        with_sources: whether source files are deleted, too (DELETE).
        statement: on what grounds (ACCEPT).
    """

    only: Sequence[str] = ()
    add: Sequence[str] = ()
    remove: Sequence[str] = ()
    target: int | None = None
    with_sources: bool = False
    statement: str = ""


@dataclass(frozen=True)
class Selection:
    """Samples as they were seen: the version by id, in the order in which they were."""

    versions: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: QuerySet[Sample]) -> "Selection":
        """All samples of a query, as they are now, hardest first: what stands together in the index of the queue is
        then decided, and written, together."""
        rows = samples.order_by("id").values_list("pk", "version", "hard_coefficient")
        return cls({pk: version for pk, version, _ in sorted(rows, key=itemgetter(2), reverse=True)})

    def packed(self) -> bytes:
        """Ids, then versions, int64."""
        return np.array([list(self.versions), list(self.versions.values())], "<i8").tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> "Selection":
        """What `packed` gave."""
        ids, versions = np.frombuffer(data, "<i8").reshape(2, -1)
        return cls(dict(zip(ids.tolist(), versions.tolist(), strict=True)))


def decide(
    *, dataset: Dataset, verb: str, versions: Mapping[int, int], arguments: Arguments, by: User, batch: str
) -> Changed:
    """One decision about samples of a dataset, in chunks; ids of other datasets are passed over.

    Raises:
        Refused: unknown_label, unknown_dataset, type_mismatch (409), location_read_only, repeated or missing labels of
            a chunk are counted as passed over instead.
    """
    if verb == Verb.UNDO:
        return undoing.undo_events(events=list(versions), by=by, batch=batch)
    ours = set(dataset.samples.filter(pk__in=of(list(versions))).values_list("pk", flat=True))
    known = {pk: version for pk, version in versions.items() if pk in ours}
    done = _VERBS[verb](dataset, known, arguments, by, batch)
    return undoing.add(Changed(0, len(versions) - len(known), batch), done)


def begin(
    *, dataset: Dataset, verb: str, selection: Selection, arguments: Arguments, by: User, batch: str
) -> ReviewTask:
    """Leaves a decision to a worker.

    Args:
        batch: names the action: asked again with the same one, the task that is there is given back.

    Raises:
        Refused: nothing_selected; as `check`.
    """
    if not selection.versions:
        raise Refused("nothing_selected", "No sample is selected.", field="samples")
    check(dataset=dataset, verb=verb, arguments=arguments)
    return _begin(dataset, verb, selection, arguments, by, batch)


def begin_undo(*, dataset: Dataset, batch: str, by: User) -> ReviewTask:
    """Leaves the undoing of a large batch to a worker; the latest event of each sample comes first."""
    events = ReviewEvent.objects.filter(dataset=dataset, batch=batch).order_by("-id").values_list("pk", flat=True)
    return _begin(dataset, Verb.UNDO, Selection(dict.fromkeys(events, 0)), Arguments(), by, secrets.token_hex(16))


def _begin(dataset: Dataset, verb: str, selection: Selection, arguments: Arguments, by: User, batch: str) -> ReviewTask:
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        made = ReviewTask.objects.filter(dataset=dataset, batch=batch, created_by=by).first()
        if made is not None:
            return made
        task = ReviewTask.objects.create(
            dataset=dataset,
            verb=verb,
            arguments=asdict(arguments),
            chosen=selection.packed(),
            total=len(selection.versions),
            batch=batch,
            created_by=by,
        )
        ring(TASK, task.pk)
    return task


def check(*, dataset: Dataset, verb: str, arguments: Arguments) -> None:
    """Whether a decision makes sense for a dataset at all.

    Raises:
        Refused: unknown_verb, not_for_boxes, no_label, unknown_label, unknown_dataset, type_mismatch (409).
    """
    if verb not in _VERBS:
        raise Refused("unknown_verb", "Choose what to do with the samples.", field="verb")
    if verb == Verb.LABEL:
        if dataset.task != Task.IMAGE_CLASSIFICATION:
            words = "Boxes are labeled one image at a time: open the image."
            raise Refused("not_for_boxes", words, status=409, field="verb")
        if not (arguments.only or arguments.add or arguments.remove):
            raise Refused("no_label", "Choose a label.", field="label")
        names = {*arguments.only, *arguments.add, *arguments.remove}
        gone = sorted(names - set(dataset.labels.filter(name__in=names).values_list("name", flat=True)))
        if gone:
            raise Refused("unknown_label", f"The dataset has no label {gone[0][:100]}.", field="label")
    if verb == Verb.ADD_TO_DATASET:
        target = Dataset.objects.filter(pk=arguments.target or 0).exclude(pk=dataset.pk).first()
        if target is None:
            raise Refused("unknown_dataset", "Choose the dataset to add to.", field="target")
        if target.task != dataset.task:
            words = f"{target.name} is for {target.get_task_display().lower()}."
            raise Refused("type_mismatch", words, status=409, field="target")


def stop(*, task: ReviewTask, by: User) -> None:
    """Stops a decision after the chunk at hand; what was decided stays, and can be undone as a batch.

    Raises:
        Refused: illegal_status_change (409) where it has ended.
    """
    with transaction.atomic():
        changes = {"stop_requested": True, "finished_at": timezone.now(), "lease_token": "", "lease_expires_at": None}
        rows = ReviewTask.objects.filter(pk=task.pk)
        move_one(rows, moves=REVIEW_TASK_MOVES, to=ReviewTaskStatus.STOPPED, changes=changes)


def execute(task_id: int) -> None:
    """Goes on with a decision wherever it stands; harmless however often it is called."""
    try:
        lease = claim(ReviewTask, task_id)
        if lease is None:
            return
        with lease.giving_back(), lease.waiting():
            _go_on(lease)
    except LeaseLost:
        return
    except Refused as refused:
        if refused.status == AWAY:
            raise
        _end(task_id, ReviewTaskStatus.FAILED, error_code=refused.code, error=str(refused))


def _go_on(lease: Lease) -> None:
    task = ReviewTask.objects.select_related("dataset", "created_by").get(pk=lease.pk)
    selection = Selection.unpacked(bytes(task.chosen))
    arguments = Arguments(**task.arguments)
    cursor = task.cursor
    left = list(selection.versions.items())[cursor:]
    for part in paced(left, most=MOST.get(task.verb, PACED_ROWS)):
        with transaction.atomic():
            lease.hold(changes={"cursor": cursor + len(part)})
            done = decide(
                dataset=task.dataset,
                verb=task.verb,
                versions=dict(part),
                arguments=arguments,
                by=task.created_by,
                batch=task.batch,
            )
            ReviewTask.objects.filter(pk=task.pk).update(
                changed=F("changed") + done.changed,
                passed_over=F("passed_over") + done.passed_over,
                overtaken=F("overtaken") + done.overtaken,
            )
            step("review.chunk.before_commit")
        step("review.chunk.committed")
        cursor += len(part)
        breathe()
    _end(task.pk, ReviewTaskStatus.FINISHED)


def _end(task_id: int, status: ReviewTaskStatus, *, error_code: str = "", error: str = "") -> None:
    changes: dict[str, str | datetime | None] = {
        "error_code": error_code,
        "error": error,
        "finished_at": timezone.now(),
        "lease_token": "",
        "lease_expires_at": None,
    }
    move(ReviewTask.objects.filter(pk=task_id), moves=REVIEW_TASK_MOVES, to=status, changes=changes)


def _confirm(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return bulk_review.confirm_many(sample_ids=versions, by=by, batch=batch)


def _accept(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return bulk_review.accept_many(sample_ids=versions, by=by, batch=batch)


def _reject(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return bulk_review.reject_many(sample_ids=versions, by=by, batch=batch)


def _mark(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return bulk_review.mark_hard(samples=versions, by=by, batch=batch)


def _unmark(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return bulk_review.unmark_hard(samples=versions, by=by, batch=batch)


def _delete(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    return deletion.delete_samples(samples=versions, by=by, with_sources=arguments.with_sources, batch=batch)


def _add_to_dataset(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    target = Dataset.objects.filter(pk=arguments.target or 0).first()
    if target is None:
        raise Refused("unknown_dataset", "The dataset to add to is gone.", status=409, field="target")
    done = transfer.add_to_dataset(samples=versions, target=target, by=by)
    return Changed(done.added + done.updated, done.already_there + done.passed_over, batch)


def _label(dataset: Dataset, versions: dict[int, int], arguments: Arguments, by: User, batch: str) -> Changed:
    wanted = Relabeling(only=arguments.only, add=arguments.add, remove=arguments.remove)
    return label_many(dataset=dataset, samples=versions, wanted=wanted, by=by, batch=batch)


_VERBS: Mapping[str, Callable[[Dataset, dict[int, int], Arguments, User, str], Changed]] = {
    Verb.CONFIRM: _confirm,
    Verb.LABEL: _label,
    Verb.ACCEPT: _accept,
    Verb.REJECT: _reject,
    Verb.MARK_HARD: _mark,
    Verb.UNMARK_HARD: _unmark,
    Verb.ADD_TO_DATASET: _add_to_dataset,
    Verb.DELETE: _delete,
}
