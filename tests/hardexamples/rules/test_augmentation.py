from dataclasses import replace

import numpy as np
import pytest

from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import AUGMENTATIONS, Batch
from hardexamples.rules.augmentation import Augmentation, answer_change
from hardexamples.rules.batch import Retake
from hardexamples.scoring import Filter, undecided
from tests.hardexamples.arrays import classified, detected, reference

SURE = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.9, 0.1, 0.0]])
MISSING = [np.nan] * 3
NOTHING = np.zeros((0, 4))
BOX = np.array([[10, 10, 40, 40], [60, 60, 80, 80]], np.float32)


def inputs(**augmented) -> Batch:
    return classified(3, probabilities=SURE, augmented={op: np.array(rows) for op, rows in augmented.items()})


def rule(**operations: float) -> Augmentation:
    return Augmentation(operations).fit(None)


def test_what_was_not_asked_again_has_no_opinion() -> None:
    assert np.isnan(rule(crop=1.0).score(classified(3))).all()
    scores = rule(crop=1.0).score(inputs(crop=[MISSING, SURE[0], [0.1, 0.9, 0]]))
    assert np.isnan(scores[0])
    assert scores[1] == 0
    assert scores[2] == pytest.approx(0.8)


def test_an_operation_that_is_not_chosen_or_weighs_nothing_does_not_count() -> None:
    batch = inputs(crop=[[0, 1, 0]] * 3)
    assert np.isnan(rule(fliplr=1.0).score(batch)).all()
    assert np.isnan(rule(crop=0.0).score(batch)).all()


def test_operations_count_by_their_weight() -> None:
    batch = inputs(crop=[[0, 1, 0]] * 3, fliplr=SURE)
    assert rule(crop=1.0, fliplr=3.0).score(batch)[0] == pytest.approx(0.9 / 4)
    assert rule(crop=3.0, fliplr=1.0).score(batch)[0] == pytest.approx(0.9 * 3 / 4)


def test_growing_surer_is_no_change_and_no_answer_is_none() -> None:
    before = np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 0.0], [np.nan, np.nan]])
    after = np.array([[0.9, 0.1], [0.5, 0.4], [1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(answer_change(before, after), [0, 0.1, np.nan, np.nan], atol=1e-9)
    assert answer_change(np.zeros((2, 0)), np.zeros((2, 0))).shape == (2,)


def test_an_operation_that_changes_training_images_too_is_distrusted() -> None:
    plain = np.tile(SURE[0], (60, 1))
    flipped = np.tile([0.1, 0.9, 0.0], (60, 1))
    training = reference(probabilities=plain, augmented={"fliplr": flipped, "crop": plain})
    fitted = Augmentation({"fliplr": 1.0, "crop": 1.0}).fit(training)
    scores = fitted.score(inputs(fliplr=[[0.1, 0.9, 0]] * 3, crop=SURE))
    assert scores.tolist() == [0, 0, 0]


def test_a_detector_is_distrusted_by_its_answers_not_by_the_labels() -> None:
    labeled = reference(20, task="object_detection")
    answers = detected(
        20, names=labeled.names, boxes=[BOX] * 20, box_labels=None, box_confidences=None,
        augmented_boxes={"crop": [retake(BOX)] * 20, "fliplr": [retake(BOX[:1])] * 20},
    )  # fmt: skip
    fitted = Augmentation({"fliplr": 1.0, "crop": 1.0}).fit(replace(labeled, answers=answers))
    assert fitted.usual_ == {"fliplr": 1.0, "crop": 0.0}
    assert fitted.weights_ == {"fliplr": 0.0, "crop": 1.0}


def test_evidence_tells_both_answers_the_largest_change_first() -> None:
    batch = inputs(fliplr=[[0.45, 0.55, 0]] * 3, crop=[[0, 0.2, 0.8]] * 3)
    evidence = rule(fliplr=1.0, crop=1.0).explain(batch, 0)
    assert [each.code for each in evidence] == [21, 20]
    assert evidence[1].sentence == "mirrored, the model says b 0.55 instead of a 0.90"
    weaker = rule(crop=1.0).explain(inputs(crop=[[0.5, 0.3, 0.2]] * 3), 0)[0]
    assert weaker.sentence == "cropped, the model says a only 0.50 instead of 0.90"


def test_every_operation_has_its_reason() -> None:
    assert [Augmentation.reasons.keys()] == [dict.fromkeys(range(19, 30)).keys()]
    for code, op in enumerate(AUGMENTATIONS, start=19):
        assert rule(**{op: 1.0}).explain(inputs(**{op: [[0, 1, 0]] * 3}), 0)[0].code == code


def retake(boxes, in_view=(True, True), labels=None) -> Retake:
    labels = np.zeros(len(boxes), int) if labels is None else labels
    return Retake(np.asarray(boxes), labels, np.full(len(boxes), 0.9), np.array(in_view))


def boxes_of(*retakes: Retake | None) -> Batch:
    n = len(retakes)
    return detected(n, boxes=[BOX] * n, box_labels=None, box_confidences=None, augmented_boxes={"crop": retakes})


def test_boxes_that_stay_agree_and_lost_found_or_renamed_ones_do_not() -> None:
    more = np.vstack([BOX, [[0, 0, 9, 9]]])
    batch = boxes_of(retake(BOX), retake(BOX[:1]), retake(more), retake(BOX, labels=np.array([0, 1])), None)
    scores = rule(crop=1.0).score(batch)
    np.testing.assert_allclose(scores, [0, 1, 0.9, 0.9, np.nan])
    assert "no longer finds box 2" in rule(crop=1.0).explain(batch, 1)[0].sentence
    assert "missing here" in rule(crop=1.0).explain(batch, 2)[0].sentence


def test_a_box_that_was_cut_off_is_not_missed() -> None:
    batch = boxes_of(retake(BOX[:1], in_view=(True, False)), retake(NOTHING, in_view=(False, True)))
    assert rule(crop=1.0).score(batch).tolist() == [0, 1]
    assert rule(crop=1.0).explain(batch, 1)[0].box == 1


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.zeros((3, 2))])
def test_answers_that_do_not_fit_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="crop"):
        inputs(crop=wrong)
    with pytest.raises(ValueError, match="crop"):
        boxes_of(retake(BOX, in_view=(True,)))


