"""`manage.py simulate_labeling` says truly how many labels an order saves."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from sklearn.datasets import load_digits

from labeling.auto.ordering import MOST_USEFUL, ORDERS, RANDOM
from labeling.auto.simulation import Curve, rows, simulate, steps


def test_the_default_order_needs_less_than_half_of_the_labels() -> None:
    digits = load_digits()
    found = rows("digits", simulate(digits.data, digits.target, seeds=range(2), orders=(MOST_USEFUL, RANDOM)))
    saved = next(row for row in found if "saved" in row)
    assert saved["order"] == MOST_USEFUL
    assert float(saved["labels_to_match_random"] or 0) < 0.45 * float(saved["random_labels"] or 0)


def test_all_orders_are_judged_at_as_many_labels() -> None:
    digits = load_digits()
    curves = simulate(digits.data[:200], digits.target[:200], seeds=[0], budget=40)
    assert [curve.order for curve in curves] == list(ORDERS)
    for curve in curves:
        assert list(curve.labels) == list(steps(200, budget=40))
        assert curve.labels[-1] == 40
        assert curve.accuracy[0, -1] > curve.accuracy[0, 0] > 0.05


def test_labels_that_are_needed_lie_between_the_steps() -> None:
    at = np.array([10, 20, 40])
    useful = Curve(MOST_USEFUL, at, np.array([[0.5, 0.7, 0.9], [0.5, 0.6, 0.7]]))
    random = Curve(RANDOM, at, np.array([[0.4, 0.5, 0.8], [0.4, 0.6, 0.8]]))
    row = rows("made up", [useful, random])[-1]
    assert row["labels_to_match_random"] == pytest.approx((30 + 40) / 2), "the second never gets there"
    assert row["saved"] == pytest.approx(0.125)
    assert row["saved_low"] < 0 < row["saved_high"]


@pytest.mark.parametrize("labels", [np.zeros(100, int), np.arange(20) % 2])
def test_a_set_that_says_nothing_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="needs 60 labeled images"):
        simulate(np.ones((len(labels), 3)), labels)


def test_the_command_prints_rows_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate_labeling", "--set", "digits-8x8", "--seeds", "1", "--labels", "40", "--json")
    found = json.loads(capsys.readouterr().out)
    assert {row["order"] for row in found} == set(ORDERS)
    assert {"set", "order", "labels", "accuracy", "low", "high"} == set(found[0])
    assert set(found[-1]) >= {"labels_to_match_random", "saved", "saved_low", "saved_high"}
    call_command("simulate_labeling", "--set", "digits-8x8", "--seeds", "1", "--labels", "40")
    assert "random ones do" in capsys.readouterr().out


def test_the_command_refuses_what_cannot_be() -> None:
    with pytest.raises(CommandError, match="at least one round"):
        call_command("simulate_labeling", "--seeds", "0")
