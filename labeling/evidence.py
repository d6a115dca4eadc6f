"""Why a sample is here, as a page can draw it: the training range as a band, this image as a dot on one line."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.models import HardReason, Prediction, Sample
from hardexamples.second_look import operation_of

MARGIN = 0.12
TOP = 5


@dataclass(frozen=True)
class Drawing:
    """A line from 0 to 100: where the band begins, how long it is, where the dot stands."""

    band_start: float
    band_length: float
    dot: float
    outside: bool


@dataclass(frozen=True)
class Neighbor:
    """One of the nearest training images, which some dataset shows, with its labels there."""

    sha256: str
    label: str


@dataclass(frozen=True)
class Evidence:
    """A reason with its drawing (None where nothing was measured), the neighbors that a page can show, and the
    operation that changed the model's mind ("" where none did)."""

    reason: HardReason
    name: str
    measured: str
    normal: str
    drawing: Drawing | None
    neighbors: list[Neighbor]
    operation: str


def drawing(measured: float | None, low: float | None, high: float | None) -> Drawing | None:
    """The line for a number and its normal range; an open end of the range reaches the end of the line."""
    if measured is None or (low is None and high is None):
        return None
    known = [number for number in (measured, low, high) if number is not None]
    least, most = min(known), max(known)
    width = (most - least) or abs(most) or 1.0
    start, length = least - MARGIN * width, (1 + 2 * MARGIN) * width

    def place(number: float) -> float:
        return 100 * (number - start) / length

    band_start = 0.0 if low is None else place(low)
    band_end = 100.0 if high is None else place(high)
    outside = (low is not None and measured < low) or (high is not None and measured > high)
    return Drawing(band_start, max(band_end - band_start, 1.0), place(measured), outside)


def evidence(reasons: Sequence[HardReason]) -> list[Evidence]:
    """The reasons of a sample, the gravest first."""
    ordered = sorted(reasons, key=lambda reason: (-(reason.score or 0.0), reason.position))
    labels = _labels_of({sha256 for reason in ordered for sha256 in _addresses(reason.neighbors)})
    return [
        Evidence(
            reason,
            reason.rule.replace("_", " ").capitalize(),
            _figure(reason.measured),
            _range(reason.normal_low, reason.normal_high),
            drawing(reason.measured, reason.normal_low, reason.normal_high),
            [Neighbor(sha256, labels[sha256]) for sha256 in _addresses(reason.neighbors) if sha256 in labels],
            operation_of(reason.code) or "",
        )
        for reason in ordered
    ]


def _figure(number: float | None) -> str:
    """Three digits that tell something, never a power of ten."""
    if number is None:
        return ""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    if number and abs(number) < 0.001:
        return "< 0.001" if number > 0 else "> -0.001"
    return f"{number:.3g}"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"normal up to {_figure(high)}"
    return f"normal from {_figure(low)} on" if high is None else f"normal {_figure(low)} to {_figure(high)}"


def _addresses(neighbors: Sequence[Mapping[str, Any]]) -> list[str]:
    """The neighbors that name bytes, the nearest first."""
    return [neighbor["sha256"] for neighbor in neighbors if neighbor.get("sha256")][:TOP]


def _labels_of(addresses: Collection[str]) -> dict[str, str]:
    """The labels of those bytes that stand in some dataset; one query, whatever the number of reasons."""
    labels: dict[str, str] = {}
    if addresses:
        rows = Sample.objects.filter(blob__sha256__in=addresses).order_by("id")
        for sha256, label in rows.values_list("blob__sha256", "annotations__label__name"):
            labels[sha256] = labels.get(sha256) or label or ""
    return labels


def top_scores(prediction: Prediction | None) -> list[tuple[str, float]]:
    """The classes that the model thought most likely, from ModelArts' `scores`: [["dog", "0.93"], ...]."""
    scores = prediction.output.get("scores", []) if prediction else []
    pairs = [(str(label), float(confidence)) for label, confidence in scores]
    return sorted(pairs, key=lambda pair: -pair[1])[:TOP]
