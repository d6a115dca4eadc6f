"""What a filter's page tells: how well it finds errors, what reviews would change, how many more are worth while.

Reads what `hardexamples.learning` has kept, and never writes.
"""

import math
from typing import Any

from config.figures import curves
from hardexamples.learning import remaining_of, unread
from hardexamples.models import FilterReport, HardExampleFilter, Mining, MiningStatus

READ_OFF = (0.05, 0.1, 0.2)
WISHED = 1.0  # per cent of all images
LEGEND = {"fused": "this filter", "margin": "margin of the model's confidence"}
TITLE = "Share of the errors caught against the share of images looked at"


def report_of(chosen: HardExampleFilter, *, wished: str) -> dict[str, Any]:
    """The context of the page.

    Args:
        chosen: the filter.
        wished: how many per cent of the images may remain wrong, as a person typed it; what is no number from 0 to 100
            counts as 1.
    """
    report = FilterReport.objects.filter(filter=chosen).first()
    figures = report.figures if report else {}
    rehearsed = _rehearsed(chosen)
    curve = figures.get("curve") or rehearsed.get("curve")
    share = _percent(wished)
    return {
        "report": report,
        "figures": figures,
        "told": _told(figures.get("estimate", {})),
        "unread": unread(report),
        "learning": report is not None and report.status in FilterReport.WORKING,
        "in_use": chosen.learned.filter(withdrawn_at=None).select_related("applied_by").first(),
        "rehearsed": rehearsed,
        "from_reviews": bool(figures.get("curve")),
        "plot": _plot(curve) if curve else "",
        "read_off": _read_off(curve) if curve else [],
        "weights_changed": _changed(report.proposal, rehearsed) if report and report.proposal else [],
        "wished": f"{share:g}",
        "remaining": remaining_of(report, share=share / 100) if report else None,
    }


def _rehearsed(chosen: HardExampleFilter) -> dict[str, Any]:
    """The figures of the fusion in use: the filter's own, or those of its latest mining; with the mining's subject."""
    if chosen.fitted:
        return {**chosen.fitted, "subject": ""}
    latest: Mining | None = chosen.minings.filter(status=MiningStatus.FINISHED, fitted__isnull=False).first()
    return {**latest.fitted, "subject": latest.subject} if latest is not None and latest.fitted else {}


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return WISHED
    return value if math.isfinite(value) and 0 <= value <= 100 else WISHED


def _told(estimate: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, how much, between what) of each estimate that there is."""
    found = []
    for name, words in (
        ("precision", "of the flagged images are wrong"),
        ("recall", "of all errors are flagged"),
        ("missed", "of all errors are missed"),
    ):
        share = estimate.get(name)
        if share:
            found.append(
                (f"{share['value']:.0%}", words, f"between {share['low']:.0%} and {share['high']:.0%}, 95% sure")
            )
    lift = estimate.get("lift")
    if lift:
        words = "as many errors as in a random choice"
        found.append((f"{lift['value']:.1f} ×", words, f"between {lift['low']:.1f} and {lift['high']:.1f}, 95% sure"))
    return found


def _plot(curve: dict[str, Any]) -> str:
    return curves(curve["looked"], {LEGEND.get(name, name): y for name, y in curve["caught"].items()}, title=TITLE)


def _read_off(curve: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the plot says at a few places, in words."""
    rows = []
    for share in READ_OFF:
        at = min(range(len(curve["looked"])), key=lambda index: abs(curve["looked"][index] - share))
        said = [(LEGEND.get(name, name), f"{points[at]:.0%}") for name, points in curve["caught"].items()]
        rows.append((f"{share:.0%}", said))
    return rows


def _changed(proposal: dict[str, Any], present: dict[str, Any]) -> list[tuple[str, float | None, float]]:
    """(rule, weight now, weight proposed) of the rules that have one, the heaviest first."""
    now = present.get("rules", {}) if present.get("intercept") is not None else {}
    rows = [
        (name.replace("_", " "), now[name]["share"] if name in now else None, rule["share"])
        for name, rule in proposal["fusion"]["rules"].items()
        if rule["slope"] is not None
    ]
    return sorted(rows, key=lambda row: -row[2])
