"""A rule is found by being there; a clash is an error at import."""

import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from django.core.management import call_command

import hardexamples.rules
from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import Batch, Evidence, Rule, collect, rules
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import classified, reference

SOURCE = """
from hardexamples.rules.contract import Rule
class Fresh(Rule):
    algorithm = "predict_score_mining"
    reasons = {CODE: "New"}
    suggestions = {CODE: "Look."}
    def _fit(self, reference): return True
    def _score(self, batch): return batch.predicted * 0 + 0.5
    def _explain(self, batch): return [self.evidence(CODE, 0.5, "half of something")]
"""


def module(name: str, source: str = SOURCE, code: int = 100) -> ModuleType:
    made = ModuleType(f"hardexamples.rules.{name}")
    exec(compile(source.replace("CODE", str(code)), name, "exec"), made.__dict__)  # noqa: S102  a file made up here
    return made


def test_the_rules_of_this_house() -> None:
    assert {"no_target", "low_confidence", "cluster_disagreement", "class_distance", "outlier"} <= set(rules())
    assert {0, 1, 2, 3, 30} <= {code for rule in rules().values() for code in rule.reasons}


def test_a_new_rule_is_one_file() -> None:
    found = collect([module("fresh")])
    rule: Rule = found["fresh"]().fit(None)
    batch = Batch(("x",), "image_classification", ("a",), probabilities=np.ones((1, 1)))
    assert rule.score(batch).tolist() == [0.5]
    assert rule.explain(batch, 0) == [Evidence(100, "fresh", 0.5, "half of something", "Look.")]


def test_a_file_beside_the_others_is_all_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fresh.py").write_text(SOURCE.replace("CODE", "999"))
    monkeypatch.setattr(hardexamples.rules, "__path__", [*hardexamples.rules.__path__, str(tmp_path)])
    hardexamples.rules._discovered.cache_clear()
    try:
        verdicts = Filter(FilterSettings()).fit(reference()).apply(classified())
        assert (verdicts.scores["fresh"] == 0.5).all()
        assert 999 in {each.code for each in verdicts.filter.rules_["fresh"].explain(verdicts.batch, 0)}
        printed = StringIO()
        call_command("list_rules", stdout=printed)
        assert "fresh" in printed.getvalue()
    finally:
        sys.modules.pop("hardexamples.rules.fresh", None)
        hardexamples.rules._discovered.cache_clear()


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([module("one"), module("two")], "reason 100 belongs to one and to two"),
        ([module("one"), module("one", code=101)], "one: more than one"),
        ([module("one", SOURCE + SOURCE.replace("Fresh", "Other"))], "one: more than one"),
        ([module("one", SOURCE.replace("predict_score", "magic"))], "unknown algorithm"),
        ([module("one", SOURCE.replace("suggestions = {CODE", "suggestions = {7"))], "needs a text"),
    ],
    ids=["codes", "names", "two in one file", "algorithm", "suggestion"],
)
def test_a_clash_fails_at_import(modules: list[ModuleType], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        collect(modules)
