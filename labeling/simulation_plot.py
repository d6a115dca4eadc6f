"""Learning curves as a drawing: accuracy against labels given, each with the band of its 95 % interval."""

from collections.abc import Mapping, Sequence
from math import ceil, floor

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.queue import ORDERS
from labeling.simulation_words import Point

WIDTH, HEIGHT = 400, 200
RANDOM = "random"


def draw(curves: Mapping[str, Sequence[Point]], *, goal: float, needed: Mapping[str, float]) -> SafeString:
    """Learning curves as an SVG that fits its column, with axes and a legend; a line stands where labeling at random
    ends, and where each order reaches that.

    Args:
        curves: by order, the better known last: it is drawn thin.
        goal: the accuracy of labeling at random with all labels, 0..1.
        needed: labels with which an order reaches the goal.
    """
    points = [point for curve in curves.values() for point in curve]
    low, high, step = _axis(min(point.low for point in points), max(point.high for point in points))
    most = max(point.labels for point in points)

    def x(labels: float) -> str:
        return f"{labels / most * WIDTH:.1f}"

    def y(accuracy: float) -> str:
        return f"{(high - accuracy) / (high - low) * HEIGHT:.1f}"

    names = {order: RANDOM if order == RANDOM else str(number) for number, order in enumerate(curves)}
    bands = [
        (
            names[order],
            " ".join(
                [f"{x(each.labels)},{y(each.high)}" for each in curve]
                + [f"{x(each.labels)},{y(each.low)}" for each in reversed(curve)]
            ),
        )
        for order, curve in curves.items()
    ]
    lines = [
        (names[order], " ".join(f"{x(each.labels)},{y(each.accuracy)}" for each in curve), ORDERS[order])
        for order, curve in curves.items()
    ]
    marks = [("0", y(goal), str(WIDTH), y(goal))]
    marks += [(x(labels), y(goal), x(labels), str(HEIGHT)) for labels in needed.values()]
    ticks = [(f"{100 * (high - number * step):.0f} %",) for number in range(round((high - low) / step) + 1)]
    title = "; ".join(
        f"{ORDERS[order]}: from {curve[0].percent} with {curve[0].labels:,} labels to {curve[-1].percent} with "
        f"{curve[-1].labels:,}"
        for order, curve in curves.items()
    )
    return format_html(
        '<figure class="curves learning"><div class="learning-axis" aria-hidden="true">{}</div><div><svg viewBox="0 0 '
        '{} {}" preserveAspectRatio="none" role="img" aria-label="Accuracy by labels given, {}">{}{}{}</svg></div>'
        "<figcaption><span>0</span><span>labels given</span><span>{}</span></figcaption><ul>{}</ul></figure>",
        format_html_join("", "<span>{}</span>", ticks),
        WIDTH,
        HEIGHT,
        title,
        format_html_join("", '<polygon class="band-{}" points="{}"/>', bands),
        format_html_join("", '<line class="curve-mark" x1="{}" y1="{}" x2="{}" y2="{}"/>', marks),
        format_html_join("", '<polyline class="curve curve-{}" points="{}"><title>{}</title></polyline>', lines),
        f"{most:,}",
        format_html_join(
            "",
            '<li><i class="curve-{}" aria-hidden="true"></i>{}</li>',
            [(names[order], ORDERS[order]) for order in curves],
        ),
    )


def _axis(low: float, high: float) -> tuple[float, float, float]:
    """Both ends of an axis of shares, and the step of its ticks, 0..1."""
    step = 0.2 if high - low > 0.5 else 0.1 if high - low > 0.2 else 0.05
    top = min(max(ceil(high / step - 1e-9), 2), round(1 / step))
    return min(max(floor(low / step + 1e-9), 0), top - 2) * step, top * step, step
