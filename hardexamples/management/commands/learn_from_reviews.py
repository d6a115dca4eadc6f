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
            "--apply", action="store_true", help="make a filter of each proposal that did better on held-out reviews"
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
            better = bool(report.proposal and report.proposal["better"])
            made = _applied(each) if apply and better else None
            told.append(
                {
                    "filter": each.name,
                    "figures": report.figures,
                    "proposal": report.proposal,
                    "applied": made.name if made else None,
                }
            )
            if not as_json:
                self.stdout.write(f"{each}: {_words(report)}" + (f"; made the filter {made}" if made else ""))
        if as_json:
            self.stdout.write(json.dumps({"filters": told}))


def _applied(chosen: HardExampleFilter) -> HardExampleFilter:
    try:
        return apply_proposal(chosen=chosen, by=None)
    except Refused as refused:
        raise CommandError(refused.message) from None


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
