"""Simulations of labeling in words: how far they are, what came of them, a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from config.figures import lasting
from labeling.models import AutoLabelingStatus, LabelingSimulation
from labeling.queue import ORDERS

LEAST_TOLD = 0.08  # share of the work from which on the time left can be told


@dataclass(frozen=True)
class Progress:
    """A simulation at one moment: `share` 0..1, `seconds_left` None where that cannot be told."""

    simulation: LabelingSimulation
    words: str
    share: float
    seconds_left: float | None
    at_work: bool

    @property
    def percent(self) -> int:
        """0..100."""
        return round(100 * self.share)


@dataclass(frozen=True)
class Point:
    """A place on a learning curve: labels given, mean accuracy and its 95 % interval, 0..1."""

    labels: int
    accuracy: float
    low: float
    high: float

    @property
    def percent(self) -> str:
        """The accuracy: "94.1 %"."""
        return f"{100 * self.accuracy:.1f} %"

    @property
    def interval(self) -> str:
        """Its 95 % interval: "93.2 to 95.0"."""
        return f"{100 * self.low:.1f} to {100 * self.high:.1f}"


def progress_of(simulation: LabelingSimulation, *, now: datetime | None = None) -> Progress:
    """How far a simulation is; `now` is for tests."""
    left = None
    at_work = simulation.status in LabelingSimulation.WORKING
    if at_work and simulation.started_at and simulation.share >= LEAST_TOLD:
        elapsed = ((now or timezone.now()) - simulation.started_at).total_seconds()
        left = elapsed * (1 - simulation.share) / simulation.share
    return Progress(simulation, _words(simulation, left), simulation.share, left, at_work)


def _words(simulation: LabelingSimulation, left: float | None) -> str:
    if simulation.status == AutoLabelingStatus.WAITING:
        return "Queuing."
    if simulation.status == AutoLabelingStatus.RUNNING:
        rounds = min((len(curves) for curves in simulation.curves.values()), default=0)
        until = f" About {lasting(left)} left." if left is not None else ""
        waits = f" It waits: {simulation.waits_for}" if simulation.waits_for else ""
        return f"Round {min(rounds + 1, simulation.seeds)} of {simulation.seeds} is simulated.{until}{waits}"
    if simulation.status == AutoLabelingStatus.FAILED:
        return f"Failed. {simulation.error}"
    if simulation.status == AutoLabelingStatus.STOPPED:
        return "Stopped."
    return " ".join(sentences(simulation.rows)[:1])


def basis_of(simulation: LabelingSimulation) -> str:
    """What the figures rest on."""
    seen = (simulation.total or 0) - simulation.unreadable
    by = f"activations of {simulation.model_name}" if simulation.model_name else "the built-in descriptor"
    lost = f" {simulation.unreadable:,} more could not be read." if simulation.unreadable else ""
    rounds = f"{simulation.seeds} {'round' if simulation.seeds == 1 else 'rounds'}"
    return (
        f"From {seen:,} labeled images in {rounds}, compared by {by}.{lost} In each round another part of them judges, "
        "and the others are labeled in each order."
    )


def sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each order saves, in the order of the rows."""
    goal = goal_of(rows)
    return [_sentence(row, goal) for row in rows if "saved" in row and goal is not None]


def goal_of(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The accuracy of labeling at random with all labels, 0..1; None where there are no rows."""
    random = curves_of(rows).get("random")
    return random[-1].accuracy if random else None


def _sentence(row: Mapping[str, Any], goal: float) -> str:
    order, most = ORDERS[row["order"]], row["random_labels"]
    saved = f"{100 * row['saved']:.0f} %"
    interval = f"{100 * row['saved_low']:.0f} to {100 * row['saved_high']:.0f} % with 95 % confidence"
    if row["saved_low"] <= 0:
        return f"{order.capitalize()} saves nothing that could not be chance ({saved}; {interval})."
    return (
        f"To reach {100 * goal:.0f} % you need {row['labels_to_match_random']:,.0f} labels instead of {most:,}, "
        f"{order}: {saved} saved ({interval})."
    )


def curves_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Point]]:
    """The learning curve of each order."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        if "accuracy" in row:
            point = Point(row["labels"], row["accuracy"], row["low"], row["high"])
            found.setdefault(row["order"], []).append(point)
    return found


def table_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[tuple[int, list[Point]]]]:
    """The curves as a table: the orders in words, and per number of labels a place on each curve."""
    curves = curves_of(rows)
    lines = [(points[0].labels, list(points)) for points in zip(*curves.values(), strict=True)]
    return [ORDERS[order] for order in curves], lines
