"""Images come into a dataset, with what models, rules and manifests say about them.

A machine never overrules a person: what is Labeled stays as it is, hardness that a person set stays as it is, and
annotations that a person drew stay.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import F
from django.utils import timezone

from config.refusals import Refused
from datasets import blobs, counters
from datasets.images import safe_name
from datasets.models import (
    Annotation,
    Blob,
    Dataset,
    HardReason,
    HardSetBy,
    Label,
    Origin,
    Prediction,
    Sample,
    SampleName,
    Status,
    Task,
)
from datasets.preparation import Prepared

CHUNK = 500
BOX_TOLERANCE = 1e-3  # pixels that rounding may push a corner over the border


@dataclass(frozen=True)
class Claim:
    """That a label applies: to the whole image, or to a box in pixels (xmin, ymin, xmax, ymax) of the upright image.

    `created_at` is when it was claimed; None for now.
    """

    label: str
    box: tuple[float, float, float, float] | None = None
    confidence: float | None = None
    by: str = Annotation.By.MODEL
    annotated_by: str = ""
    hard: bool = False
    hard_coefficient: float = 0.0
    created_at: datetime | None = None


@dataclass(frozen=True)
class Words:
    """A prediction: `predictor` names model and profile by content, `output` is ModelArts' JSON."""

    predictor: str
    model_name: str
    predicted_label: str
    confidence: float | None
    output: dict[str, Any]


@dataclass(frozen=True)
class Reason:
    """Why a sample is hard. `claim` is the position of the claim it is about, None for the whole sample."""

    code: int
    rule: str
    score: float | None = None
    measured: float | None = None
    normal_low: float | None = None
    normal_high: float | None = None
    sentence: str = ""
    suggestion: str = ""
    neighbors: Sequence[Any] = ()
    claim: int | None = None


@dataclass(frozen=True)
class Incoming:
    """An image with all that is said about it. Its bytes were kept by `blobs.keep`."""

    prepared: Prepared
    name: str
    source: str
    origin: Origin
    status: Status
    claims: Sequence[Claim] = ()
    prediction: Words | None = None
    hard: bool = False
    hard_coefficient: float = 0.0
    hard_set_by: str = ""
    reasons: Sequence[Reason] = ()
    control: bool = False
    usage: str = ""
    stack: str = ""
    confirmed_at: datetime | None = None
    confirmed_by_id: int | None = None


class Taken(StrEnum):
    """What became of an incoming image."""

    ADDED = "added"
    UPDATED = "updated"
    ALREADY_THERE = "already_there"
    ALREADY_LABELED = "already_labeled"


@dataclass
class _Writes:
    """What one chunk will write, in bulk."""

    new: list[Sample] = field(default_factory=list)
    changed: dict[int, Sample] = field(default_factory=dict)  # by blob
    said: dict[int, Incoming] = field(default_factory=dict)  # by blob: the last word on each sample
    names: list[tuple[Sample, Incoming]] = field(default_factory=list)
    deltas: Counter[counters.Kind] = field(default_factory=Counter)


def take_in(*, dataset: Dataset, incoming: Sequence[Incoming]) -> list[Taken]:
    """Takes a chunk of at most 500 images into a dataset, inside the caller's transaction.

    Args:
        dataset: locked until the transaction ends, so that two intakes of the same bytes make one sample.
        incoming: the bytes of all of them are kept already.

    Returns:
        What became of each, in the same order.

    Raises:
        Refused: unknown_label, bad_box; then nothing was written.
    """
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    labels = {label.name: label for label in Label.objects.filter(dataset=dataset)}
    for item in incoming:
        _check(item, dataset.task, labels)
    rows = blobs.rows(item.prepared for item in incoming)
    known = _known(dataset, rows)
    human = set(
        Annotation.objects.filter(sample__in=known.values(), origin=Annotation.By.HUMAN).values_list(
            "sample", flat=True
        )
    )
    writes = _Writes()
    taken = []
    for item in incoming:
        blob = rows[item.prepared.sha256]
        sample = known.get(blob.pk)
        if sample is None:
            known[blob.pk] = sample = _new_sample(dataset, blob, item, writes)
            taken.append(Taken.ADDED)
        else:
            taken.append(_meet(sample, item, writes))
        writes.names.append((sample, item))
    _write(dataset, writes, labels, human)
    return taken


