from dataclasses import replace

import numpy as np
import pytest

from hardexamples.filter_settings import FilterSettings
from hardexamples.rules.image_distribution import ImageDistribution
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import classified, reference

CODES = {"resolution": 5, "aspect_ratio": 6, "brightness": 7, "saturation": 8, "colorfulness": 9, "clarity": 10}
MIDDLE = (10_000.0, 0.75, 0.5, 0.4, 40.0, 300.0, 6.0)


def photographs(n: int, seed: int) -> np.ndarray:
    """(n, 7) statistics around `MIDDLE`."""
    return np.array(MIDDLE) * np.exp(0.15 * np.random.default_rng(seed).normal(size=(n, 7)))


TRAINING = reference(400, statistics=photographs(400, 1))
RULE = ImageDistribution().fit(TRAINING)


def spoiled(name: str, factor: float, n: int = 1):
    table = np.tile(MIDDLE, (n, 1))
    table[:, list(CODES).index(name)] *= factor
    return classified(n, statistics=table)


def test_images_like_those_of_training_are_not_strange() -> None:
    scores = RULE.score(classified(2000, statistics=photographs(2000, 2)))
    assert (scores > 0).mean() < 0.05


@pytest.mark.parametrize("n", [0, 1, 19])
def test_a_handful_of_training_images_is_no_range(n: int) -> None:
    assert np.isnan(ImageDistribution().fit(TRAINING.take(range(n))).score(spoiled("brightness", 0.2))).all()


def test_training_images_that_are_all_alike_do_not_make_a_small_difference_strange() -> None:
    rule = ImageDistribution().fit(reference(50, statistics=np.tile(MIDDLE, (50, 1))))
    assert rule.score(spoiled("brightness", 1.01))[0] == 0
    assert rule.score(spoiled("brightness", 0.5))[0] > 0.5


def test_unknown_numbers_are_no_opinion_each_by_itself() -> None:
    table = np.tile(MIDDLE, (2, 1))
    table[0] = np.nan
    table[1, :2], table[1, 2] = np.nan, 0.05
    scores = RULE.score(classified(2, statistics=table))
    assert np.isnan(scores[0])
    assert scores[1] > 0.5


@pytest.mark.parametrize("factor", [0.2, 5.0])
@pytest.mark.parametrize("name", CODES)
def test_each_offset_has_its_own_reason(name: str, factor: float) -> None:
    evidence = RULE.explain(spoiled(name, factor), 0)
    assert [each.code for each in evidence] == [CODES[name]]


def test_farther_is_harder() -> None:
    scores = [RULE.score(spoiled("clarity", factor))[0] for factor in (1, 0.5, 0.3, 0.1, 0.01)]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert scores[-1] > 0.9


def test_evidence_has_the_number_and_the_training_range() -> None:
    evidence = RULE.explain(spoiled("brightness", 0.36), 0)[0]
    assert evidence.sentence.startswith("brightness 0.18; in the training set 0.3")
    assert evidence.measured == pytest.approx(0.18)
    assert evidence.normal_low is not None
    assert evidence.normal_low > 0.18


def test_an_image_unlike_training_is_flagged_though_the_model_is_sure() -> None:
    sure = np.tile([0.99, 0.01, 0.0], (1, 1))
    dark = replace(spoiled("brightness", 0.2), probabilities=sure, descriptor=TRAINING.space("descriptor")[:1])
    verdicts = Filter(FilterSettings()).fit(TRAINING).apply(dark)
    assert verdicts.flagged[0]
    assert 7 in [each.code for each in verdicts.reasons(0)]


def test_an_offset_makes_hard_but_is_no_chance_of_an_error() -> None:
    dark = replace(spoiled("brightness", 0.2), descriptor=TRAINING.space("descriptor")[:1])
    light = replace(dark, statistics=np.array([MIDDLE]))
    fitted = Filter(FilterSettings()).fit(TRAINING)
    one, other = fitted.apply(dark), fitted.apply(light)
    assert one.coefficient[0] == pytest.approx(other.coefficient[0])
    strict = Filter(FilterSettings(threshold=0.9)).fit(TRAINING)
    assert not strict.apply(dark).flagged[0]
    fixed = Filter(FilterSettings(fusion="weights")).fit(TRAINING)
    assert fixed.apply(dark).coefficient[0] > fixed.apply(light).coefficient[0]
