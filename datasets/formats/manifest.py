"""ModelArts' manifest lines to plain records and back. No database, no storage: `source` stays text.

Format: specifications_for_importing_a_manifest_file of ModelArts. Reading accepts what its editions and its
SDK write: keys with "-" or "_", `hard` as "true", true, 1 or "1", `usage` in any case, numbers as text. Keys
that are not of the format are ignored and named in `ManifestSample.ignored`. Wrong values refuse their line.

Reason codes from 100 are Hardmine's own: they stand in `property` under `hardmine:reasons`, never in
`hard-reasons`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from config.refusals import Refused
from datasets.formats import jsonlines
from datasets.formats.fields import FIRST_OWN_REASON, OWN_REASONS, Fields, joined, label_name, ordered
from datasets.formats.jsonlines import Line

CLASSIFICATION = "modelarts/image_classification"
DETECTION = "modelarts/object_detection"
TYPES = (CLASSIFICATION, DETECTION)
USAGES = ("TRAIN", "EVAL", "TEST", "INFERENCE")
RESULTS = ("SUCCESSFUL", "FAILED")

MAX_ANNOTATIONS = 1000

_SAMPLE_KEYS = frozenset(
    {
        *("source", "usage", "id", "annotation", "hard", "hard-coefficient", "hard-reasons", "property"),
        *("inference-loc", "result", "error-message", "sample-type", "source-type", "size"),
    }
)
_ANNOTATION_KEYS = frozenset(
    {
        *("type", "name", "id", "property", "hard", "hard-coefficient", "hard-reasons", "annotated-by"),
        *("creation-time", "confidence", "annotation-loc", "annotation-format"),
    }
)
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class ManifestAnnotation:
    """A claim that a label applies, as a manifest line says it.

    Attributes:
        type: one of `TYPES`.
        name: the label; None for detection, whose labels stand in the file at `annotation_location`.
        confidence, hard_coefficient: 0..1, None where the line says nothing.
        creation_time: aware; the format has no zone and means UTC.
        hard: None where the line says nothing.
        hard_reasons: ModelArts' codes in their order, then ours (from 100) in theirs, none twice.
        property: what else the line says, without our reasons.
    """

    type: str
    name: str | None = None
    confidence: float | None = None
    annotated_by: str = "human"
    creation_time: datetime | None = None
    hard: bool | None = None
    hard_coefficient: float | None = None
    hard_reasons: tuple[int, ...] = ()
    annotation_location: str | None = None
    property: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hard_reasons", ordered(self.hard_reasons))


@dataclass(frozen=True)
class ManifestSample:
    """One line of a manifest; attributes as in `ManifestAnnotation`, None where the line says nothing.

    Attributes:
        usage: one of `USAGES`.
        inference_location: where a batch service wrote its prediction of this source.
        result: one of `RESULTS`, on lines that a batch service wrote, with `error_message` for FAILED.
        line: number of the line it was read from, 0 otherwise.
        ignored: keys on that line that the format does not know.
    """

    source: str
    usage: str | None = None
    id: str | None = None
    hard: bool | None = None
    hard_coefficient: float | None = None
    hard_reasons: tuple[int, ...] = ()
    annotations: tuple[ManifestAnnotation, ...] = ()
    inference_location: str | None = None
    result: str | None = None
    error_message: str | None = None
    property: dict[str, Any] = field(default_factory=dict)
    line: int = field(default=0, compare=False)
    ignored: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hard_reasons", ordered(self.hard_reasons))


def read_manifest(stream: BinaryIO | Iterable[bytes]) -> Iterator[Line[ManifestSample]]:
    """The samples of a manifest, line by line; a bad line is reported in its place and reading goes on.

    Raises:
        Refused: not_json_lines, where the file as a whole is something else.
    """
    for line in jsonlines.read_lines(stream):
        if line.value is None:
            yield Line(line.number, error=line.error)
            continue
        try:
            yield Line(line.number, parse(line.value, line=line.number))
        except Refused as error:
            yield Line(line.number, error=error)


def parse(value: dict[str, Any], *, line: int = 0) -> ManifestSample:
    """One line, already parsed as JSON.

    Raises:
        Refused: missing_source, wrong_type, wrong_value, out_of_range, bad_label, bad_date, unsupported_type,
            missing_location, too_many_annotations, duplicate_key; with `line` and `field`.
    """
    fields = Fields(value, _SAMPLE_KEYS, line=line, prefix="")
    source = fields.text("source")
    if not source:
        raise fields.refused("source", "missing_source", "The line names no source.")
    if fields.get("sample-type") not in (None, 0, "0"):
        raise fields.refused("sample-type", "unsupported_type", "Only images (0) are taken.")
    annotations = fields.get("annotation")
    if not isinstance(annotations, list | None):
        raise fields.refused("annotation", "wrong_type", "annotation must be a list.")
    if len(annotations or ()) > MAX_ANNOTATIONS:
        words = f"At most {MAX_ANNOTATIONS:,} annotations are taken for one image."
        raise fields.refused("annotation", "too_many_annotations", words)
    listed, own_reasons = fields.property()
    return ManifestSample(
        source=source,
        usage=fields.choice("usage", USAGES),
        id=fields.text("id"),
        hard=fields.truth("hard"),
        hard_coefficient=fields.share("hard-coefficient"),
        hard_reasons=fields.reasons("hard-reasons") + own_reasons,
        annotations=tuple(
            _parse_annotation(annotation, line=line, prefix=f"annotation[{position}]")
            for position, annotation in enumerate(annotations or ())
        ),
        inference_location=fields.text("inference-loc"),
        result=fields.choice("result", RESULTS),
        error_message=fields.text("error-message"),
        property=listed,
        line=line,
        ignored=fields.ignored,
    )


def to_line(sample: ManifestSample) -> bytes:
    """The line of a sample, with its end, in ModelArts' spelling and a fixed order of keys."""
    return jsonlines.dumps(_without_gaps(_sample_value(sample))) + b"\n"


