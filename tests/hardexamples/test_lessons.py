"""Reviews teach weights: drawn towards the present ones, never negative, compared on held-out reviews."""

import numpy as np
import pytest

from hardexamples.fusion import Fusion, RuleFigures
from hardexamples.lessons import linear, propose

RULES = {
    "good": RuleFigures("image_similarity_mining", 0.1, slope=1.0, offset=0.0, scale=1.0, share=0.2),
    "bad": RuleFigures("predict_score_mining", 0.4, slope=1.0, offset=0.0, scale=1.0, share=1.0),
    "silent": RuleFigures("sequential_mining", 0.4),
}
PRESENT = Fusion(RULES, intercept=-1.0)


def reviews(n: int = 200, seed: int = 1) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The rule "good" knows, "bad" says the opposite, "silent" has no opinion."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < 0.4
    odds = 2.0 * (wrong - 0.5) + rng.normal(size=n)
    return {
        "good": 1 / (1 + np.exp(-odds)),
        "bad": 1 / (1 + np.exp(odds + rng.normal(size=n))),
        "silent": np.full(n, np.nan),
    }, wrong


def test_what_misled_loses_weight_and_what_knew_gains() -> None:
    scores, wrong = reviews()
    found = propose(PRESENT, scores, wrong, np.ones(200))
    learned = Fusion.from_dict(found.fusion)
    assert learned.rules["good"].share > 0.5
    assert 0 <= learned.rules["bad"].share < 0.5
    assert learned.rules["silent"] == RULES["silent"]
    assert found.better
    assert found.proposed.log_loss < found.present.log_loss
    assert found.proposed.auroc > found.present.auroc


def test_few_reviews_are_too_few_to_tell() -> None:
    scores, wrong = reviews(29)
    assert propose(PRESENT, scores, wrong, np.ones(29)) is None
    scores, wrong = reviews(60)
    assert propose(PRESENT, scores, np.zeros(60, bool), np.ones(60)) is None


def test_weights_stay_where_reviews_say_nothing_new() -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(size=(2, 400))
    scores = {name: 1 / (1 + np.exp(-odd)) for name, odd in zip(("good", "bad"), odds, strict=True)}
    chance = PRESENT.coefficient(scores, n=400)
    found = propose(PRESENT, scores, rng.random(400) < chance, np.ones(400))
    learned = Fusion.from_dict(found.fusion)
    assert abs(learned.rules["good"].share - 0.2) < 0.25
    assert abs(learned.rules["bad"].share - 1.0) < 0.35


def test_fixed_weights_become_a_sum_that_ranks_alike() -> None:
    rng = np.random.default_rng(4)
    plain = Fusion({name: RuleFigures(rule.algorithm, rule.weight) for name, rule in RULES.items()})
    scores = {"good": rng.random(300), "bad": rng.random(300), "silent": np.full(300, np.nan)}
    start = linear(plain, scores)
    assert start.rules["silent"].slope is None
    both = np.corrcoef(plain.coefficient(scores, n=300), start.coefficient(scores, n=300))
    assert both[0, 1] > 0.9


def test_a_proposal_is_plain_and_the_same_again() -> None:
    scores, wrong = reviews(80)
    first, second = (propose(PRESENT, scores, wrong, np.ones(80)).as_dict() for _ in range(2))
    assert first == second
    assert {type(value) for value in first["present"].values()} == {float}


DETECTION = {**RULES, "no_target": RuleFigures("predict_score_mining", 0.4, rehearsed=False, sole=True)}
PRESENTS = {
    "fitted": Fusion(DETECTION, intercept=-1.0),
    "fixed weights": Fusion(DETECTION, voices=True),
    "bare fixed weights": Fusion({**DETECTION, "no_target": RuleFigures("predict_score_mining", 0.4, sole=True)}),
}


def with_empty(n: int = 200) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """As `reviews`, with as many images without a box, of which every second hid something."""
    scores, wrong = reviews(n)
    empty = np.repeat([False, True], n)
    hidden = np.arange(n) % 2 == 0
    unheard = {name: np.concatenate([score, np.full(n, np.nan)]) for name, score in scores.items()}
    unheard["bad"][empty] = 0.5
    chance = np.where(hidden, 0.6, 0.3)
    return unheard | {"no_target": np.concatenate([np.full(n, np.nan), chance])}, np.append(wrong, hidden), empty


@pytest.mark.parametrize("present", PRESENTS.values(), ids=PRESENTS.keys())
def test_images_without_boxes_teach_nothing_about_answers(present: Fusion) -> None:
    scores, wrong, empty = with_empty()
    found = propose(present, scores, wrong, np.ones(400))
    learned = Fusion.from_dict(found.fusion)
    proposed = learned.coefficient(scores, n=400)
    assert proposed[empty] == pytest.approx(present.coefficient(scores, n=400)[empty])
    assert proposed[empty] == pytest.approx(scores["no_target"][empty])
    assert learned.rules["no_target"] == present.rules["no_target"]
    alone = propose(present, {name: score[~empty] for name, score in scores.items()}, wrong[~empty], np.ones(200))
    other = Fusion.from_dict(alone.fusion)
    assert alone.strength == found.strength
    assert learned.intercept == pytest.approx(other.intercept, abs=1e-3)
    assert learned.rules["good"].share == pytest.approx(other.rules["good"].share, abs=1e-3)
    assert found.proposed.log_loss < found.present.log_loss


def test_reviews_of_images_without_boxes_alone_propose_nothing() -> None:
    scores, wrong, empty = with_empty()
    part = {name: score[empty] for name, score in scores.items()}
    assert propose(PRESENTS["fitted"], part, wrong[empty], np.ones(200)) is None
