"""`manage.py list_rules`: what every rule looks for, what it needs, what it says; from the rules themselves."""

import inspect
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from hardexamples.rules import MODELARTS_WEIGHTS, NEEDS, Rule, rules


class Command(BaseCommand):
    help = "Describes every rule that finds hard examples."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the rules as JSON")

    def handle(self, *, as_json: bool, **options: object) -> None:
        described = [_described(name, rule) for name, rule in rules().items()]
        self.stdout.write(json.dumps({"rules": described}) if as_json else "\n\n".join(map(_text, described)))


def _described(name: str, rule: type[Rule]) -> dict[str, Any]:
    return {
        "rule": name,
        "description": inspect.getdoc(rule) or "",
        "algorithm": rule.algorithm,
        "default_weight": MODELARTS_WEIGHTS[rule.algorithm],
        "needs": {need: NEEDS[need] for need in sorted(rule.needs)},
        "parameters": rule().get_params(),
        "reasons": [
            {"code": code, "reason": words, "suggestion": rule.suggestions[code]}
            for code, words in rule.reasons.items()
        ],
    }


def _text(rule: dict[str, Any]) -> str:
    lines = [rule["rule"], "=" * len(rule["rule"]), rule["description"], ""]
    lines.append(f"Algorithm: {rule['algorithm']}, weight {rule['default_weight']:.4f} if not set otherwise")
    lines.append(f"Needs: {'; '.join(rule['needs'].values()) or 'nothing'}")
    if rule["parameters"]:
        lines.append("Parameters: " + ", ".join(f"{name}={value!r}" for name, value in rule["parameters"].items()))
    for reason in rule["reasons"]:
        lines.append(f"Reason {reason['code']}: {reason['reason'].rstrip('.')}. {reason['suggestion']}")
    return "\n".join(lines)