def test_the_undecided_are_those_near_the_threshold_within_the_budget() -> None:
    chances = np.array([0.001, 0.05, 0.09, 0.12, 0.3, 0.999])
    table = np.column_stack([1 - chances / 2, chances / 2])
    batch = classified(6, classes=2, probabilities=table)
    verdicts = Filter(FilterSettings(weights={"predict_score_mining": 1.0})).fit(None).apply(batch)
    np.testing.assert_allclose(verdicts.coefficient, chances, atol=1e-6)
    assert undecided(verdicts, budget=100).tolist() == [2, 3, 1, 4]
    assert undecided(verdicts, budget=2).tolist() == [2, 3]
    assert undecided(verdicts, budget=0).tolist() == []
    assert undecided(Filter(FilterSettings()).fit(None).apply(batch.take([])), budget=5).tolist() == []


def test_a_changed_mind_makes_an_undecided_image_hard() -> None:
    batch = inputs(crop=[[0.1, 0.9, 0]] * 3)
    chosen = FilterSettings(augmentations={"crop": 1.0})
    changed = Filter(chosen).fit(reference()).apply(batch)
    unchanged = Filter(chosen).fit(reference()).apply(replace(batch, augmented=None))
    assert (changed.coefficient > unchanged.coefficient).all()
    assert 21 in [each.code for each in changed.reasons(0)]


def test_a_changed_mind_is_told_beside_what_made_the_image_hard() -> None:
    same = np.tile(SURE[0], (3, 1))
    unsure = np.tile([0.5, 0.45, 0.05], (3, 1))
    torn = np.array([[0.05, 0.95, 0.0], [0.5, 0.45, 0.05], [np.nan] * 3])
    batch = replace(inputs(crop=same), probabilities=unsure, augmented={"crop": torn, "fliplr": unsure})
    verdicts = Filter(FilterSettings(augmentations={"crop": 1.0, "fliplr": 1.0})).fit(None).apply(batch)
    assert verdicts.flagged.all()
    assert [[each.code for each in verdicts.reasons(index)] for index in range(3)] == [[1, 21], [1], [1]]
