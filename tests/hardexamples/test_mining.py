"""A mining keeps what every rule said about every input, and says the same when it is done again."""

from dataclasses import replace

import numpy as np
import pytest

from config.leases import LeaseLost
from hardexamples import mining, scoring
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import Mining, MiningItem
from hardexamples.reference import Found
from hardexamples.scoring import Batch
from tests.hardexamples.arrays import classified, reference

pytestmark = pytest.mark.django_db


def batch() -> Batch:
    probabilities = np.array([[0.99, 0.01], [0.52, 0.48], [0.9, 0.1], [0.05, 0.95]], np.float32)
    return Batch(
        names=("a", "b", "c", "d"), task="image_classification", class_names=("x", "y"), probabilities=probabilities
    )


SUBJECTS = [mining.Subject(position, f"{position:064}") for position in (0, 2, 5, 7)]


def begun(subject: str = "batch run 1") -> Mining:
    return mining.begin(
        subject=subject,
        task="image_classification",
        settings=FilterSettings(),
        filter_id=None,
        training_manifest="",
    )


def mine(row: Mining, hold=lambda progress: None) -> None:
    mining.mine(mining=row, batch=batch(), subjects=SUBJECTS, found=None, hold=hold)


def test_every_input_has_its_scores_and_the_flagged_their_reasons() -> None:
    row = begun()
    mine(row)
    items = list(row.items.all())
    assert (row.status, row.total, [item.position for item in items]) == ("finished", 4, [0, 2, 5, 7])
    assert row.flagged == sum(item.flagged for item in items) > 0
    assert row.controls == sum(item.control for item in items)
    hardest = max(items, key=lambda item: item.coefficient)
    assert (hardest.position, hardest.flagged) == (2, True)
    assert hardest.reasons[0]["code"] == 1
    assert hardest.reasons[0]["sentence"]
    for item in items:
        assert item.scores["outlier"] is None  # no training set, no opinion
        assert bool(item.reasons) >= item.flagged


def test_it_is_done_once() -> None:
    row = begun()
    mine(row)
    kept = list(row.items.values("position", "coefficient", "scores", "reasons"))
    mine(begun())
    assert list(row.items.values("position", "coefficient", "scores", "reasons")) == kept
    assert Mining.objects.count() == 1


def test_who_lost_the_lease_writes_nothing_more_and_the_next_says_the_same() -> None:
    def lost(progress: bool) -> None:
        if MiningItem.objects.exists():
            raise LeaseLost

    row = begun()
    with pytest.raises(LeaseLost):
        mine(row, lost)
    before = list(MiningItem.objects.values("position", "coefficient"))
    assert len(before) == len(SUBJECTS)
    row.refresh_from_db()
    mine(row)
    assert list(MiningItem.objects.values("position", "coefficient")) == before
    assert row.status == "finished"


def test_the_next_mining_with_the_same_training_set_is_not_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Found(reference(), ("a" * 64,) * 60, ())
    rows = [begun(f"batch run {number}") for number in range(2)]
    arguments = {"batch": classified(4), "subjects": SUBJECTS, "hold": lambda progress: None}
    mining.mine(mining=rows[0], found=known, **arguments)
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "fit_fusion", None)  # would fail if it were asked
        mining.mine(mining=rows[1], found=known, **arguments)
    assert rows[1].fitted == rows[0].fitted
    changed = replace(known, reference=replace(known.reference, labels=1 - known.reference.labels.clip(0, 1)))
    other = begun("batch run 3")
    mining.mine(mining=other, found=changed, **arguments)
    assert other.fitted["fitted_on"] != rows[0].fitted["fitted_on"]
