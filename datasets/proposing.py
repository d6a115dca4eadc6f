"""What a machine proposes for unlabeled samples of a dataset comes to To Be Confirmed, all of it in one transaction.

Nobody sees a part of it, whatever is killed: that is worth a longer transaction than others, so it writes set by set.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from config.refusals import Refused
from config.steps import step
from datasets import counters
from datasets.intake import Claim, Reason, Words, corners, reason_of
from datasets.models import Annotation, Dataset, HardReason, HardSetBy, Label, Prediction, Sample, Status

BATCH = 500  # rows of one statement


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a sample: `size` is its width and height in pixels."""

    sample_id: int
    size: tuple[int, int]
    claims: Sequence[Claim]
    prediction: Words
    hard: bool
    hard_coefficient: float
    reasons: Sequence[Reason] = ()
    control: bool = False
    stack: str = ""
    usefulness: float = 0.0


@dataclass(frozen=True)
class Proposed:
    """What came of proposals: how many samples are To Be Confirmed by them, how many of these are hard, and how many
    were passed over since people were there first or they are gone."""

    proposed: int
    hard: int
    passed_over: int


@transaction.atomic
def propose(*, dataset: Dataset, proposals: Sequence[Proposal]) -> Proposed:
    """Brings unlabeled samples to To Be Confirmed with labels, predictions, hardness and reasons.

    What is not Unlabeled any more, or has annotations, is passed over; hardness that a person set stays.

    Args:
        dataset: locked until the caller's transaction ends.
        proposals: each sample once.

    Raises:
        Refused: unknown_label (409), where a label is gone meanwhile; then nothing was written.
    """
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    labels = {label.name: label for label in Label.objects.filter(dataset=dataset)}
    annotated = Exists(Annotation.objects.filter(sample=OuterRef("pk")))
    unlabeled = Sample.objects.filter(~annotated, dataset=dataset, status=Status.UNLABELED).order_by("id")
    before = {
        pk: (hard, set_by)
        for pk, hard, set_by in unlabeled.select_for_update(of=("self",)).values_list("pk", "hard", "hard_set_by")
    }
    gone = sorted({claim.label for proposal in proposals for claim in proposal.claims} - labels.keys())
    if gone:
        words = f"{dataset.name} has no label {gone[0][:100]} any more. Start again."
        raise Refused("unknown_label", words, status=409)
    taken = [proposal for proposal in proposals if proposal.sample_id in before]
    deltas: Counter[counters.Kind] = Counter()
    columns = []
    annotations: list[Annotation] = []
    reasons: list[HardReason] = []
    for proposal in taken:
        sample = Sample(pk=proposal.sample_id)
        hard, set_by = before[proposal.sample_id]
        by_person = set_by == HardSetBy.PERSON
        deltas[Status.UNLABELED.value, hard] -= 1
        deltas[Status.TO_BE_CONFIRMED.value, hard if by_person else proposal.hard] += 1
        columns.append(_columns(proposal, by_person=by_person))
        claimed = [_annotation(sample, claim, labels, proposal.size) for claim in proposal.claims]
        annotations += claimed
        if not by_person:
            for position, reason in enumerate(proposal.reasons):
                about = claimed[reason.claim] if claimed and reason.claim is not None else None
                reasons.append(reason_of(sample, reason, position, about))
    told = [proposal.sample_id for proposal in taken if before[proposal.sample_id][1] != HardSetBy.PERSON]
    for start in range(0, len(told), BATCH):
        HardReason.objects.filter(sample__in=told[start : start + BATCH]).delete()
    _update(columns)
    step("proposing.before_rows")
    Annotation.objects.bulk_create(annotations, batch_size=BATCH)
    HardReason.objects.bulk_create(reasons, batch_size=BATCH)
    Prediction.objects.bulk_create(
        [Prediction(sample_id=each.sample_id, **vars(each.prediction)) for each in taken],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    counters.shift(dataset_id=dataset.pk, deltas=deltas)
    now_hard = sum(number for (status, hard), number in deltas.items() if hard and status == Status.TO_BE_CONFIRMED)
    return Proposed(len(taken), now_hard, len(proposals) - len(taken))


def _columns(proposal: Proposal, *, by_person: bool) -> tuple[Any, ...]:
    """The values of `_update`; hardness that a person set is told apart by its first."""
    set_by = HardSetBy.RULES.value if proposal.hard else ""
    return (
        by_person,
        proposal.prediction.predicted_label,
        proposal.prediction.confidence,
        proposal.usefulness,
        proposal.hard,
        set_by,
        proposal.hard_coefficient,
        proposal.stack,
        proposal.control,
        proposal.sample_id,
    )


def _update(columns: Sequence[tuple[Any, ...]]) -> None:
    """Sets the columns of the samples: one prepared statement for all, far quicker than a CASE per column."""
    start = (
        f"UPDATE {connection.ops.quote_name(Sample._meta.db_table)} "  # noqa: S608  names of our own
        f"SET status = '{Status.TO_BE_CONFIRMED.value}', version = version + 1, predicted_label = %s, confidence = %s, "
        "usefulness = %s"
    )
    machine = start + ", hard = %s, hard_set_by = %s, hard_coefficient = %s, stack = %s, control = %s WHERE id = %s"
    person = start + ", control = %s WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.executemany(machine, [row[1:] for row in columns if not row[0]])
        cursor.executemany(person, [(*row[1:4], *row[8:]) for row in columns if row[0]])


def _annotation(sample: Sample, claim: Claim, labels: dict[str, Label], size: tuple[int, int]) -> Annotation:
    return Annotation(
        sample=sample,
        label=labels[claim.label],
        **corners(claim, *size),
        origin=claim.by,
        annotated_by=claim.annotated_by[:200],
        confidence=claim.confidence,
        hard=claim.hard,
        hard_coefficient=claim.hard_coefficient,
    )
