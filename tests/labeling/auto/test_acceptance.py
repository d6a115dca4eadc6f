"""A stated risk is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.auto.acceptance import BOUNDS, Offer, needed, offer


def drawn(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and errors; the surer, the fewer."""
    confidence = rng.beta(6, 1.2, count)
    return confidence, rng.random(count) < (1 - confidence) ** 2


@pytest.mark.parametrize(("bound", "control"), [(0.01, 800), (0.05, 200), (0.05, 600)])
def test_the_bound_holds_in_nearly_all_repetitions(bound: float, control: int) -> None:
    rng = np.random.default_rng(5)
    beyond = offered = 0
    for _ in range(200):
        confidence, wrong = drawn(3_000, rng)
        made = offer(confidence[:control], wrong[:control], confidence[control:], bound=bound)
        if made.threshold is None:
            continue
        taken = confidence[control:] >= made.threshold
        assert taken.sum() == made.accepted
        offered += 1
        beyond += wrong[control:][taken].mean() > bound
    assert offered > 20, "else nothing was tried"
    assert beyond <= 18, "a level of 95 % allows that many of 200 at most"


@pytest.mark.parametrize("bound", BOUNDS)
def test_too_few_control_images_vouch_for_nothing_and_it_says_how_many_would(bound: float) -> None:
    total = 5_000

    def right(count: int) -> Offer:
        return offer(np.full(count, 0.99), np.zeros(count, bool), np.full(total - count, 0.99), bound=bound)

    made = right(10)
    assert (made.threshold, made.accepted) == (None, 0)
    assert made.needed is not None
    assert made.left == total - made.needed
    assert right(made.needed).accepted == made.left
    assert right(made.needed - 1).threshold is None


def test_for_many_images_the_number_needed_is_the_textbook_one() -> None:
    assert needed(10**6, bound=0.05) == 59
    assert needed(10**6, bound=0.01) in (298, 299, 300)


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from(BOUNDS), st.booleans())
def test_no_more_are_asked_for_than_there_are(control: int, unseen: int, bound: float, one_wrong: bool) -> None:
    wrong = np.arange(control) < one_wrong
    made = offer(np.full(control, 0.9), wrong, np.full(unseen, 0.9), bound=bound)
    if made.threshold is not None or made.needed is None:
        return
    assert made.needed < control + unseen
    assert made.left == control + unseen - max(made.needed, control) > 0
    if not wrong.any():
        assert made.needed > control
        again = offer(np.full(made.needed, 0.9), np.zeros(made.needed, bool), np.full(made.left, 0.9), bound=bound)
        assert again.accepted == made.left


@pytest.mark.parametrize(("total", "bound"), [(10, 0.05), (19, 0.05), (19, 0.01)])
def test_where_no_number_would_do_it_says_so(total: int, bound: float) -> None:
    assert needed(total, bound=bound) is None
    assert offer(np.full(5, 0.9), np.zeros(5, bool), np.full(total - 5, 0.9), bound=bound).needed is None


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 50), st.sampled_from(BOUNDS))
def test_an_offer_counts_what_it_says(control: int, unseen: int, seed: int, bound: float) -> None:
    rng = np.random.default_rng(seed)
    (confidence, wrong), (others, _) = drawn(control, rng), drawn(unseen, rng)
    made = offer(confidence, wrong, others, bound=bound)
    assert 0 <= made.error_at_most <= 1
    if made.threshold is None:
        assert made.accepted == 0
        assert made.rests_on == control
    else:
        assert made.accepted == (others >= made.threshold).sum() > 0
        assert made.rests_on == (confidence >= made.threshold).sum()
        assert made.wrong == wrong[confidence >= made.threshold].sum()


def test_where_half_are_wrong_nothing_is_offered() -> None:
    wrong = np.arange(500) % 2 == 0
    assert offer(np.full(500, 0.9), wrong, np.full(500, 0.9), bound=0.05).threshold is None
