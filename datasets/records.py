"""Samples as records of a manifest and back. What is Hardmine's own stands in `property`: the name that people see."""

from datetime import UTC
from typing import Any

from datasets import blobs, locations
from datasets.comparison import box_of
from datasets.formats.manifest import CLASSIFICATION, DETECTION, ManifestAnnotation, ManifestSample
from datasets.formats.voc import VocAnnotation, VocObject
from datasets.intake import Claim, Incoming, Reason
from datasets.models import Annotation, Origin, Sample, Status, Task
from datasets.preparation import Prepared

NAME = "hardmine:name"
HUMAN = "human"
MODEL = "hardmine/model"


def to_record(sample: Sample, *, hard_examples: bool, usage: str, boxes: str) -> ManifestSample:
    """The line of a sample.

    Args:
        sample: with blob, dataset, annotations and reasons loaded.
        hard_examples: whether hardness and reasons are told.
        usage: TRAIN, EVAL, TEST, INFERENCE or "".
        boxes: the source of its VOC file, used for detection alone.
    """
    annotations = list(sample.annotations.all())
    told: dict[str, Any] = {}
    if hard_examples:
        told = {
            "hard": sample.hard or None,
            "hard_coefficient": sample.hard_coefficient or None,
            "hard_reasons": tuple(reason.code for reason in sample.reasons.all()),
        }
    detection = sample.dataset.task == Task.OBJECT_DETECTION
    return ManifestSample(
        source=locations.to_source(blobs.location(sample.blob)),
        usage=usage or None,
        annotations=(
            (_boxes_record(annotations, boxes),)
            if detection
            else tuple(_label_record(annotation, hard_examples) for annotation in annotations)
        ),
        property={NAME: sample.name},
        **told,
    )


def to_voc(sample: Sample, *, hard_examples: bool) -> VocAnnotation | None:
    """The boxes of a sample; None for classification."""
    if sample.dataset.task != Task.OBJECT_DETECTION:
        return None
    reasons: dict[int | None, list[int]] = {}
    for reason in sample.reasons.all():
        reasons.setdefault(reason.annotation_id, []).append(reason.code)
    return VocAnnotation(
        filename=blobs.location(sample.blob).name,
        width=sample.blob.width,
        height=sample.blob.height,
        objects=tuple(
            _object(annotation, hard_examples, tuple(reasons.get(annotation.pk, ())))
            for annotation in sample.annotations.all()
        ),
    )


def from_record(
    record: ManifestSample, drawn: VocAnnotation | None, *, prepared: Prepared, final_annotation: bool
) -> Incoming:
    """What a line, and for detection its VOC file, say about an image.

    Args:
        drawn: the boxes; None where the line names no file of them.
        final_annotation: whether annotated samples are Labeled; else they go to To Be Confirmed.
    """
    claims = [_label_claim(annotation) for annotation in record.annotations if annotation.type == CLASSIFICATION]
    about: dict[int, list[int]] = {}
    if drawn:
        told = next(annotation for annotation in record.annotations if annotation.type == DETECTION)
        claims = [_box_claim(box, told) for box in drawn.objects]
        for position, box in enumerate(drawn.objects):
            for code in box.hard_reasons:
                about.setdefault(code, []).append(position)
    status = Status.LABELED if final_annotation else Status.TO_BE_CONFIRMED
    codes = dict.fromkeys([*record.hard_reasons, *about])
    return Incoming(
        prepared=prepared,
        name=str(record.property.get(NAME) or record.source.rstrip("/").rpartition("/")[2]),
        source=record.source,
        origin=Origin.IMPORT,
        status=status if record.annotations else Status.UNLABELED,
        claims=claims,
        hard=is_hard(record, drawn),
        hard_coefficient=record.hard_coefficient or 0.0,
        reasons=[_reason(code, claim) for code in codes for claim in about.get(code, [None])],
        usage=record.usage or "",
    )


def is_hard(record: ManifestSample, drawn: VocAnnotation | None) -> bool:
    """Whether a line, one of its annotations or one of its boxes says hard."""
    boxes = drawn.objects if drawn else ()
    said = [annotation.hard for annotation in record.annotations] + [box.difficult for box in boxes]
    return bool(record.hard) if record.hard is not None else any(said)


def _label_record(annotation: Annotation, hard_examples: bool) -> ManifestAnnotation:
    hard = hard_examples and annotation.hard
    return ManifestAnnotation(
        type=CLASSIFICATION,
        name=annotation.label.name,
        confidence=annotation.confidence,
        annotated_by=_author(annotation),
        creation_time=annotation.created_at.astimezone(UTC).replace(microsecond=0),
        hard=hard or None,
        hard_coefficient=annotation.hard_coefficient if hard else None,
    )


def _boxes_record(annotations: list[Annotation], boxes: str) -> ManifestAnnotation:
    """One entry for all boxes: a person's where one of them is, else the model's."""
    people = [annotation for annotation in annotations if annotation.origin == Annotation.By.HUMAN]
    first = next(iter(people or annotations), None)
    times = [annotation.created_at.astimezone(UTC).replace(microsecond=0) for annotation in annotations]
    return ManifestAnnotation(
        type=DETECTION,
        annotated_by=_author(first) if first else HUMAN,
        creation_time=max(times, default=None),
        annotation_location=boxes,
    )


def _object(annotation: Annotation, hard_examples: bool, reasons: tuple[int, ...]) -> VocObject:
    xmin, ymin, xmax, ymax = box_of(annotation) or (0.0, 0.0, 0.0, 0.0)
    hard = hard_examples and annotation.hard
    return VocObject(
        name=annotation.label.name,
        xmin=xmin,
        ymin=ymin,
        xmax=xmax,
        ymax=ymax,
        difficult=hard,
        hard_coefficient=annotation.hard_coefficient if hard else None,
        hard_reasons=reasons if hard_examples else (),
        confidence=annotation.confidence,
    )


def _author(annotation: Annotation) -> str:
    if annotation.origin == Annotation.By.HUMAN:
        return f"{HUMAN}/{annotation.annotated_by}" if annotation.annotated_by else HUMAN
    return annotation.annotated_by or MODEL


def _by(text: str) -> tuple[str, str]:
    """Whether a person, and who."""
    kind, _, person = text.partition("/")
    return (Annotation.By.HUMAN, person) if kind == HUMAN else (Annotation.By.MODEL, text)


def _label_claim(annotation: ManifestAnnotation) -> Claim:
    by, annotated_by = _by(annotation.annotated_by)
    return Claim(
        annotation.name or "",
        confidence=annotation.confidence,
        hard=bool(annotation.hard),
        hard_coefficient=annotation.hard_coefficient or 0.0,
        created_at=annotation.creation_time,
        by=by,
        annotated_by=annotated_by,
    )


def _box_claim(box: VocObject, told: ManifestAnnotation) -> Claim:
    by, annotated_by = _by(told.annotated_by)
    return Claim(
        box.name,
        (box.xmin, box.ymin, box.xmax, box.ymax),
        confidence=box.confidence,
        hard=box.difficult,
        hard_coefficient=box.hard_coefficient or 0.0,
        created_at=told.creation_time,
        by=by,
        annotated_by=annotated_by,
    )


def _reason(code: int, claim: int | None) -> Reason:
    return Reason(code, "imported", sentence=f"The imported manifest gives reason {code}.", claim=claim)
