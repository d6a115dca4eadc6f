"""What a person changed: the annotations of a sample against the claims that shall stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from datasets.intake import Claim
from datasets.models import Annotation, Outcome

SAME_PIXEL = 0.01
"""Corners closer than this, in pixels, are the same corner: editors round."""

GRAVITY = (Outcome.UNCHANGED, Outcome.BOX_MOVED, Outcome.REMOVED, Outcome.ADDED, Outcome.LABEL_CHANGED)

type Box = tuple[float, float, float, float]


@dataclass
class Comparison:
    """Which annotations stay, which become which claim, which go, and which claims are new."""

    changed: list[tuple[Annotation, Claim]] = field(default_factory=list)
    added: list[Claim] = field(default_factory=list)
    removed: list[Annotation] = field(default_factory=list)
    outcome: Outcome = Outcome.UNCHANGED


def compare(annotations: Sequence[Annotation], claims: Sequence[Claim], *, within: float = SAME_PIXEL) -> Comparison:
    """Matches claims with annotations: first those that are the same, then the most overlapping ones.

    Args:
        annotations: with their labels loaded.
        claims: without a repeated label where they have no boxes.
        within: corners at most so far apart, in pixels, are the same; 0 for an editor that gives back each number
            as it came.
    """
    comparison = Comparison()
    left = list(annotations)
    open_claims = []
    for claim in claims:
        same = next((annotation for annotation in left if _same(annotation, claim, within)), None)
        if same:
            left.remove(same)
        else:
            open_claims.append(claim)
    overlaps = sorted(
        (
            (share, annotation.label.name == claim.label, -first, -second)
            for first, annotation in enumerate(left)
            for second, claim in enumerate(open_claims)
            if (share := overlap(box_of(annotation), claim.box)) > 0
        ),
        reverse=True,
    )
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, first, second in overlaps:
        if -first not in matched and -second not in taken:
            matched[-first] = -second
            taken.add(-second)
    comparison.changed = [(left[first], open_claims[second]) for first, second in matched.items()]
    comparison.removed = [annotation for first, annotation in enumerate(left) if first not in matched]
    comparison.added = [claim for second, claim in enumerate(open_claims) if second not in taken]
    comparison.outcome = _outcome(comparison)
    return comparison


def box_of(annotation: Annotation) -> Box | None:
    """The corners of an annotation, None where it is about the whole image."""
    if annotation.xmin is None or annotation.ymin is None or annotation.xmax is None or annotation.ymax is None:
        return None
    return annotation.xmin, annotation.ymin, annotation.xmax, annotation.ymax


def overlap(one: Box | None, other: Box | None) -> float:
    """Intersection over union, 0..1; the whole image overlaps itself."""
    if one is None or other is None:
        return float(one is other)
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def _same(annotation: Annotation, claim: Claim, within: float) -> bool:
    box = box_of(annotation)
    if annotation.label.name != claim.label or (box is None) != (claim.box is None):
        return False
    return box is None or all(abs(one - other) <= within for one, other in zip(box, claim.box or box, strict=True))


def _outcome(comparison: Comparison) -> Outcome:
    """The gravest change: a wrong label, then a missed object, then a false one, then a moved box."""
    found = {Outcome.UNCHANGED}
    for annotation, claim in comparison.changed:
        found.add(Outcome.BOX_MOVED if annotation.label.name == claim.label else Outcome.LABEL_CHANGED)
    if comparison.added:
        found.add(Outcome.ADDED)
    if comparison.removed:
        found.add(Outcome.REMOVED)
    return max(found, key=GRAVITY.index)
