"""The detector on real photographs: the filter knows its errors better than it does itself."""

import numpy as np
from sklearn.metrics import roc_auc_score

from hardexamples import tree_trials
from hardexamples.evaluation import evaluate
from hardexamples.filter_settings import FilterSettings
from hardexamples.scoring import Filter
from hardexamples.trials import Trial


def test_the_filter_knows_the_detectors_errors_better_than_its_confidence() -> None:
    reference, batch, wrong = tree_trials.rounds(0)
    verdicts = Filter(FilterSettings()).fit(reference).apply(batch)
    assert roc_auc_score(wrong, verdicts.coefficient) > 0.9
    assert roc_auc_score(wrong, np.nan_to_num(verdicts.scores["low_confidence"])) < 0.85


def test_missed_objects_are_told_from_empty_ground() -> None:
    found = Filter(FilterSettings()).fit(tree_trials.labeled())
    missed, empty = (tree_trials.inputs(group)[0] for group in (tree_trials.MISSED, tree_trials.EMPTY))
    assert len(missed) == len(empty) == 200
    assert (found.apply(missed).coefficient >= 0.1).mean() > 0.9
    assert (found.apply(empty).coefficient >= 0.1).mean() < 0.25


def test_rounds_differ_by_their_seed() -> None:
    assert tree_trials.rounds(0)[1].names != tree_trials.rounds(1)[1].names


def test_a_detectors_lowest_confidence_is_a_row_to_beat() -> None:
    rows = evaluate("trees", seeds=[0], trial=lambda seed: Trial(*tree_trials.rounds(seed)))
    row = next(row for row in rows if row["score"] == "lowest_confidence")
    assert row["ahead"] > 0.05
