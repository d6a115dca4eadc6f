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


MODELARTS_WORDS = {
    0: "No target object", 1: "confidence is low", 2: "Clusters of the training set disagree", 3: "same class",
    4: "consecutive similar images disagree", 5: "image resolution", 6: "image aspect ratio", 7: "image brightness",
    8: "image saturation", 9: "image color richness", 10: "image clarity", 11: "number of boxes",
    12: "differences between box areas", 13: "box's aspect ratio", 14: "box's share of the image",
    15: "distance from the center", 16: "box's brightness", 17: "box's clarity", 18: "overlap of boxes",
    19: "blurred", 20: "mirrored", 21: "cropped", 22: "upside down", 23: "larger or smaller", 24: "moved",
    25: "slanted", 26: "patches of color", 27: "sharpened", 28: "brighter or darker", 29: "inverted", 30: "outlier",
}  # fmt: skip
"""What ModelArts' reason of each code is about (its API, "hard_details"), in our words."""


def test_every_reason_of_modelarts_is_given_by_some_rule_and_means_the_same() -> None:
    reasons = {code: words for rule in rules().values() for code, words in rule.reasons.items()}
    assert {code for code in reasons if code < 100} == set(range(31))
    for code, about in MODELARTS_WORDS.items():
        assert about in reasons[code]


def test_every_reason_is_a_sentence_and_every_suggestion_says_what_to_do() -> None:
    """They stand on pages and in `hard_details`: a labeler reads them, who knows no term of the rules."""
    suggestions = {code: words for rule in rules().values() for code, words in rule.suggestions.items()}
    reasons = {code: words for rule in rules().values() for code, words in rule.reasons.items()}
    assert len(set(reasons.values())) == len(reasons)
    for words in reasons.values():
        assert words[0].isupper()
        assert not words.endswith(".")
        assert 15 < len(words) < 80
    for words in suggestions.values():
        assert words.split()[0].rstrip(",") in DO
        assert words.endswith(".")
        assert not {"descriptor", "activations", "fusion", "log", "NaN"} & set(words.split())


DO = {"Check", "Compare", "Crop", "Decide", "If", "Look", "Resize", "Retake"}
"""How a suggestion begins."""
