"""What a filter's page tells: how well it finds errors, what reviews would change, how many more are worth while.

Reads what `hardexamples.learning` has kept, and never writes.
"""

import math
from typing import Any

from django.utils.safestring import SafeString

from config.figures import curves, dot
from hardexamples.estimates import Share
from hardexamples.filter_worth import Worth, worth_of
from hardexamples.forms import FilterForm, weights_of
from hardexamples.fusion import FUSION_VERSION
from hardexamples.learning import remaining_of, unread
from hardexamples.models import FilterReport, HardExampleFilter, Mining, MiningStatus
from hardexamples.notation import MODELARTS_WEIGHTS
from hardexamples.rules import NEEDS, rules

READ_OFF = (0.05, 0.1, 0.2)
SERVICES = 5  # named on the page
WISHED = 1.0  # per cent of all images
LEGEND = {"fused": "this filter", "margin": "the model's margin"}
NEED_WORDS = {
    "augmented": "answers to changed images",
    "boxes": "predicted boxes",
    "features": "looks",
    "input features": "looks",
    "labels": "training labels",
    "reference": "training set",
    "statistics": "image statistics",
}
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
    worth = worth_of(chosen, figures, rehearsed)
    threshold = chosen.algo_hard_threshold
    fixed = _fixed(chosen, rehearsed)
    in_use = chosen.learned.filter(withdrawn_at=None).select_related("applied_by").first()
    share = _percent(wished)
    return {
        "report": report,
        "figures": figures,
        "told": _told(figures.get("estimate", {})),
        "unread": unread(report),
        "learning": report is not None and report.status in FilterReport.WORKING,
        "services": chosen.services.order_by("name")[:SERVICES],
        "outdated": chosen.fitted is not None and chosen.fitted["version"] != FUSION_VERSION,
        "in_use": in_use,
        "rehearsed": rehearsed,
        "from_reviews": bool(figures.get("curve")),
        "algorithms": algorithms_of(chosen, rehearsed),
        "fixed": fixed,
        "kept": _kept(in_use is not None, fixed),
        "plot": _plot(curve, worth, threshold) if curve else "",
        "worth": worth.as_dict() if worth else None,
        "worth_words": worth.words(threshold) if worth else "",
        "threshold": threshold,
        "read_off": _read_off(curve) if curve else [],
        "weights_changed": _changed(report.proposal, rehearsed) if report and report.proposal else [],
        "wished": f"{share:g}",
        "remaining": remaining_of(report, share=share / 100) if report else None,
    }


def algorithms_of(chosen: HardExampleFilter, rehearsed: dict[str, Any]) -> list[dict[str, Any]]:
    """The algorithms of a filter, in the order of the form, with their rules: what each needs, what it weighs and how
    well it alone told errors from hits in the rehearsal."""
    weights, figures = weights_of(chosen), rehearsed.get("rules", {})
    fitted = rehearsed.get("intercept") is not None
    heaviest = max((each["share"] for each in figures.values()), default=0.0) if fitted else max(weights.values())
    found = []
    for algorithm in (name for name in FilterForm.declared_fields if name in MODELARTS_WEIGHTS):
        lines = []
        for name, kind in rules().items():
            if kind.algorithm == algorithm:
                told = figures.get(name, {})
                weighs = fitted and told.get("slope") is not None
                lines.append(
                    {
                        "name": name.replace("_", " "),
                        "needs": [(NEED_WORDS.get(need, need), NEEDS[need]) for need in sorted(kind.needs)],
                        "auroc": told.get("auroc"),
                        "weight": told["share"] if weighs else None,
                        "bar": round(told["share"] / (heaviest or 1.0), 3) if weighs else None,
                        "says": _part(told) if fitted and told and not weighs else "",
                    }
                )
        label, weight = FilterForm.declared_fields[algorithm].label, weights[algorithm]
        bar = None if fitted else round(weight / (heaviest or 1.0), 3)
        found.append({"name": algorithm, "label": label, "weight": weight, "bar": bar, "rules": lines})
    return found


def _part(told: dict[str, Any]) -> str:
    """What a rule without a weight does in a fitted sum."""
    if told["about_data"]:
        return "makes an image hard by itself where the training set lacks such images"
    return "speaks for itself: raises the coefficient"


def _kept(learned: bool, fixed: str) -> SafeString:
    """Where the weights come from, as a word."""
    if learned:
        return dot("learned weights", "good")
    return dot("fixed weights", "calm") if fixed else dot("fitted weights", "good")


def _fixed(chosen: HardExampleFilter, rehearsed: dict[str, Any]) -> str:
    """Why the weights are not fitted; empty where they are."""
    if rehearsed.get("intercept") is not None:
        return ""
    if chosen.fusion == HardExampleFilter.Fusion.WEIGHTS:
        return "The weights as they stand, as this filter is set."
    if not rehearsed:
        return "Until a run with a training manifest teaches better ones."
    if not rehearsed.get("images"):
        return (
            "No training manifest with labels was there to learn from; for detection, with the model's answers to its "
            "images."
        )
    return f"The rehearsal made {rehearsed.get('errors', 0)} errors: too few, or too few hits, to learn weights from."


def _rehearsed(chosen: HardExampleFilter) -> dict[str, Any]:
    """The figures of the fusion in use: the learned weights, or those of the latest mining; with the mining's
    subject."""
    if chosen.fitted and chosen.fitted["version"] == FUSION_VERSION:
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


def _plot(curve: dict[str, Any], worth: Worth | None, threshold: float) -> str:
    lines = {LEGEND.get(name, name): y for name, y in curve["caught"].items()}
    mark = None
    if worth is not None:
        share: Share = worth.caught[worth.at(threshold)]
        mark = (worth.looked[worth.at(threshold)], share.value, share.low, share.high)
    return curves(curve["looked"], lines, title=TITLE, mark=mark)


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
