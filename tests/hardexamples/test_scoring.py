"""One coefficient that means the same in every run, a verdict, and a reason for each."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hardexamples.calibration import fit_fusion
from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import MODELARTS_WEIGHTS, rules
from hardexamples.scoring import Filter, Verdicts
from tests.hardexamples.arrays import classified, detected, reference

ONLY_CONFIDENCE = {"predict_score_mining": 1.0}


def blurred(n: int, *, seed: int) -> np.ndarray:
    """(n, 12) descriptors of three classes that overlap a little."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(9).normal(size=(3, 12))
    return centers[np.arange(n) % 3] + 0.9 * rng.normal(size=(n, 12))


TRAINING = reference(240, descriptor=blurred(240, seed=5), activations=None)
INPUTS = classified(120, descriptor=blurred(120, seed=6), activations=None)


@pytest.fixture(scope="module")
def fitted() -> Filter:
    return Filter(FilterSettings()).fit(TRAINING)


@pytest.fixture(scope="module")
def verdicts(fitted: Filter) -> Verdicts:
    return fitted.apply(INPUTS)


def test_the_weights_are_learned_where_there_is_a_training_set(fitted: Filter) -> None:
    figures = fitted.fitted_as_dict()
    assert figures["intercept"] is not None
    assert figures["errors"] >= 10
    assert figures["auroc"] > 0.8
    assert all(rule["share"] >= 0 for rule in figures["rules"].values())


def test_errors_come_first(verdicts: Verdicts) -> None:
    wrong = INPUTS.predicted != np.arange(120) % 3
    assert 5 < wrong.sum() < 60
    first = np.argsort(-verdicts.coefficient)[: wrong.sum()]
    assert wrong[first].mean() > 0.6


def test_every_flagged_image_has_a_reason_the_most_telling_first(verdicts: Verdicts) -> None:
    assert 0 < verdicts.flagged.sum() < 120
    for index in np.flatnonzero(verdicts.flagged):
        reasons = verdicts.reasons(int(index))
        assert reasons
        alone = verdicts.filter.fusion_.alone({n: s[[index]] for n, s in verdicts.scores.items()})
        telling = [float(alone[each.rule][0]) for each in reasons]
        assert telling == sorted(telling, reverse=True)


def test_a_coefficient_means_the_same_in_every_run(fitted: Filter, verdicts: Verdicts) -> None:
    half = fitted.apply(INPUTS.take(range(0, 120, 2)))
    np.testing.assert_allclose(half.coefficient, verdicts.coefficient[::2], atol=1e-5)


def test_fitting_twice_gives_the_same_and_kept_figures_give_the_same(verdicts: Verdicts) -> None:
    again = Filter(FilterSettings()).fit(TRAINING)
    np.testing.assert_array_equal(again.apply(INPUTS).coefficient, verdicts.coefficient)
    kept = json.loads(json.dumps(again.fitted_as_dict()))
    restored = Filter(FilterSettings()).fit(TRAINING, fitted=kept)
    np.testing.assert_array_equal(restored.apply(INPUTS).coefficient, verdicts.coefficient)


def test_kept_figures_of_other_rules_or_another_version_are_fitted_anew(fitted: Filter) -> None:
    figures = fitted.fitted_as_dict()
    older = figures | {"version": 0, "intercept": 9.0}
    fewer = figures | {"rules": {"outlier": figures["rules"]["outlier"]}, "intercept": 9.0}
    for kept in (older, fewer):
        assert Filter(FilterSettings()).fit(TRAINING, fitted=kept).fitted_as_dict() == figures


def test_another_threshold_is_decided_from_kept_scores(verdicts: Verdicts) -> None:
    strict = Filter(FilterSettings(threshold=0.5)).fit(TRAINING).decide(INPUTS, verdicts.scores)
    assert (strict.flagged == (verdicts.coefficient >= 0.5)).all()
    assert strict.flagged.sum() < verdicts.flagged.sum()


def test_a_missing_opinion_is_left_out_and_not_counted_as_zero() -> None:
    weights = {"predict_score_mining": 0.39, "clustering_mining": 0.2}
    found = {n: rules()[n]() for n in ("low_confidence", "cluster_disagreement")}
    fusion = fit_fusion(found, None, weights=weights, learn=True, random_state=0)
    scores = {
        "low_confidence": np.array([0.8, 0.8, np.nan]),
        "cluster_disagreement": np.array([np.nan, 0.2, np.nan]),
    }
    expected = [0.8, (0.39 * 0.8 + 0.2 * 0.2) / 0.59, 0.0]
    assert fusion.coefficient(scores, n=3) == pytest.approx(expected)


def test_a_switched_off_algorithm_says_nothing() -> None:
    weights = ONLY_CONFIDENCE | {"clustering_mining": 0.0}
    verdicts = Filter(FilterSettings(weights=weights)).fit(TRAINING).apply(INPUTS)
    assert set(verdicts.scores) == {"low_confidence", "no_target"}


def test_no_class_at_all_is_hard_though_training_never_showed_it(fitted: Filter) -> None:
    table = np.array(INPUTS.probabilities)
    table[0], table[1] = 0, np.nan
    verdicts = fitted.apply(replace(INPUTS, probabilities=table))
    assert verdicts.coefficient[0] == 1
    assert verdicts.reasons(0)[0].code == 0
    assert np.isfinite(verdicts.coefficient).all()