def _check(item: Incoming, task: str, labels: Mapping[str, Label]) -> None:
    for claim in item.claims:
        if claim.label not in labels:
            raise Refused("unknown_label", f"The dataset has no label {claim.label[:100]}.", file=item.name)
        check_box(claim, task, item.prepared.width, item.prepared.height, file=item.name)


def check_box(claim: Claim, task: str, width: int, height: int, *, file: str) -> None:
    """Holds a claim against the task of its dataset and the size of its image. Raises Refused "bad_box"."""
    if (claim.box is None) != (task == Task.IMAGE_CLASSIFICATION):
        words = "Image classification has no boxes." if claim.box else "Object detection needs a box for each label."
        raise Refused("bad_box", words, file=file)
    if claim.box is not None:
        xmin, ymin, xmax, ymax = claim.box
        most_x, most_y = width + BOX_TOLERANCE, height + BOX_TOLERANCE
        if not (-BOX_TOLERANCE <= xmin < xmax <= most_x and -BOX_TOLERANCE <= ymin < ymax <= most_y):
            raise Refused(
                "bad_box", f"A box of {claim.label[:100]} has no area inside the {width} × {height} image.", file=file
            )


def corners(claim: Claim, width: int, height: int) -> dict[str, float | None]:
    """The columns of a claim's box, pulled to the border where rounding pushed it over."""
    if claim.box is None:
        return dict.fromkeys(("xmin", "ymin", "xmax", "ymax"))
    xmin, ymin, xmax, ymax = claim.box
    return {"xmin": max(0.0, xmin), "ymin": max(0.0, ymin), "xmax": min(xmax, width), "ymax": min(ymax, height)}


def _known(dataset: Dataset, rows: Mapping[str, Blob]) -> dict[int, Sample]:
    samples = Sample.objects.select_for_update(of=("self",)).filter(dataset=dataset, blob__in=rows.values())
    return {sample.blob_id: sample for sample in samples.order_by("id")}


def _new_sample(dataset: Dataset, blob: Blob, item: Incoming, writes: _Writes) -> Sample:
    sample = Sample(
        dataset=dataset,
        blob=blob,
        name=safe_name(item.name),
        source=item.source,
        origin=item.origin,
        status=item.status,
        usage=item.usage,
        control=item.control,
    )
    _set_hardness(sample, item)
    _set_words(sample, item)
    writes.new.append(sample)
    writes.said[sample.blob_id] = item
    writes.deltas[sample.status, sample.hard] += 1
    return sample


def _meet(sample: Sample, item: Incoming, writes: _Writes) -> Taken:
    """The bytes are there already: does the incoming say something that the sample shall take?"""
    if item.status == Status.UNLABELED:
        return Taken.ALREADY_THERE
    if sample.status == Status.LABELED:
        return Taken.ALREADY_LABELED
    if sample.status == item.status and (item.control or item.origin != Origin.FILTER):
        return Taken.ALREADY_THERE  # what was flagged is not unflagged by being drawn as a control
    writes.deltas[sample.status, sample.hard] -= 1
    sample.status = item.status
    if sample.hard_set_by != HardSetBy.PERSON and _tells_hardness(item):
        _set_hardness(sample, item)
    _set_words(sample, item)
    sample.usage = sample.usage or item.usage
    sample.control = item.control
    writes.deltas[sample.status, sample.hard] += 1
    writes.said[sample.blob_id] = item
    if sample.pk:
        writes.changed[sample.blob_id] = sample
    return Taken.UPDATED


def _tells_hardness(item: Incoming) -> bool:
    """A filter always does; an import only where it says hard."""
    return item.origin == Origin.FILTER or item.hard or bool(item.hard_set_by)


