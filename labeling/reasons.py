"""The reasons of samples by rule, for the filter panel: each a link that narrows the queue, or widens it again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from django.db.models import Count, QuerySet

from datasets.models import HardReason, Sample
from hardexamples.rules import rules
from labeling.queue import Queue


@dataclass(frozen=True)
class Line:
    """A rule or one of its reasons: how many samples have it, whether it is chosen, and the query string of the other
    choice. `parts` are the reasons of a rule that gives more than one here."""

    words: str
    number: int
    chosen: bool
    address: str
    parts: Sequence["Line"] = ()


def lines(wanted: Queue, samples: QuerySet[Sample]) -> list[Line]:
    """The rules that flagged the samples, the most frequent first.

    Args:
        wanted: the queue that the links change.
        samples: those that are looked at.
    """
    reasons = HardReason.objects.filter(sample__in=samples.values("pk"))
    number = Count("sample", distinct=True)
    parts: dict[str, list[Line]] = {}
    for row in reasons.values("rule", "code").annotate(number=number).order_by("-number", "code"):
        code, chosen = row["code"], row["code"] == wanted.reason
        address = replace(wanted, reason=None if chosen else code).address()
        parts.setdefault(row["rule"], []).append(Line(words_of(code), row["number"], chosen, address))
    by_rule = dict(reasons.values_list("rule").annotate(number=number).order_by("-number", "rule"))
    return [_rule(wanted, rule, found, parts[rule]) for rule, found in by_rule.items()]


def _rule(wanted: Queue, rule: str, number: int, parts: list[Line]) -> Line:
    words = rule.replace("_", " ")
    if len(parts) == 1:  # the rule and its reason are one thing
        return replace(parts[0], words=words)
    chosen = wanted.rule == rule
    return Line(words, number, chosen, replace(wanted, rule="" if chosen else rule).address(), parts)


def words_of(code: int) -> str:
    """What a reason says, as its rule has it: "The image clarity is unlike the training set"."""
    return _words().get(code, f"reason {code}")


@cache
def _words() -> dict[int, str]:
    return {code: words for kind in rules().values() for code, words in kind.reasons.items()}
