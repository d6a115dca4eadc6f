"""What a machine proposes for unlabeled samples of a dataset comes to To Be Confirmed, all of it in one transaction.

Nobody sees a part of it, whatever is killed: that is worth a longer transaction than others, so it writes set by set.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from config import statements
from config.refusals import Refused
from config.steps import step
from datasets import counters
from datasets.intake import Claim, Reason, Words, corners, reason_of
from datasets.models import Annotation, Dataset, HardReason, HardSetBy, Label, Prediction, Sample, Status

BATCH = 500  # rows of one statement
_SAID = ("status", "version", "predicted_label", "confidence", "usefulness", "control")
_HARDNESS = ("hard", "hard_set_by", "hard_coefficient", "stack")
_WORDS = ("predictor", "model_name", "predicted_label", "confidence", "output")


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
        pk: (hard, set_by, version)
        for pk, hard, set_by, version in unlabeled.select_for_update(of=("self",)).values_list(
            "pk", "hard", "hard_set_by", "version"
        )
    }
    gone = sorted({claim.label for proposal in proposals for claim in proposal.claims} - labels.keys())
    if gone:
        words = f"{dataset.name} has no label {gone[0][:100]} any more. Start again."
        raise Refused("unknown_label", words, status=409)
    taken = [proposal for proposal in proposals if proposal.sample_id in before]
    deltas: Counter[counters.Kind] = Counter()
    machine, person = [], []
    annotations: list[Annotation] = []
    reasons: list[HardReason] = []
    for proposal in taken:
        sample = Sample(pk=proposal.sample_id)
        hard, set_by, version = before[proposal.sample_id]
        by_person = set_by == HardSetBy.PERSON
        deltas[Status.UNLABELED.value, hard] -= 1
        deltas[Status.TO_BE_CONFIRMED.value, hard if by_person else proposal.hard] += 1
        values = _values(proposal, version)
        if by_person:
            person.append((*values[: len(_SAID)], values[-1]))
        else:
            machine.append(values)
        claimed = [_annotation(sample, claim, labels, proposal.size) for claim in proposal.claims]
        annotations += claimed
        if not by_person:
            for position, reason in enumerate(proposal.reasons):
                about = claimed[reason.claim] if claimed and reason.claim is not None else None
                reasons.append(reason_of(sample, reason, position, about))
    told = [proposal.sample_id for proposal in taken if before[proposal.sample_id][1] != HardSetBy.PERSON]
    for start in range(0, len(told), BATCH):
        HardReason.objects.filter(sample__in=told[start : start + BATCH]).delete()
    statements.update(Sample, (*_SAID, *_HARDNESS), machine)
    statements.update(Sample, _SAID, person)
    step("proposing.before_rows")
    Annotation.objects.bulk_create(annotations, batch_size=BATCH)
    HardReason.objects.bulk_create(reasons, batch_size=BATCH)
    now = timezone.now()
    predictions = [(each.sample_id, *(getattr(each.prediction, name) for name in _WORDS), now) for each in taken]
    statements.insert(Prediction, ("sample", *_WORDS, "created_at"), predictions, ignore_conflicts=True)
    counters.shift(dataset_id=dataset.pk, deltas=deltas)
    now_hard = sum(number for (status, hard), number in deltas.items() if hard and status == Status.TO_BE_CONFIRMED)
    return Proposed(len(taken), now_hard, len(proposals) - len(taken))


def _values(proposal: Proposal, version: int) -> tuple[Any, ...]:
    """The values of `_SAID`, of `_HARDNESS`, and the primary key."""
    return (
        Status.TO_BE_CONFIRMED.value,
        version + 1,
        proposal.prediction.predicted_label,
        proposal.prediction.confidence,
        proposal.usefulness,
        proposal.control,
        proposal.hard,
        HardSetBy.RULES.value if proposal.hard else "",
        proposal.hard_coefficient,
        proposal.stack,
        proposal.sample_id,
    )


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