@pytest.mark.parametrize("task", ["image_classification", "object_detection"])
@pytest.mark.parametrize("size", [0, 1, 3, 60])
def test_any_reference_gives_verdicts(size: int, task: str) -> None:
    batch = classified() if task == "image_classification" else detected()
    for given_reference in (None, reference(size, task=task)):
        verdicts = Filter(FilterSettings(threshold=0)).fit(given_reference).apply(batch)
        assert np.isfinite(verdicts.coefficient).all()
        assert ((verdicts.coefficient >= 0) & (verdicts.coefficient <= 1)).all()
        assert all(verdicts.reasons(int(i)) for i in np.flatnonzero(verdicts.flagged))


def test_detection_without_boxes_is_flagged() -> None:
    verdicts = Filter(FilterSettings()).fit(reference(task="object_detection")).apply(detected())
    empty = [i for i, boxes in enumerate(detected().boxes or ()) if not len(boxes)]
    assert verdicts.flagged[empty].all()
    assert verdicts.reasons(empty[0])[0].code == 0


def test_an_empty_batch_has_empty_verdicts(fitted: Filter) -> None:
    verdicts = fitted.apply(INPUTS.take([]))
    assert verdicts.coefficient.shape == verdicts.flagged.shape == verdicts.control.shape == (0,)


def test_control_is_a_small_random_share_of_the_unflagged(verdicts: Verdicts) -> None:
    assert not (verdicts.control & verdicts.flagged).any()
    assert verdicts.control.sum() == max(1, round(0.02 * (~verdicts.flagged).sum()))
    other = Filter(FilterSettings(control_share=0.5, control_cap=7, random_state=1)).fit(TRAINING).apply(INPUTS)
    assert other.control.sum() == 7
    assert not Filter(FilterSettings(control_share=0)).fit(TRAINING).apply(INPUTS).control.any()


def test_a_cap_keeps_the_hardest_and_few_of_a_kind(fitted: Filter) -> None:
    copies = [int(fitted.apply(INPUTS).coefficient.argmax())] * 20
    twenty = INPUTS.take([*range(120), *copies])
    capped = Filter(FilterSettings(cap=5)).fit(TRAINING).apply(twenty)
    assert capped.flagged.sum() == 5
    assert capped.flagged[copies[0]]
    assert not capped.flagged[120:].any()
    assert Filter(FilterSettings(cap=0)).fit(TRAINING).apply(INPUTS).flagged.sum() == 0


def test_copies_make_a_stack_named_by_the_hardest(fitted: Filter, verdicts: Verdicts) -> None:
    hard = int(verdicts.coefficient.argmax())
    again = fitted.apply(INPUTS.take([*range(120), hard, hard]))
    assert again.stack[[hard, 120, 121]].tolist() == [hard] * 3
    assert (again.stack[~again.flagged] == -1).all()


def test_inputs_of_another_kind_are_refused(fitted: Filter) -> None:
    with pytest.raises(ValueError, match="task or classes"):
        fitted.apply(classified(classes=2))
    with pytest.raises(ValueError, match="descriptor of 4 numbers, the reference has 12"):
        fitted.apply(classified(descriptor=np.zeros((40, 4))))


def test_where_the_descriptor_tells_nothing_the_model_is_believed() -> None:
    noise = np.random.default_rng(0).normal(size=(360, 12))
    training = replace(TRAINING, descriptor=noise[:240])
    verdicts = Filter(FilterSettings()).fit(training).apply(replace(INPUTS, descriptor=noise[240:]))
    shares = {name: each["share"] for name, each in verdicts.filter.fitted_as_dict()["rules"].items()}
    assert max(shares, key=shares.__getitem__) == "low_confidence"
    wrong = INPUTS.predicted != np.arange(120) % 3
    alone = roc_auc_score(wrong, verdicts.scores["low_confidence"])
    assert roc_auc_score(wrong, verdicts.coefficient) > alone - 0.03


def test_weights_are_not_learned_from_a_handful() -> None:
    assert Filter(FilterSettings()).fit(TRAINING.take(range(30))).fitted_as_dict()["intercept"] is None


WEIGHTS = st.dictionaries(st.sampled_from(list(MODELARTS_WEIGHTS)), st.floats(0.01, 10), min_size=1)


@settings(max_examples=50, deadline=None)
@given(
    st.builds(
        FilterSettings,
        weights=WEIGHTS,
        threshold=st.floats(0, 1),
        measure=st.sampled_from(["margin", "entropy"]),
        cap=st.none() | st.integers(0, 10**6),
        fusion=st.sampled_from(["fitted", "weights"]),
    )
)
def test_settings_survive_json(chosen: FilterSettings) -> None:
    assert FilterSettings.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"guessing": 1}},
        {"weights": {}},
        {"weights": {"clustering_mining": -1}},
        {"weights": {"clustering_mining": float("nan")}},
        {"weights": {"clustering_mining": 0}},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"measure": "feeling"},
        {"fusion": "cold"},
        {"control_share": -0.1},
        {"augmentations": {"melt": 1}},
        {"augmentations": {"crop": -1}},
        {"augmentations": {"crop": float("nan")}},
        {"cap": -1},
        {"surprise": 1},
    ],
)
def test_wrong_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        FilterSettings.from_dict(wrong)
