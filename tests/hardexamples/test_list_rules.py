"""`list_rules` is the users' documentation of every rule, taken from the rules themselves."""

import io
import json

from django.core.management import call_command

from hardexamples.rules import rules


def told(*arguments: str) -> str:
    stream = io.StringIO()
    call_command("list_rules", *arguments, stdout=stream)
    return stream.getvalue()


def test_every_rule_and_every_reason_is_described() -> None:
    text = told()
    for name, rule in rules().items():
        assert name in text
        for code, words in rule.reasons.items():
            assert f"Reason {code}: {words}" in text


def test_programs_read_the_same() -> None:
    described = {rule["rule"]: rule for rule in json.loads(told("--json"))["rules"]}
    assert described.keys() == rules().keys()
    for name, rule in rules().items():
        assert described[name]["algorithm"] == rule.algorithm
        assert {reason["code"] for reason in described[name]["reasons"]} == set(rule.reasons)
        assert described[name]["description"]
