"""Add to dataset: confirmed samples join another dataset, by their bytes; so hard examples join a training set."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import batched

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from config.leases import CHUNK_ROWS, breathe
from config.refusals import Refused
from datasets.comparison import box_of
from datasets.creation import add_labels
from datasets.intake import Claim, Incoming, Reason, Taken, Words, take_in
from datasets.models import Dataset, Origin, Prediction, Sample, Status
from datasets.preparation import Prepared

CHUNK_SAMPLES = 60  # each costs some eight rows, a detector's more


@dataclass(frozen=True)
class Transferred:
    """What came of it: samples that are new in the target, that got their labels there, that were labeled there
    already, and that were passed over because they are not Labeled."""

    added: int
    updated: int
    already_there: int
    passed_over: int


def add_to_dataset(*, samples: QuerySet[Sample] | Iterable[int], target: Dataset, by: User) -> Transferred:
    """Copies Labeled samples with annotations, hardness, reasons, usage and prediction into another dataset.

    The bytes are shared. Labels that the target lacks are added to it. A sample that is Labeled in the target stays as
    it is; one that waits there takes what was confirmed. Doing it again adds nothing.

    Args:
        samples: a query set, or ids; all of datasets with the target's task.

    Raises:
        Refused: type_mismatch (409); then nothing was copied.
    """
    ids = sorted(set(samples.values_list("pk", flat=True) if isinstance(samples, QuerySet) else samples))
    for chunk in batched(ids, CHUNK_ROWS):
        if Sample.objects.filter(pk__in=chunk).exclude(dataset__task=target.task).exists():
            raise _type_mismatch(target)
    counts: Counter[Taken] = Counter()
    for chunk in batched(ids, CHUNK_SAMPLES):
        with transaction.atomic():
            counts.update(_copy(chunk, target, by))
        breathe()
    there = counts[Taken.ALREADY_THERE] + counts[Taken.ALREADY_LABELED]
    return Transferred(counts[Taken.ADDED], counts[Taken.UPDATED], there, len(ids) - counts.total())


def _type_mismatch(target: Dataset) -> Refused:
    words = f"{target.name} is for {target.get_task_display().lower()}; these samples are labeled for something else."
    return Refused("type_mismatch", words, status=409, field="target")


def _copy(ids: Sequence[int], target: Dataset, by: User) -> list[Taken]:
    samples = (
        Sample.objects.select_for_update(of=("self",))
        .filter(pk__in=ids, status=Status.LABELED)
        .select_related("blob", "dataset")
        .prefetch_related("annotations__label", "reasons", "predictions")
        .order_by("id")
    )
    if any(sample.dataset.task != target.task for sample in samples):
        raise _type_mismatch(target)
    names = {annotation.label.name for sample in samples for annotation in sample.annotations.all()}
    add_labels(dataset=target, names=names, by=by)
    return take_in(dataset=target, incoming=[_incoming(sample) for sample in samples])


def _incoming(sample: Sample) -> Incoming:
    annotations = list(sample.annotations.all())
    positions = {annotation.pk: position for position, annotation in enumerate(annotations)}
    prediction = next(iter(sample.predictions.all()), None)
    blob = sample.blob
    return Incoming(
        prepared=Prepared(blob.sha256, blob.size, blob.width, blob.height, blob.format),
        name=sample.name,
        source=sample.source,
        origin=Origin.DATASET,
        status=Status.LABELED,
        claims=[
            Claim(
                annotation.label.name,
                box_of(annotation),
                confidence=annotation.confidence,
                by=annotation.origin,
                annotated_by=annotation.annotated_by,
                hard=annotation.hard,
                hard_coefficient=annotation.hard_coefficient,
                created_at=annotation.created_at,
            )
            for annotation in annotations
        ],
        prediction=_words(prediction) if prediction else None,
        hard=sample.hard,
        hard_coefficient=sample.hard_coefficient,
        hard_set_by=sample.hard_set_by,
        reasons=[
            Reason(
                reason.code,
                reason.rule,
                reason.score,
                reason.measured,
                reason.normal_low,
                reason.normal_high,
                reason.sentence,
                reason.suggestion,
                reason.neighbors,
                claim=positions.get(reason.annotation_id or 0),
            )
            for reason in sample.reasons.all()
        ],
        usage=sample.usage,
        stack=sample.stack,
        confirmed_at=sample.confirmed_at,
        confirmed_by_id=sample.confirmed_by_id,
    )


def _words(prediction: Prediction) -> Words:
    return Words(
        prediction.predictor,
        prediction.model_name,
        prediction.predicted_label,
        prediction.confidence,
        prediction.output,
    )
