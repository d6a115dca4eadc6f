"""What a card of the grid, or the image of the sample page, shows of a sample: plain values for templates."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datasets.models import Annotation, HardReason, Sample, Status

SURE = 0.5
STATUS_TONES = {Status.UNLABELED: "quiet", Status.TO_BE_CONFIRMED: "next", Status.LABELED: "good"}


@dataclass(frozen=True)
class Box:
    """A box in pixels of the upright image, in its label's color; `doubtful` boxes are drawn dashed."""

    x: float
    y: float
    width: float
    height: float
    label: str
    color: str
    confidence: float | None
    hard: bool
    doubtful: bool


@dataclass(frozen=True)
class Card:
    """A sample as a small picture: `steps` of four is its hardness, `why` its gravest reason, `copies` how many near
    duplicates its stack has, itself included, 0 for none; `label_ids` separated by spaces."""

    sample: Sample
    words: str
    colors: list[str]
    boxes: list[Box]
    steps: range
    missing: range
    why: str
    tone: str
    copies: int
    label_ids: str


def boxes(annotations: Sequence[Annotation]) -> list[Box]:
    """The drawn boxes among the annotations of a sample, the largest first so that none hides another."""
    drawn = []
    for annotation in annotations:
        xmin, ymin, xmax, ymax = annotation.xmin, annotation.ymin, annotation.xmax, annotation.ymax
        if xmin is None or ymin is None or xmax is None or ymax is None:
            continue
        drawn.append(
            Box(
                x=xmin,
                y=ymin,
                width=xmax - xmin,
                height=ymax - ymin,
                label=annotation.label.name,
                color=annotation.label.color,
                confidence=annotation.confidence,
                hard=annotation.hard,
                doubtful=annotation.confidence is not None and annotation.confidence < SURE,
            )
        )
    return sorted(drawn, key=lambda box: -box.width * box.height)


def steps(coefficient: float) -> int:
    """Hardness in four steps: 0 for nothing, 4 from .75 on."""
    return min(4, int(coefficient * 4) + 1) if coefficient > 0 else 0


def cards(samples: Sequence[Sample], *, stacks: Mapping[str, int]) -> list[Card]:
    """The cards of a page, with two queries for all of them; `stacks` says how many samples stand in each."""
    claims: dict[int, list[Annotation]] = defaultdict(list)
    for annotation in Annotation.objects.filter(sample__in=samples).select_related("label").order_by("id"):
        claims[annotation.sample_id].append(annotation)
    reasons: dict[int, HardReason] = {}
    for reason in HardReason.objects.filter(sample__in=samples).order_by("-score", "position").defer("neighbors"):
        reasons.setdefault(reason.sample_id, reason)
    return [_card(sample, claims[sample.pk], reasons.get(sample.pk), stacks.get(sample.stack, 0)) for sample in samples]


def _card(sample: Sample, annotations: list[Annotation], reason: HardReason | None, copies: int) -> Card:
    names = list(dict.fromkeys(annotation.label.name for annotation in annotations))
    filled = steps(sample.hard_coefficient)
    return Card(
        sample=sample,
        words=", ".join(names) or sample.predicted_label or "no label",
        colors=list(dict.fromkeys(annotation.label.color for annotation in annotations)),
        boxes=boxes(annotations),
        steps=range(filled),
        missing=range(4 - filled),
        why=reason.sentence if reason else "",
        tone=STATUS_TONES[Status(sample.status)],
        copies=copies if copies > 1 else 0,
        label_ids=" ".join(str(pk) for pk in dict.fromkeys(annotation.label_id for annotation in annotations)),
    )
