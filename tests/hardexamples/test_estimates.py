"""What people saw of a filter's images tells how good it is, and how sure that is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardexamples.estimates import THRESHOLDS, Stratum, curve, estimate, pooled, remaining, strata_of, wilson


def test_all_reviewed_leaves_no_doubt() -> None:
    found = estimate([Stratum(50, 50, 30)], Stratum(100, 100, 10))
    assert (found.precision.low, found.precision.value, found.precision.high) == (0.6, 0.6, 0.6)
    assert (found.recall.low, found.recall.value, found.recall.high) == (0.75, 0.75, 0.75)
    assert found.missed.value == 0.25
    assert found.lift.value == pytest.approx(0.6 / (40 / 150))
    assert found.missed_images.value == 10


def test_an_error_among_control_images_stands_for_many() -> None:
    found = estimate([Stratum(100, 100, 90)], Stratum(1000, 20, 1))
    assert found.missed_images.value == 50
    assert found.recall.value == pytest.approx(90 / 140)
    assert found.recall.low < 0.5 < found.recall.value < found.recall.high < 0.98


def test_without_reviews_nothing_is_claimed() -> None:
    assert estimate([Stratum(10, 0, 0)], Stratum(90, 0, 0)).precision is None
    only = estimate([Stratum(10, 10, 5)], Stratum(0, 0, 0))
    assert only.precision.value == 0.5
    assert only.recall is None


def test_runs_with_other_rates_of_control_images_count_by_what_they_stand_for() -> None:
    found = pooled([(1000, 10, 1), (100, 10, 0), (500, 0, 0)])
    assert (found.images, found.reviewed, found.wrong) == (1100, 20, 1)
    assert found.share == pytest.approx(100 / 1100)
    assert found.certain == pytest.approx(1100**2 / (100**2 * 10 + 10**2 * 10))
    assert pooled([(10, 0, 0)]).reviewed == 0


def test_who_looks_at_the_hardest_first_does_not_flatter_the_filter() -> None:
    """25 of 25 hardest are wrong; nobody looked at the other 75."""
    strata = strata_of([(25, 25, 25), (0, 0, 0)], tail=75)
    assert [(s.images, s.reviewed) for s in strata] == [(25, 25), (75, 0)]
    found = estimate(strata, Stratum(0, 0, 0))
    assert found.precision.low < 0.3
    assert found.precision.high > 0.95


def test_strata_keep_every_image() -> None:
    bins = [(30, 5, 5), (20, 10, 8), (10, 9, 3), (10, 3, 1), (0, 0, 0), (40, 2, 0)]
    strata = strata_of(bins)
    assert np.array([(s.images, s.reviewed, s.wrong) for s in strata]).sum(axis=0).tolist() == [110, 29, 17]
    assert strata_of([(0, 0, 0)]) == []
    assert sum(s.images for s in strata_of(bins, tail=7)) == 117


def test_a_few_images_below_the_easiest_reviewed_one_are_chance() -> None:
    """Half of 100 were looked at in any order: two unseen ones at the end say nothing, twenty do."""
    assert [s.images for s in strata_of([(50, 25, 9), (50, 25, 3)], tail=2)] == [50, 52]
    assert [s.images for s in strata_of([(50, 25, 9), (50, 25, 3)], tail=20)] == [50, 50, 20]


def test_how_many_more_reviews_it_takes() -> None:
    flagged, others = [Stratum(100, 50, 40)], Stratum(900, 90, 0)
    found = remaining(flagged, others, share=0.02)
    assert found.errors == pytest.approx(40)
    assert found.images == 25  # 40 errors are left, 20 may stay, four of five looked at are errors
    assert found.images_high > found.images
    assert remaining(flagged, others, share=1.0).images == 0
    assert remaining(flagged, others, share=0.0).images == 50


def test_a_curve_of_a_perfect_and_a_blind_score() -> None:
    wrong = np.arange(100) < 10
    found = curve({"perfect": wrong.astype(float), "blind": np.zeros(100)}, wrong)
    at = dict(zip(found.looked, found.caught["perfect"], strict=True))
    assert (at[0.0], at[0.1], at[1.0]) == (0.0, 1.0, 1.0)
    assert found.caught["blind"] == found.looked


def test_a_curve_counts_each_image_for_what_it_stands_for() -> None:
    found = curve({"score": np.array([1.0, 0.0])}, np.array([True, True]), np.array([1.0, 99.0]))
    assert dict(zip(found.looked, found.caught["score"], strict=True))[0.01] == pytest.approx(0.01)


def test_stated_intervals_hold_the_truth() -> None:
    """200 filters with made-up errors: people see 120 of 400 flagged images and 60 of 3,000 others."""
    rng = np.random.default_rng(5)
    held = np.zeros((200, 2))
    for repeat in range(200):
        flagged, others = rng.random(400) < 0.7, rng.random(3000) < 0.02
        seen, control = flagged[:120], others[:60]
        found = estimate(
            [Stratum(400, 120, int(seen.sum()))], Stratum(3000, 60, int(control.sum())), random_state=repeat
        )
        truth = flagged.mean(), flagged.sum() / (flagged.sum() + others.sum())
        said = found.precision, found.recall
        held[repeat] = [share.low <= value <= share.high for share, value in zip(said, truth, strict=True)]
    assert ((held.mean(axis=0) >= 0.9) & (held.mean(axis=0) <= 0.995)).all(), held.mean(axis=0)


def test_a_curve_knows_what_each_threshold_is_worth() -> None:
    score, wrong = np.array([0.9, 0.5, 0.5, np.nan]), np.array([True, True, False, True])
    at = curve({"fused": score}, wrong, np.array([1.0, 1.0, 1.0, 7.0])).at
    assert len(THRESHOLDS) == len(at["looked"]) == len(at["caught"])
    assert [at["looked"][place] for place in (0, 50, 51, 90, 91)] == [0.3, 0.3, 0.1, 0.1, 0.0]
    assert at["caught"][50] == pytest.approx(2 / 9, abs=1e-4)


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_stays_within_0_and_1(counts: tuple[int, int]) -> None:
    share = wilson(*counts)
    assert 0 <= share.low <= share.value == counts[0] / counts[1] <= share.high <= 1
    assert share.high - share.low > 0


def test_the_interval_is_the_published_one() -> None:
    """Newcombe 1998, Table I: 81 of 263."""
    share = wilson(81, 263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)
