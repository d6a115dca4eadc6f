"""What rules take back about samples that they had called hard, or say anew of how hard they are.

A machine never overrules a person: what somebody decided on stays as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from datasets import counters
from datasets.intake import Reason, reason_of
from datasets.models import Annotation, Dataset, HardReason, HardSetBy, ReviewEvent, Sample, Status

BLOCK = 500


@dataclass(frozen=True)
class Hardness:
    """What rules say of an image: whether it is hard, how hard in 0..1, whether it is looked at blindly, the name of
    its stack, and its reasons; None leaves those that are there."""

    hard: bool
    coefficient: float
    control: bool = False
    stack: str = ""
    reasons: tuple[Reason, ...] | None = None


@dataclass(frozen=True)
class Retold:
    """What came of it: samples that are not hard any more, and samples whose coefficient is another one."""

    dropped: int
    changed: int


def decided(*, dataset: Dataset, sha256s: Collection[str]) -> set[str]:
    """Those of the images on which a person decided in a dataset: labeled, rejected, corrected, or marked by hand."""
    found: set[str] = set()
    wanted = sorted(set(sha256s))
    for start in range(0, len(wanted), BLOCK):
        samples = Sample.objects.filter(dataset=dataset, blob__sha256__in=wanted[start : start + BLOCK])
        found |= set(_by_people(samples).values_list("blob__sha256", flat=True))
    return found


def _by_people(samples: QuerySet[Sample]) -> QuerySet[Sample]:
    reviewed = Exists(ReviewEvent.objects.filter(sample=OuterRef("pk"), undone_by__isnull=True))
    return samples.filter(Q(status=Status.LABELED) | Q(hard_set_by=HardSetBy.PERSON) | reviewed)


def retell(*, dataset: Dataset, said: Mapping[str, Hardness]) -> Retold:
    """Takes over what rules say now about at most 500 images that are in the dataset, inside the caller's transaction.

    A sample that is not hard any more stays where it is, To Be Confirmed with what the model said: it loses the mark
    and the reasons, and goes to the end of the queue. Nothing makes a sample hard here; that is intake, with reasons.

    Args:
        dataset: locked until the transaction ends.
        said: by the SHA-256 of the image. Images that are not in the dataset are passed over, as is what a person
            decided on.
    """
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    there = Sample.objects.filter(dataset=dataset, blob__sha256__in=said)
    people = set(_by_people(there).values_list("pk", flat=True))
    rows = there.select_for_update(of=("self",)).exclude(pk__in=people).select_related("blob").order_by("id")
    dropped: list[Sample] = []
    changed: list[Sample] = []
    explained: list[Sample] = []
    deltas: Counter[counters.Kind] = Counter()
    for sample in rows:
        now = said[sample.blob.sha256]
        loses = sample.hard and sample.hard_set_by == HardSetBy.RULES and not now.hard
        if loses:
            deltas[sample.status, True] -= 1
            deltas[sample.status, False] += 1
            sample.hard, sample.hard_set_by, sample.stack, sample.control = False, "", "", now.control
            dropped.append(sample)
        if loses or (sample.hard_coefficient, sample.stack) != (now.coefficient, now.stack):
            sample.hard_coefficient, sample.stack = now.coefficient, now.stack
            changed.append(sample)
        if sample.hard and now.reasons is not None:
            explained.append(sample)
    Sample.objects.bulk_update(changed, ["hard", "hard_set_by", "hard_coefficient", "stack", "control"])
    if dropped:
        # whoever has one of these open shall see that it is another thing now
        Sample.objects.filter(pk__in=[sample.pk for sample in dropped]).update(version=F("version") + 1)
        HardReason.objects.filter(sample__in=dropped).delete()
        Annotation.objects.filter(sample__in=dropped, hard=True).update(hard=False, hard_coefficient=0.0)
    _explain(explained, said)
    counters.shift(dataset_id=dataset.pk, deltas=deltas)
    return Retold(len(dropped), len(changed) - len(dropped))


def _explain(samples: Sequence[Sample], said: Mapping[str, Hardness]) -> None:
    """Puts the new reasons in the place of the old ones; boxes that none of them names are not hard any more."""
    HardReason.objects.filter(sample__in=samples).delete()
    boxes: dict[int, list[Annotation]] = defaultdict(list)
    for annotation in Annotation.objects.filter(sample__in=samples).order_by("id"):
        boxes[annotation.sample_id].append(annotation)
    rows: list[HardReason] = []
    for sample in samples:
        there = boxes[sample.pk]
        for position, reason in enumerate(said[sample.blob.sha256].reasons or ()):
            about = there[reason.claim] if reason.claim is not None and reason.claim < len(there) else None
            rows.append(reason_of(sample, reason, position, about))
    HardReason.objects.bulk_create(rows)
    named = {row.annotation_id for row in rows if row.annotation_id}
    lost = Annotation.objects.filter(sample__in=samples, hard=True).exclude(pk__in=named)
    lost.update(hard=False, hard_coefficient=0.0)
