"""Every check over every rule: a new rule is held to all of this by being there."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from hardexamples.rules import Batch, Evidence, Rule, rules
from hardexamples.rules.contract import given
from tests.hardexamples.arrays import classified, detected, reference


def scored(rule: Rule, batch: Batch) -> np.ndarray:
    """The scores, after what must hold of any of them."""
    scores = rule.score(batch)
    assert scores.shape == (len(batch),)
    opinions = scores[~np.isnan(scores)]
    assert ((opinions >= 0) & (opinions <= 1)).all()
    return scores


def check_range(kind: type[Rule]) -> None:
    scored(kind().fit(reference()), classified())
    scored(kind().fit(reference(task="object_detection")), detected())


def check_determinism(kind: type[Rule]) -> None:
    once, again = (scored(kind().fit(reference()), classified()) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def check_does_not_depend_on_the_rest_of_the_batch(kind: type[Rule]) -> None:
    if not kind.alone:
        return
    rule, batch = kind().fit(reference()), classified()
    alone = np.concatenate([rule.score(batch.take([i])) for i in range(len(batch))])
    np.testing.assert_allclose(rule.score(batch), alone, atol=1e-4)


def check_clone_and_parameters_untouched(kind: type[Rule]) -> None:
    rule = kind()
    before = rule.get_params()
    copy = clone(rule)
    rule.fit(reference()).score(classified())
    assert rule.get_params() == before == copy.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]


def check_empty_batch(kind: type[Rule]) -> None:
    scored(kind().fit(reference()), classified().take([]))
    scored(kind().fit(reference(task="object_detection")), detected().take([]))


def check_one_image(kind: type[Rule]) -> None:
    scored(kind().fit(reference()), classified(1))
    scored(kind().fit(reference(1)), classified(1))


def check_one_class(kind: type[Rule]) -> None:
    scored(kind().fit(reference(classes=1)), classified(classes=1))


def check_no_class(kind: type[Rule]) -> None:
    scored(kind().fit(None), classified(classes=0))


def check_no_reference(kind: type[Rule]) -> None:
    assert_silent_if(kind, kind().fit(None), classified(), {"reference", "labels"})


def check_empty_reference(kind: type[Rule]) -> None:
    assert_silent_if(kind, kind().fit(reference(0)), classified(), {"reference", "labels"})


def check_reference_of_a_single_class(kind: type[Rule]) -> None:
    scored(kind().fit(reference(single=True)), classified())


def check_reference_of_copies(kind: type[Rule]) -> None:
    same = reference()
    scored(kind().fit(same.take([0] * 40)), classified())


def check_zero_probabilities(kind: type[Rule]) -> None:
    batch = classified(probabilities=np.zeros((40, 3), np.float32))
    scored(kind().fit(reference()), batch)


def check_missing_rows(kind: type[Rule]) -> None:
    rule, whole = kind().fit(reference()), classified()
    for name in ("probabilities", "descriptor", "activations", "statistics"):
        table = getattr(whole, name).copy()
        table[::2] = np.nan
        holed = replace(classified(), **{name: table})
        np.testing.assert_allclose(scored(rule, holed)[1::2], rule.score(whole)[1::2], atol=1e-4)


def check_a_reference_with_missing_rows(kind: type[Rule]) -> None:
    table = given(reference().descriptor).copy()
    table[::2] = np.nan
    scored(kind().fit(reference(descriptor=table)), classified())
    scored(kind().fit(reference(descriptor=np.full_like(table, np.nan))), classified())


def check_no_boxes(kind: type[Rule]) -> None:
    nothing = [np.zeros((0, 4))] * 40
    batch = detected(boxes=nothing, box_labels=None, box_confidences=None)
    scored(kind().fit(reference(task="object_detection")), batch)
    scored(kind().fit(None), batch)


def check_needs_not_met(kind: type[Rule]) -> None:
    arrays = {
        "probabilities": {"probabilities"},
        "predictions": {"probabilities"},
        "features": {"descriptor", "activations"},
        "input features": {"descriptor", "activations"},
        "statistics": {"statistics"},
        "boxes": {"boxes"},
    }
    for need in kind.needs & arrays.keys():
        missing: dict[str, Any] = dict.fromkeys(arrays[need] - {"boxes"})
        batch = classified(**missing)
        rule = kind().fit(reference())
        assert np.isnan(rule.score(batch)).all()
        assert rule.explain(batch, 0) == []


def check_every_score_has_its_evidence(kind: type[Rule]) -> None:
    for rule, batch in (
        (kind().fit(reference()), classified()),
        (kind().fit(reference(task="object_detection")), detected()),
    ):
        scores = rule.score(batch)
        for index, score in enumerate(scores):
            evidence = rule.explain(batch, index)
            assert evidence or not score > 0
            assert not (evidence and np.isnan(score))
            for each in evidence:
                assert_readable(kind, each)


def assert_readable(kind: type[Rule], evidence: Evidence) -> None:
    assert evidence.code in kind.reasons
    assert evidence.rule == kind.__module__.rpartition(".")[2]
    assert np.isfinite(evidence.measured)
    assert len(evidence.sentence) > 10
    assert "nan" not in evidence.sentence
    assert evidence.suggestion == kind.suggestions[evidence.code]
    if evidence.normal_low is not None and evidence.normal_high is not None:
        assert evidence.normal_low <= evidence.normal_high


def assert_silent_if(kind: type[Rule], rule: Rule, batch: Batch, needs: set[str]) -> None:
    scores = scored(rule, batch)
    if kind.needs & needs:
        assert np.isnan(scores).all()


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", rules().values(), ids=rules().keys())
def test_rule(kind: type[Rule], check: Callable[[type[Rule]], None]) -> None:
    check(kind)


def test_rules_and_scoring_stand_without_django() -> None:
    code = "import sys, hardexamples.features, hardexamples.scoring; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
