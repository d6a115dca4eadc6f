"""Accepting at once what an auto labeling task is sure of, with a stated risk of being wrong.

The control images are the first of the task's random order, as far as people have decided all of them: so they are
drawn by chance. What lies last in that order is kept back for people.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from config.refusals import Refused
from datasets.models import Annotation, Status, Task
from labeling import selections
from labeling.auto.acceptance import BOUNDS, CONTROL_SHARE, LEVEL, Offer, offer
from labeling.models import AutoLabelingItem, AutoLabelingStatus, AutoLabelingTask, ReviewTask
from labeling.selections import Arguments, Selection


@dataclass(frozen=True)
class _Known:
    """What people found about the control images, and the images that nobody has decided, in order of their ids."""

    confidence: np.ndarray
    wrong: np.ndarray
    unseen: np.ndarray
    versions: dict[int, int]


def offers(task: AutoLabelingTask) -> list[Offer]:
    """What could be accepted at once, per bound of `BOUNDS`; none where the task has no results for that, or was
    accepted from already."""
    if not _open(task):
        return []
    known = _known(task)
    return [offer(known.confidence, known.wrong, known.unseen, bound=bound) for bound in BOUNDS]


def accept(*, task: AutoLabelingTask, bound: float, by: User) -> ReviewTask:
    """Accepts what is sure enough, as a task that workers go on with; each sample's history says on what grounds.

    Args:
        task: one that succeeded, of a classification dataset.
        bound: the share of errors allowed, of `BOUNDS`.
        by: who answers for it.

    Raises:
        Refused: unknown_bound, nothing_to_accept (409), too_few_controls (409).
    """
    if bound not in BOUNDS:
        raise Refused("unknown_bound", "The share of errors allowed is 1 % or 5 %.", field="bound")
    if not _open(task):
        words = "There is nothing to accept at once: the task has no labels for whole images, or it was done already."
        raise Refused("nothing_to_accept", words, status=409)
    known = _known(task)
    found = offer(known.confidence, known.wrong, known.unseen, bound=bound)
    if found.threshold is None:
        raise Refused("too_few_controls", lacking(found), status=409)
    sure = known.unseen >= found.threshold
    chosen = [pk for pk, is_sure in zip(known.versions, sure, strict=True) if is_sure]
    return selections.begin(
        dataset=task.dataset,
        verb=ReviewTask.Verb.ACCEPT,
        selection=Selection({pk: known.versions[pk] for pk in chosen}),
        arguments=Arguments(statement=statement(found)),
        by=by,
        batch=_batch(task),
    )


def words_of(found: Offer) -> str:
    """An offer in words: on what grounds, or why there is none and what helps."""
    return lacking(found) if found.threshold is None else statement(found)


def statement(found: Offer) -> str:
    """On what grounds samples were accepted."""
    return (
        f"accepted at confidence >= {found.threshold:.4f}, at most {_percent(found.bound)} wrong ({_percent(LEVEL)}), "
        f"from {found.rests_on:,} control images, {found.wrong:,} of them wrong"
    )


def lacking(found: Offer) -> str:
    """Why nothing can be accepted, and what helps."""
    at_most = f"at most {_percent(found.bound)}"
    decided = f"{found.rests_on:,} control images are decided, {found.wrong:,} of them were wrong."
    if found.needed is None:
        return (
            f"{decided} So few images are left that {at_most} cannot be vouched for however many are decided: "
            "look at each."
        )
    if found.rests_on < found.needed:
        return (
            f"Too few: {decided} At least {found.needed - found.rests_on:,} more are needed, all of them right; "
            f"{found.left:,} would then be left to accept. Decide To Be Confirmed in random order."
        )
    return f"{decided} That is too many to vouch for {at_most}. Deciding more in random order helps if these are right."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _open(task: AutoLabelingTask) -> bool:
    if task.status != AutoLabelingStatus.SUCCEEDED or task.dataset.task != Task.IMAGE_CLASSIFICATION:
        return False
    if task.kind == AutoLabelingTask.Kind.AUTO_GROUPING:
        return False
    return not ReviewTask.objects.filter(dataset=task.dataset, batch=_batch(task)).exists()


def _batch(task: AutoLabelingTask) -> str:
    return hashlib.sha256(f"accept from auto labeling {task.pk}".encode()).hexdigest()[:32]


def _known(task: AutoLabelingTask) -> _Known:
    items = AutoLabelingItem.objects.filter(task=task, prediction__isnull=False).order_by("-sample__lot", "-sample")
    columns = ("sample", "sample__status", "sample__version", "sample__lot", "predicted_label", "confidence")
    rows = list(items.values_list(*columns))
    undecided = [place for place, row in enumerate(rows) if row[1] == Status.TO_BE_CONFIRMED]
    first = undecided[0] if undecided else len(rows)
    controls = rows[:first]
    stand: dict[int, set[str]] = {}
    labeled = Annotation.objects.filter(sample__dataset=task.dataset, sample__status=Status.LABELED)
    for pk, name in labeled.values_list("sample", "label__name"):
        stand.setdefault(pk, set()).add(name)
    wrong = [stand.get(row[0]) != {task.label_mapping.get(row[4], row[4])} for row in controls]
    lots = np.array([row[3] for row in rows])
    kept_back = float(np.quantile(lots, CONTROL_SHARE)) if len(lots) else 0.0
    open_to = sorted(rows[place] for place in undecided if rows[place][3] > kept_back)
    return _Known(
        confidence=np.array([row[5] for row in controls], np.float64),
        wrong=np.array(wrong, bool),
        unseen=np.array([row[5] for row in open_to], np.float64),
        versions={row[0]: row[2] for row in open_to},
    )