def _parse_annotation(value: Any, *, line: int, prefix: str) -> ManifestAnnotation:
    if not isinstance(value, dict):
        raise Refused("wrong_type", "An annotation must be an object.", line=line, field=prefix)
    fields = Fields(value, _ANNOTATION_KEYS, line=line, prefix=f"{prefix}.")
    kind = fields.text("type")
    if kind not in TYPES:
        words = f"Only annotations of the types {' and '.join(TYPES)} are taken."
        raise fields.refused("type", "unsupported_type", words)
    name, location = fields.text("name"), fields.text("annotation-loc")
    if name is not None or kind == CLASSIFICATION:
        name = label_name(name or "")
        if name is None:
            words = "A label has 1 to 1,024 characters (at most 2,048 bytes), no line break or control character."
            raise fields.refused("name", "bad_label", words)
    if kind == DETECTION and not location:
        words = "A detection annotation names the file of its boxes in annotation-loc."
        raise fields.refused("annotation-loc", "missing_location", words)
    listed, own_reasons = fields.property()
    return ManifestAnnotation(
        type=kind,
        name=name,
        confidence=fields.share("confidence"),
        annotated_by=fields.text("annotated-by") or "human",
        creation_time=fields.time("creation-time"),
        hard=fields.truth("hard"),
        hard_coefficient=fields.share("hard-coefficient"),
        hard_reasons=fields.reasons("hard-reasons") + own_reasons,
        annotation_location=location,
        property=listed,
    )


def _sample_value(sample: ManifestSample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "usage": sample.usage,
        "id": sample.id,
        "result": sample.result,
        "error_message": sample.error_message,
        "inference-loc": sample.inference_location,
        **_hardness(sample),
        "property": _property(sample),
        "annotation": [_without_gaps(_annotation_value(annotation)) for annotation in sample.annotations],
    }


def _annotation_value(annotation: ManifestAnnotation) -> dict[str, Any]:
    moment = annotation.creation_time
    return {
        "type": annotation.type,
        "name": annotation.name,
        "property": _property(annotation),
        **_hardness(annotation),
        "confidence": annotation.confidence,
        "annotated-by": annotation.annotated_by,
        "creation-time": moment and moment.astimezone(UTC).strftime(_TIME).zfill(19),
        "annotation-loc": annotation.annotation_location,
        "annotation-format": annotation.annotation_location and "PASCAL VOC",
    }


def _hardness(record: ManifestSample | ManifestAnnotation) -> dict[str, Any]:
    listed = [code for code in record.hard_reasons if code < FIRST_OWN_REASON]
    return {
        "hard": None if record.hard is None else str(record.hard).lower(),
        "hard-coefficient": record.hard_coefficient,
        "hard-reasons": joined(listed) or None,
    }


def _property(record: ManifestSample | ManifestAnnotation) -> dict[str, Any]:
    own = joined([code for code in record.hard_reasons if code >= FIRST_OWN_REASON])
    return {**record.property, OWN_REASONS: own} if own else record.property


def _without_gaps(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if inner is not None and inner not in ([], {})}
