"""How the weights of the rules come about."""

import numpy as np
import pytest

from hardexamples import calibration
from hardexamples.calibration import fit_fusion
from hardexamples.fusion import FUSION_VERSION, Fusion
from hardexamples.rules import MODELARTS_WEIGHTS, rules
from tests.hardexamples.arrays import reference

NAMES = ("class_distance", "cluster_disagreement", "low_confidence")


def fitted(monkeypatch: pytest.MonkeyPatch, scores: dict[str, np.ndarray], wrong: np.ndarray) -> Fusion:
    monkeypatch.setattr(calibration, "rehearse", lambda found, given, **more: (scores, wrong))
    found = {name: rules()[name]() for name in scores}
    return fit_fusion(found, reference(), weights=MODELARTS_WEIGHTS, learn=True, random_state=0)


def seen(wrong: np.ndarray, *, noise: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(3.0 * wrong - 1.5 + noise)))


def test_a_weaker_rule_that_sees_much_the_same_is_hardly_asked(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(400) < 0.2
    shared = rng.normal(size=400)
    scores = {
        "class_distance": seen(wrong, noise=0.6 * shared),
        "cluster_disagreement": seen(wrong, noise=0.6 * shared + 1.5 * rng.normal(size=400)),
    }
    shares = {name: figures.share for name, figures in fitted(monkeypatch, scores, wrong).rules.items()}
    assert 0 <= shares["cluster_disagreement"] < 0.05 * shares["class_distance"]


def test_rules_that_are_equally_good_and_see_different_things_share_the_weight(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.2
    scores = {name: seen(wrong, noise=1.2 * rng.normal(size=2000)) for name in NAMES[:2]}
    fusion = fitted(monkeypatch, scores, wrong)
    first, second = (figures.share for figures in fusion.rules.values())
    assert first == pytest.approx(second, rel=0.3)
    assert fusion.auroc is not None
    assert fusion.auroc > max(figures.auroc or 0 for figures in fusion.rules.values())


def test_a_rule_that_misleads_has_no_weight(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(400) < 0.2
    scores = {
        "class_distance": seen(wrong, noise=rng.normal(size=400)),
        "cluster_disagreement": 1 - seen(wrong, noise=rng.normal(size=400)),
    }
    shares = {name: figures.share for name, figures in fitted(monkeypatch, scores, wrong).rules.items()}
    assert shares["cluster_disagreement"] == 0
    assert shares["class_distance"] > 0


def test_what_the_model_says_of_itself_counts_less_than_the_rehearsal_taught(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.2
    scores = {name: seen(wrong, noise=1.2 * rng.normal(size=2000)) for name in ("class_distance", "low_confidence")}
    shares = {name: figures.share for name, figures in fitted(monkeypatch, scores, wrong).rules.items()}
    assert shares["low_confidence"] == pytest.approx(shares["class_distance"] / 2, rel=0.3)


def test_figures_go_through_json_and_back(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(400) < 0.2
    scores = {name: seen(wrong, noise=rng.normal(size=400)) for name in NAMES}
    fusion = fitted(monkeypatch, scores, wrong)
    kept = fusion.as_dict()
    assert kept["version"] == FUSION_VERSION
    again = Fusion.from_dict(kept)
    np.testing.assert_array_equal(again.coefficient(scores, n=400), fusion.coefficient(scores, n=400))
