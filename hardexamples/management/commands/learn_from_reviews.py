"""`manage.py learn_from_reviews`: what people decided since the last time becomes figures and proposed weights."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refused
from hardexamples.filters import apply_proposal
from hardexamples.learning import learn
from hardexamples.models import FilterReport, HardExampleFilter


class Command(BaseCommand):
    help = "Lets filters learn from reviews: all that were used, or the one named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the reports as JSON")
        parser.add_argument("--filter", dest="name", help="only the filter of this name")
        parser.add_argument(
            "--apply",
            action="store_true",
            help="use each proposal that did better on held-out reviews from now on; presets stay as they are",
        )

    def handle(self, *, name: str | None, apply: bool, as_json: bool, **options: object) -> None:
        chosen = HardExampleFilter.objects.filter(minings__isnull=False).distinct()
        if name is not None:
            chosen = HardExampleFilter.objects.filter(name=name)
            if not chosen.exists():
                raise CommandError(f"There is no filter {name}.")
        told = []
        for each in chosen:
            report = learn(chosen=each, by=None)
            if apply and report.proposal and report.proposal["better"] and each.kind == HardExampleFilter.Kind.OWN:
                _apply(each)
            applied = _in_use(each, report)
            told.append(
                {"filter": each.name, "figures": report.figures, "proposal": report.proposal, "applied": applied}
            )
            if not as_json:
                self.stdout.write(f"{each}: {_words(report)}" + ("; in use from now on" if applied else ""))
        if as_json:
            self.stdout.write(json.dumps({"filters": told}))


def _apply(chosen: HardExampleFilter) -> None:
    try:
        apply_proposal(chosen=chosen, by=None)
    except Refused as refused:
        raise CommandError(refused.message) from None


def _in_use(chosen: HardExampleFilter, report: FilterReport) -> bool:
    """Whether the filter uses what the report proposes, by --apply or by its own setting."""
    chosen.refresh_from_db()
    return report.proposal is not None and chosen.fitted == report.proposal["fusion"]


def _words(report: FilterReport) -> str:
    figures: dict[str, Any] = report.figures
    said = [f"{figures['reviews']:,} reviews, {figures['wrong']:,} errors"]
    for name in ("precision", "recall"):
        share = figures["estimate"][name]
        if share:
            said.append(f"{name} {share['value']:.0%} ({share['low']:.0%} to {share['high']:.0%})")
    if not figures["enough"]:
        said.append(f"too few to propose weights, {figures['fewest']} are needed")
    elif report.proposal:
        was, would = report.proposal["present"], report.proposal["proposed"]
        said.append(f"log loss on held-out reviews {was['log_loss']:.3f} now, {would['log_loss']:.3f} proposed")
    return "; ".join(said)
