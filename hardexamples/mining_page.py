"""What the page of a mining tells: coefficients, opinions, the hardest images, suspect labels, how it was decided."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.utils.safestring import SafeString

from config.figures import bins_of, dot, histogram
from datasets.models import Blob
from hardexamples.models import Mining, Recut, RecutStatus
from hardexamples.rules import rules

LOOKED_AT = 20_000
HARDEST = 24
SUSPECTS = 50
RECUTS = 20
TONES: dict[str, str] = {RecutStatus.WORKING: "busy", RecutStatus.APPLIED: "good", RecutStatus.ENDED: "warn"}
WORDS = {"threshold": "threshold", "fusion": "fusion", "cap": "at most"}


def told_of(mining: Mining) -> dict[str, Any]:
    """The context of the page."""
    return {
        "fusion_words": fusion_words(mining),
        "history": [
            (made, _state(made), changes_of(made)) for made in mining.recuts.select_related("created_by")[:RECUTS]
        ],
        "suspects": suspects_of(mining),
        "suspect_count": mining.suspects.count(),
        **(opinions_of(mining) if mining.finished_at else {}),
    }


def fusion_words(mining: Mining) -> str:
    """Where the weights come from, in a sentence."""
    if not mining.fitted:
        return ""
    if mining.fitted.get("intercept") is not None:
        return "Weights learned from the training manifest or from reviews."
    if mining.fitted.get("voices"):
        return "Fixed weights: there was too little to learn from."
    return "Fixed weights, as they stand in the filter."


def changes_of(made: Recut) -> list[tuple[str, str, str]]:
    """What a re-cut changed: name, before, after, as words."""
    was, now = made.before["settings"], made.after["settings"]
    rows = [("filter", made.before["filter"] or "deleted", made.after["filter"] or "deleted")]
    rows += [(words, _word(was.get(name)), _word(now.get(name))) for name, words in WORDS.items()]
    for name in sorted(set(was["weights"]) | set(now["weights"])):
        rows.append((name, _word(was["weights"].get(name) or 0), _word(now["weights"].get(name) or 0)))
    return [row for row in rows if row[1] != row[2]]


def _word(value: Any) -> str:
    return "all" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def _state(made: Recut) -> SafeString:
    return dot(made.get_status_display(), TONES[made.status])


def suspects_of(mining: Mining) -> list[tuple[Any, bool]]:
    """Labels of the training set that are probably wrong, the surest first, and whether a picture can be shown."""
    suspects = list(mining.suspects.order_by("-confidence", "position")[:SUSPECTS])
    pictured = _pictured(each.sha256 for each in suspects)
    return [(each, each.sha256 in pictured) for each in suspects]


def _pictured(sha256s: Iterable[str]) -> set[str]:
    rows = Blob.objects.filter(sha256__in=set(sha256s), samples__isnull=False)
    return set(rows.values_list("sha256", flat=True))


def opinions_of(mining: Mining) -> dict[str, Any]:
    """What the rules said in an ended mining, from its first `LOOKED_AT` items, and its hardest items."""
    rows = list(mining.items.order_by("position").values_list("coefficient", "scores")[:LOOKED_AT])
    spoken = Counter(rule for _, scores in rows for rule, score in scores.items() if score is not None)
    known = rules()
    hardest = mining.items.order_by("-coefficient", "position")[:HARDEST]
    pictured = _pictured(item.sha256 for item in hardest)
    return {
        "looked_at": len(rows) if len(rows) < mining.total else 0,
        "coefficients": histogram(
            bins_of([coefficient for coefficient, _ in rows]),
            title="How many images have which hard coefficient, 0 to 1",
            threshold=_threshold(mining.settings),
        )
        if rows
        else "",
        "opinions": [
            (rule.replace("_", " "), known[rule].algorithm if rule in known else "", spoken[rule], len(rows))
            for rule in sorted({rule for _, scores in rows for rule in scores})
        ],
        "hardest": [(item, item.sha256 in pictured) for item in hardest],
    }


def _threshold(settings: dict[str, Any]) -> float | None:
    value = settings.get("threshold")
    return value if isinstance(value, int | float) and 0 <= value <= 1 else None