def _set_hardness(sample: Sample, item: Incoming) -> None:
    sample.hard = item.hard
    sample.hard_coefficient = item.hard_coefficient
    sample.hard_set_by = item.hard_set_by or (HardSetBy.RULES if item.hard else "")
    sample.stack = item.stack


def _set_words(sample: Sample, item: Incoming) -> None:
    sample.confirmed_at = item.confirmed_at
    sample.confirmed_by_id = item.confirmed_by_id
    if item.prediction:
        sample.predicted_label = item.prediction.predicted_label
        sample.confidence = item.prediction.confidence


_CHANGED_FIELDS = (
    "status",
    "hard",
    "hard_set_by",
    "hard_coefficient",
    "stack",
    "control",
    "usage",
    "predicted_label",
    "confidence",
    "confirmed_at",
    "confirmed_by",
)


def _write(dataset: Dataset, writes: _Writes, labels: Mapping[str, Label], human: set[int]) -> None:
    Sample.objects.bulk_create(writes.new)
    samples = writes.changed | {sample.blob_id: sample for sample in writes.new}
    # A machine's claims give way to what a person drew.
    drawn = {blob for blob, item in writes.said.items() if item.origin == Origin.FILTER and samples[blob].pk in human}
    if writes.changed:
        Sample.objects.bulk_update(writes.changed.values(), _CHANGED_FIELDS)
        Sample.objects.filter(pk__in=[sample.pk for sample in writes.changed.values()]).update(version=F("version") + 1)
        retold = [sample for blob, sample in writes.changed.items() if _tells_hardness(writes.said[blob])]
        HardReason.objects.filter(sample__in=retold).delete()
        redrawn = [sample for blob, sample in writes.changed.items() if blob not in drawn]
        Annotation.objects.filter(sample__in=redrawn).delete()
    annotations: list[Annotation] = []
    reasons: list[HardReason] = []
    predictions: list[Prediction] = []
    for blob, item in writes.said.items():
        sample = samples[blob]
        claims = [] if blob in drawn else [_annotation(sample, claim, item, labels) for claim in item.claims]
        annotations += claims
        tells = blob not in writes.changed or _tells_hardness(item)
        for position, reason in enumerate(item.reasons if tells else ()):
            about = claims[reason.claim] if claims and reason.claim is not None else None
            reasons.append(reason_of(sample, reason, position, about))
        if item.prediction:
            predictions.append(Prediction(sample=sample, **vars(item.prediction)))
    Annotation.objects.bulk_create(annotations)
    HardReason.objects.bulk_create(reasons)
    Prediction.objects.bulk_create(predictions, ignore_conflicts=True)
    SampleName.objects.bulk_create(
        (SampleName(sample=sample, name=safe_name(item.name), source=item.source) for sample, item in writes.names),
        ignore_conflicts=True,
    )
    counters.shift(dataset_id=dataset.pk, deltas=writes.deltas)


def _annotation(sample: Sample, claim: Claim, item: Incoming, labels: Mapping[str, Label]) -> Annotation:
    return Annotation(
        sample=sample,
        label=labels[claim.label],
        **corners(claim, item.prepared.width, item.prepared.height),
        origin=claim.by,
        annotated_by=claim.annotated_by[:200],
        confidence=claim.confidence,
        hard=claim.hard,
        hard_coefficient=claim.hard_coefficient,
        created_at=claim.created_at or timezone.now(),
    )


def reason_of(sample: Sample, reason: Reason, position: int, annotation: Annotation | None) -> HardReason:
    """A reason as its row, not saved."""
    return HardReason(
        sample=sample,
        annotation=annotation,
        position=position,
        code=reason.code,
        rule=reason.rule,
        score=reason.score,
        measured=reason.measured,
        normal_low=reason.normal_low,
        normal_high=reason.normal_high,
        sentence=reason.sentence[:500],
        suggestion=reason.suggestion[:500],
        neighbors=list(reason.neighbors),
    )
