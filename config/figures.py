"""Small drawings that every page shares: a state as a word with a dot, a time, a bar, a histogram, curves.

All of them are HTML without scripts; `config/static/hardmine/services.css` gives them their colors. None of them says
anything by color alone.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

TONES = frozenset({"calm", "busy", "good", "warn", "bad"})
_WIDTH, _HEIGHT = 400, 90
_LISTED = 12


def dot(word: str, tone: str) -> SafeString:
    """A state: its word with a dot of its tone, one of `TONES`. Raises ValueError for another tone."""
    if tone not in TONES:
        raise ValueError(f"{tone!r} is not one of {', '.join(sorted(TONES))}")
    return format_html('<span class="state state-{}"><i aria-hidden="true"></i>{}</span>', tone, word)


def ago(moment: datetime | None) -> SafeString:
    """How long ago, exact on hover; a dash for never."""
    if moment is None:
        return format_html('<span class="quiet">{}</span>', "–")
    exact = date_format(localtime(moment), "Y-m-d H:i:s T")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, naturaltime(moment))


def lasting(seconds: float) -> str:
    """A duration in words: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{intcomma(hours)} h {minutes} min" if minutes else f"{intcomma(hours)} h"


def bins_of(values: Sequence[float], bins: int = 20) -> list[int]:
    """How many of `values`, each in 0..1, fall into each of `bins` equal parts; 1.0 belongs to the last."""
    counts = [0] * bins
    for value in values:
        counts[min(int(value * bins), bins - 1)] += 1
    return counts


def histogram(counts: Sequence[int], *, title: str, threshold: float | None = None) -> SafeString:
    """Bars over 0..1, left to right, as an SVG that fits its column.

    Args:
        counts: how many values lie in each of the equal parts of 0..1.
        title: what a screen reader says.
        threshold: where to draw a line, 0..1.
    """
    highest = max(counts, default=0) or 1
    step = _WIDTH / max(len(counts), 1)
    bars = [
        (
            f"{index * step + 1:.1f}",
            f"{_HEIGHT - height:.1f}",
            f"{step - 2:.1f}",
            f"{height:.1f}",
            f"{index / len(counts):.2f} to {(index + 1) / len(counts):.2f}: {count:,}",
        )
        for index, count in enumerate(counts)
        if (height := max(count / highest * _HEIGHT, 2.0 if count else 0.0))
    ]
    line = SafeString("")
    if threshold is not None:
        line = format_html(
            '<line class="histogram-threshold" x1="{0}" x2="{0}" y1="0" y2="{1}"><title>threshold {2}</title></line>',
            f"{threshold * _WIDTH:.1f}",
            _HEIGHT,
            f"{threshold:g}",
        )
    return format_html(
        '<figure class="histogram"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}'
        "</svg><figcaption><span>0</span><span>0.5</span><span>1</span></figcaption></figure>",
        _WIDTH,
        _HEIGHT,
        title,
        format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', bars),
        line,
    )


def columns(values: Sequence[tuple[str, int]], *, title: str) -> SafeString:
    """One bar for each of a row of moments, the number on hover, as an SVG that fits its column.

    Args:
        values: (moment in words, number >= 0), in their order.
        title: what a screen reader says; the highest number stands beside it.
    """
    highest = max((number for _, number in values), default=0)
    step = _WIDTH / max(len(values), 1)
    bars = [
        (
            f"{index * step + 0.5:.1f}",
            f"{_HEIGHT - height:.1f}",
            f"{max(step - 1, 1):.1f}",
            f"{height:.1f}",
            f"{moment}: {number:,}",
        )
        for index, (moment, number) in enumerate(values)
        if (height := max(number / highest * _HEIGHT, 2.0) if number else 0.0)
    ]
    ends = [values[0][0], values[len(values) // 2][0], values[-1][0]] if values else []
    return format_html(
        '<figure class="histogram"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}; at '
        'most {}">{}</svg><figcaption>{}</figcaption></figure>',
        _WIDTH,
        _HEIGHT,
        title,
        f"{highest:,}",
        format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', bars),
        format_html_join("", "<span>{}</span>", [(end,) for end in ends]),
    )


def curves(
    looked: Sequence[float],
    caught: Mapping[str, Sequence[float]],
    *,
    title: str,
    mark: tuple[float, float, float, float] | None = None,
) -> SafeString:
    """Shares of errors caught against the share of images looked at, as an SVG with a legend; a thin diagonal shows
    what a random choice would catch.

    Args:
        looked: m rising numbers, 0 to 1.
        caught: m numbers from 0 to 1 by what the legend says; at most three, each with its own dashes.
        title: what a screen reader says.
        mark: a place on the curve, all 0 to 1: how many were looked at, the errors caught, and their interval.
    """
    lines = [
        (
            index,
            " ".join(f"{x * _WIDTH:.1f},{(1 - y) * _WIDTH / 2:.1f}" for x, y in zip(looked, said, strict=True)),
            name,
        )
        for index, (name, said) in enumerate(caught.items())
    ]
    legend = [(index, name) for index, _, name in lines]
    return format_html(
        '<figure class="curves"><div><svg viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" aria-label="{2}">'
        '<polyline class="curve curve-random" points="0,{1} {0},0"/>{3}{5}</svg></div>'
        "<figcaption><span>0 %</span><span>share of the images looked at, hardest first</span><span>100 %</span>"
        '</figcaption><ul>{4}<li><i class="curve-random" aria-hidden="true"></i>random order</li></ul></figure>',
        _WIDTH,
        _WIDTH // 2,
        title,
        format_html_join("", '<polyline class="curve curve-{}" points="{}"><title>{}</title></polyline>', lines),
        format_html_join("", '<li><i class="curve-{}" aria-hidden="true"></i>{}</li>', legend),
        _mark(*mark) if mark else "",
    )


def _mark(looked: float, caught: float, low: float, high: float) -> SafeString:
    """A line up, the interval, and a dot (a line of no length with round ends, which no stretching deforms)."""
    ends = [("curve-mark", 0.0, 1.0), ("curve-mark-range", low, high), ("curve-mark-dot", caught, caught)]
    return format_html_join(
        "",
        '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"></line>',
        [
            (name, x := f"{looked * _WIDTH:.1f}", x, *(f"{(1 - end) * _WIDTH / 2:.1f}" for end in two))
            for name, *two in ends
        ],
    )


def table_rows(values: Any, name: str = "", *, leave_out: Collection[str] = ()) -> list[tuple[str, str]]:
    """Nested JSON as the rows of a table: ("input / width", "28").

    Args:
        values: what `json.loads` may return.
        name: what stands before the names of its parts.
        leave_out: keys that are not shown, at any depth.
    """
    if isinstance(values, list) and any(isinstance(value, dict) for value in values):
        values = {str(number): value for number, value in enumerate(values, start=1)}
    if not isinstance(values, dict):
        return [(name, _words(values))]
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if key not in leave_out:
            part = str(key).replace("_", " ")
            rows += table_rows(value, f"{name} / {part}" if name else part, leave_out=leave_out)
    return rows


def _words(value: Any) -> str:
    if isinstance(value, list):
        listed = ", ".join("any" if each is None else _words(each) for each in value[:_LISTED])
        return f"{listed} … ({len(value):,})" if len(value) > _LISTED else listed or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "–" if value in (None, "") else str(value)
