from dataclasses import replace

import numpy as np
import pytest

from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import Batch
from hardexamples.rules.sequence import similar_neighbors
from hardexamples.rules.sequential import Sequential
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import classified, detected

RULE = Sequential().fit(None)


def film(n: int = 60) -> Batch:
    """Two scenes of slowly changing frames; the first is a, the second b, and frame 10 is called c."""
    rng = np.random.default_rng(0)
    scenes = np.repeat(rng.normal(size=(2, 16)), n // 2, axis=0)
    points = scenes + np.cumsum(0.02 * rng.normal(size=(n, 16)), axis=0)
    table = np.full((n, 3), 0.05)
    table[: n // 2, 0] = table[n // 2 :, 1] = 0.9
    table[10] = (0.2, 0.1, 0.7)
    names = [f"cam/frame{i}.jpg" for i in range(n)]
    return classified(n, names=names, probabilities=table, descriptor=points, activations=None, statistics=None)


def test_inputs_in_no_order_have_no_sequence() -> None:
    assert np.isnan(RULE.score(classified(200))).all()
    shuffled = film().take(np.random.default_rng(1).permutation(60))
    named = replace(shuffled, names=tuple(f"{i}.jpg" for i in range(60)))
    assert np.isnan(RULE.score(named)).all()


@pytest.mark.parametrize("n", [0, 1, 2, 19])
def test_a_handful_is_no_sequence(n: int) -> None:
    assert np.isnan(RULE.score(film().take(range(n)))).all()


def test_without_features_or_with_copies_only_there_is_no_sequence() -> None:
    assert np.isnan(RULE.score(replace(film(), descriptor=None))).all()
    assert np.isnan(RULE.score(replace(film(), descriptor=np.ones((60, 4))))).all()


def test_a_change_of_scene_is_no_contradiction() -> None:
    scores = RULE.score(film())
    assert not np.nan_to_num(scores[20:]).any()


def test_the_image_that_contradicts_both_neighbors_is_the_hardest() -> None:
    scores = np.nan_to_num(RULE.score(film()))
    assert scores.argmax() == 10
    assert scores[10] > 2 * max(scores[9], scores[11])
    assert (scores >= 0).all()


def test_names_give_the_order_with_numbers_read_as_numbers() -> None:
    mixed = np.random.default_rng(1).permutation(60)
    scores = RULE.score(film().take(mixed))
    np.testing.assert_allclose(scores, RULE.score(film())[mixed])


def test_images_of_two_folders_are_not_consecutive() -> None:
    points = np.hstack([film().space("descriptor"), np.arange(60)[:, None] % 2])
    names = [f"{i % 2}/{i:03}.jpg" for i in range(60)]
    neighbors = similar_neighbors(names, points)
    pairs = [(i, j) for i in range(60) for j in neighbors[i] if j >= 0]
    assert pairs
    assert all(i % 2 == j % 2 for i, j in pairs)


def test_evidence_names_the_neighbor_and_what_was_said_there() -> None:
    evidence = RULE.explain(film(), 10)[0]
    assert evidence.code == 4
    assert "frame9.jpg" in evidence.sentence
    assert "a 0.90" in evidence.sentence
    assert "c 0.70" in evidence.sentence
    assert RULE.explain(film(), 40) == []


def test_an_image_without_an_answer_is_not_compared() -> None:
    table = np.array(film().probabilities)
    table[10] = np.nan
    scores = RULE.score(replace(film(), probabilities=table))
    assert np.isnan(scores[10])
    assert not np.nan_to_num(scores).any()


def test_a_box_that_flickers_is_seen() -> None:
    box = np.array([[10, 10, 40, 40]], np.float32)
    boxes = [box + i * 0.2 for i in range(60)]
    boxes[10] = np.zeros((0, 4), np.float32)
    batch = detected(
        60, names=film().names, boxes=boxes, box_labels=None, box_confidences=None, descriptor=film().descriptor
    )
    scores = np.nan_to_num(RULE.score(batch))
    assert scores.argmax() == 10
    assert "missing here" in RULE.explain(batch, 10)[0].sentence
    assert RULE.explain(batch, 9)[0].box == 0


def test_a_contradiction_is_flagged_with_its_reason() -> None:
    verdicts = Filter(FilterSettings(weights={"sequential_mining": 1.0})).fit(None).apply(film())
    assert verdicts.flagged[10]
    assert verdicts.reasons(10)[0].code == 4
