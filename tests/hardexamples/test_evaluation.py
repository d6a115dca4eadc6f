"""What `manage.py evaluate_mining` prints is true of the scores."""

import json
from functools import partial
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from hardexamples import evaluation, trials
from hardexamples.management.commands import evaluate_mining
from hardexamples.trials import Trial, TrialSet, trial
from tests.hardexamples.arrays import classified, reference

KEYS = ["set", "score", "auroc", "auroc_low", "auroc_high", "average_precision", "caught_5", "caught_10", "caught_20"]


def made_up(seed: int) -> Trial:
    batch = classified(90, seed=seed + 10)
    return Trial(reference(60), batch, batch.predicted != np.arange(90) % 3)


def test_figures_of_a_perfect_a_blind_and_a_reversed_score() -> None:
    wrong = np.arange(100) < 10
    perfect = evaluation.figures(wrong.astype(float), wrong, seed=0)
    assert (perfect.auroc, perfect.average_precision, perfect.caught) == (1.0, 1.0, (0.5, 1.0, 1.0))
    assert evaluation.figures(np.zeros(100), wrong, seed=0).auroc == 0.5
    assert evaluation.figures(-wrong.astype(float), wrong, seed=0).caught == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="nothing to tell apart"):
        evaluation.figures(np.zeros(3), np.zeros(3, bool), seed=0)


def test_equal_scores_do_not_profit_from_the_order_of_the_images() -> None:
    wrong = np.arange(1000) < 100
    caught = [evaluation.figures(np.zeros(1000), wrong, seed=seed).caught[2] for seed in range(20)]
    assert 0.15 < np.mean(caught) < 0.25


def test_no_opinion_is_no_worse_than_nothing_odd() -> None:
    assert evaluation.figures(np.array([np.nan, 0.0]), np.array([True, False]), seed=0).auroc == 0.5
    score = np.array([np.nan, 0.1, 0.9])
    assert evaluation.figures(score, np.array([False, False, True]), seed=0).auroc == 1.0


def test_interval_is_students() -> None:
    mean, low, high = evaluation.interval(np.array([0.1, 0.2, 0.3]))
    assert (mean, low, high) == pytest.approx((0.2, 0.2 - 0.2484, 0.2 + 0.2484), abs=1e-4)
    assert evaluation.interval(np.array([0.4])) == (0.4, 0.4, 0.4)


def test_rows_compare_every_score_with_the_fused_one() -> None:
    rows = evaluation.evaluate("made up", seeds=range(2), trial=made_up)
    by_score = {row["score"]: row for row in rows}
    assert {"fused", "fixed_weights", "margin", "max_probability", "entropy", "low_confidence"} <= by_score.keys()
    assert any(name.startswith("cleanlab") for name in by_score) == evaluation.has_peer()
    assert list(rows[0])[: len(KEYS)] == KEYS
    assert [row["auroc"] for row in rows] == sorted((row["auroc"] for row in rows), reverse=True)
    assert by_score["fused"]["ahead"] == 0
    fused, margin = by_score["fused"], by_score["margin"]
    assert margin["ahead"] == pytest.approx(fused["auroc"] - margin["auroc"])
    assert margin["ahead_low"] <= margin["ahead"] <= margin["ahead_high"]


def test_a_trial_keeps_inputs_and_labeled_images_apart(monkeypatch) -> None:
    monkeypatch.setitem(trials.SETS, "small", TrialSet("sklearn", 150, 100, unseen=(9,)))
    monkeypatch.setattr(trials, "ROUNDS", 3)
    one = trial("small", seed=1)
    assert (len(one.reference), len(one.batch), one.batch.class_names) == (150, 100, tuple("012345678"))
    number = [{name.rpartition("-")[2] for name in part.names} for part in (one.reference, one.batch)]
    assert not number[0] & number[1]
    nines = trials.SOURCES["sklearn"]()[1][[int(name.rpartition("-")[2]) for name in one.batch.names]] == 9
    assert nines.any()
    assert one.wrong[nines].all()
    again = trial("small", seed=1)
    assert np.array_equal(one.batch.probabilities, again.batch.probabilities)


@pytest.mark.parametrize("shift", [trials.rotated, trials.darkened, trials.blurred])
def test_shifts_change_an_image_and_keep_its_size(shift) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:15] = 255
    changed = shift(image)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - image).mean() > 2


def test_the_command_prints_rows_and_says_what_is_missing(monkeypatch) -> None:
    def missing() -> None:
        raise trials.MissingSetError("the digits come with a package that is not installed")

    monkeypatch.setitem(trials.SETS, "gone", TrialSet("nowhere", 1, 1))
    monkeypatch.setitem(trials.SOURCES, "nowhere", missing)
    monkeypatch.setattr(evaluate_mining, "_round", lambda name, seed: missing() if name == "gone" else made_up(seed))
    said, complained = StringIO(), StringIO()
    call = partial(call_command, "evaluate_mining", "--set", "gone", "--set", "digits-8x8", "--seeds", "1")
    call("--json", stdout=said, stderr=complained)
    rows = json.loads(said.getvalue())
    assert {row["set"] for row in rows} == {"digits-8x8"}
    assert "gone is left out: the digits come with a package" in complained.getvalue()
    table = StringIO()
    call(stdout=table, stderr=StringIO())
    assert "digits-8x8" in table.getvalue()
    assert "low_confidence" in table.getvalue()
    with pytest.raises(CommandError, match="at least one"):
        call_command("evaluate_mining", "--seeds", "0")
