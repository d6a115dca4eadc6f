"""A filter learns from what people decided about the images that it had chosen."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from config.refusals import Refused
from datasets.models import Outcome, ReviewEvent, Status, Verb
from hardexamples import learning, mining
from hardexamples.filter_settings import FilterSettings
from hardexamples.filters import (
    FilterChoices,
    apply_proposal,
    change_filter,
    preset,
    settings_of,
    withdraw_weights,
)
from hardexamples.fusion import FUSION_VERSION, Fusion, RuleFigures
from hardexamples.models import FilterReport, HardExampleFilter, Judgement, Mining, MiningItem, MiningStatus
from hardexamples.scoring import Filter
from tests.factories import (
    BlobFactory,
    DatasetFactory,
    HardExampleFilterFactory,
    MiningFactory,
    MiningItemFactory,
    ReviewEventFactory,
    SampleFactory,
    UserFactory,
)
from tests.hardexamples.arrays import classified, reference

pytestmark = pytest.mark.django_db
FITTED = Fusion(
    {
        "class_distance": RuleFigures("image_similarity_mining", 0.1, slope=1.0, offset=0.0, share=0.2),
        "low_confidence": RuleFigures("predict_score_mining", 0.39, slope=1.0, offset=0.0, share=1.0),
    },
    intercept=-2.0,
).as_dict()


@pytest.fixture
def chosen() -> HardExampleFilter:
    return HardExampleFilterFactory.create(name="night", comprehensive_algo_config="predict_score_mining:1")


def mined(chosen: HardExampleFilter, flagged: int = 40, unflagged: int = 60, control: int = 10) -> Mining:
    """`class_distance` knows which of the flagged are wrong; everything unflagged is right."""
    row = MiningFactory.create(
        filter=chosen,
        status=MiningStatus.FINISHED,
        finished_at=timezone.now(),
        fitted=FITTED,
        fusion_version=FUSION_VERSION,
        total=flagged + unflagged,
        flagged=flagged,
    )
    rng = np.random.default_rng(1)
    for position in range(flagged + unflagged):
        hard = position < flagged
        MiningItemFactory.create(
            mining=row,
            position=position,
            sha256=f"{row.pk:032}{position:032}",
            flagged=hard,
            control=flagged <= position < flagged + control,
            coefficient=0.5 if hard else 0.01,
            scores={
                "class_distance": min(max(rng.normal(0.8 if hard and position % 2 else 0.3, 0.08), 0.0), 1.0),
                "low_confidence": float(rng.random()),
            },
        )
    return row


def review(row: Mining, positions: range, **changed: object) -> list[ReviewEvent]:
    """People look at these images; every second flagged one is wrong."""
    dataset = DatasetFactory.create()
    by = UserFactory.create()
    events = []
    for item in row.items.filter(position__in=positions):
        wrong = item.flagged and item.position % 2
        sample = SampleFactory.create(dataset=dataset, blob=BlobFactory.create(sha256=item.sha256))
        outcome = Outcome.LABEL_CHANGED if wrong else Outcome.UNCHANGED
        events.append(ReviewEventFactory.create(sample=sample, by=by, **{"outcome": outcome} | changed))
    return events


def test_reviews_become_figures_and_a_proposal(chosen: HardExampleFilter) -> None:
    row = mined(chosen)
    review(row, range(50))
    report = learning.learn(chosen=chosen, by=None)
    figures = report.figures
    assert (figures["reviews"], figures["wrong"], figures["images"], figures["enough"]) == (50, 20, 100, True)
    assert figures["estimate"]["precision"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert figures["estimate"]["recall"]["value"] == 1.0
    assert figures["estimate"]["recall"]["low"] < 0.95  # ten control images cannot vouch for sixty
    assert figures["curve"]["caught"].keys() == {"fused", "margin"}
    shares = report.proposal["fusion"]["rules"]
    assert shares["class_distance"]["share"] > 0.2
    assert report.proposal["better"]
    assert report.proposal["proposed"]["auroc"] > report.proposal["present"]["auroc"]


def test_it_reads_only_what_is_new(chosen: HardExampleFilter, monkeypatch) -> None:
    monkeypatch.setattr(learning, "OVERLAP", 0)
    row = mined(chosen)
    review(row, range(5))
    first = learning.learn(chosen=chosen, by=None)
    assert learning.unread(first) == 0
    review(row, range(5, 12))
    assert learning.unread(first) == 7
    judged: list[str] = []
    before = learning._judge
    monkeypatch.setattr(learning, "_judge", lambda chosen, block: (judged.extend(block), before(chosen, block)))
    assert learning.learn(chosen=chosen, by=None).figures["reviews"] == 12
    assert len(judged) == 7


def test_few_reviews_propose_nothing(chosen: HardExampleFilter) -> None:
    review(mined(chosen), range(20))
    report = learning.learn(chosen=chosen, by=None)
    assert (report.figures["enough"], report.proposal) == (False, None)
    with pytest.raises(Refused, match="Too few reviews"):
        apply_proposal(chosen=chosen, by=None)


def test_without_any_review_there_is_a_report_too(chosen: HardExampleFilter) -> None:
    report = learning.learn(chosen=chosen, by=None)
    assert report.figures["reviews"] == 0
    assert report.figures["estimate"]["precision"] is None
    assert learning.remaining_of(report, share=0.01) is None


def test_what_is_undone_counts_no_more(chosen: HardExampleFilter) -> None:
    row = mined(chosen)
    event, _ = review(row, range(2))
    learning.learn(chosen=chosen, by=None)
    assert Judgement.objects.count() == 2
    ReviewEventFactory.create(sample=event.sample, verb=Verb.UNDO, undoes=event)
    learning.learn(chosen=chosen, by=None)
    assert Judgement.objects.count() == 1


def test_a_relabel_before_the_confirmation_is_an_error_found(chosen: HardExampleFilter) -> None:
    row = mined(chosen)
    (event,) = review(row, range(1), verb=Verb.RELABEL, outcome=Outcome.LABEL_CHANGED)
    ReviewEventFactory.create(sample=event.sample, outcome=Outcome.UNCHANGED)
    learning.learn(chosen=chosen, by=None)
    assert Judgement.objects.get().wrong


@pytest.mark.parametrize(
    "changed",
    [
        {"verb": Verb.MARK_HARD, "outcome": Outcome.HARDNESS},
        {"before": {"status": Status.LABELED}, "outcome": Outcome.LABEL_CHANGED},
        {"at": timezone.now() - timedelta(days=9)},
    ],
    ids=["hardness only", "a label of people", "before the mining"],
)
def test_what_does_not_judge_the_prediction_teaches_nothing(chosen: HardExampleFilter, changed: dict) -> None:
    review(mined(chosen), range(3), **changed)
    learning.learn(chosen=chosen, by=None)
    assert not Judgement.objects.exists()


def test_images_that_nobody_asked_about_teach_nothing(chosen: HardExampleFilter) -> None:
    """A person who picks samples by other means would bias the figures."""
    review(mined(chosen), range(80, 90))
    assert learning.learn(chosen=chosen, by=None).figures["reviews"] == 0


def test_the_same_image_in_two_runs_is_judged_for_the_latest(chosen: HardExampleFilter) -> None:
    first, second = mined(chosen, 4, 4, 1), mined(chosen, 4, 4, 1)
    for item in second.items.all():
        MiningItem.objects.filter(pk=item.pk).update(sha256=f"{first.pk:032}{item.position:032}")
    review(first, range(3))
    learning.learn(chosen=chosen, by=None)
    assert set(Judgement.objects.values_list("item__mining", flat=True)) == {second.pk}


def test_how_many_more_to_review(chosen: HardExampleFilter) -> None:
    row = mined(chosen)
    review(row, [*range(20), *range(40, 50)])
    report = learning.learn(chosen=chosen, by=None)
    found = learning.remaining_of(report, share=0.05)
    assert found.errors == pytest.approx(10)
    assert found.images == 10  # ten of twenty left are wrong, five may stay
    assert found.images_high >= found.images


def test_applied_weights_are_what_the_next_mining_uses(chosen: HardExampleFilter) -> None:
    review(mined(chosen), range(50))
    report = learning.learn(chosen=chosen, by=None)
    by = UserFactory.create()
    assert apply_proposal(chosen=chosen, by=by) == chosen
    apply_proposal(chosen=chosen, by=by)
    (applied,) = chosen.learned.all()
    assert (applied.fusion, applied.reviews, applied.applied_by) == (report.proposal["fusion"], 50, by)
    assert begun(chosen, 77).fitted == report.proposal["fusion"]
    learning.learn(chosen=HardExampleFilter.objects.get(pk=chosen.pk), by=None)
    assert FilterReport.objects.get().filter == chosen


def test_of_a_preset_a_new_filter_is_made() -> None:
    default, by = preset(), UserFactory.create()
    review(mined(default), range(50))
    learning.learn(chosen=default, by=None)
    made = apply_proposal(chosen=default, by=by)
    assert (made.name, made.kind, made.created_by) == ("Hardmine default, 50 reviews", "own", by)
    assert apply_proposal(chosen=default, by=by) == made
    assert FilterChoices.of(made) == FilterChoices.of(default)
    assert (preset().fitted, made.learned.count()) == (None, 1)


def test_a_filter_may_apply_what_it_learns_by_itself(chosen: HardExampleFilter) -> None:
    change_filter(chosen=chosen, by=None, choices=replace(FilterChoices.of(chosen), applies_proposals=True))
    review(mined(chosen), range(50))
    learning.learn(chosen=chosen, by=None)
    chosen.refresh_from_db()
    (applied,) = chosen.learned.all()
    assert (chosen.fitted, applied.applied_by) == (applied.fusion, None)


def test_one_can_go_back_step_by_step(chosen: HardExampleFilter) -> None:
    change_filter(chosen=chosen, by=None, choices=replace(FilterChoices.of(chosen), applies_proposals=True))
    row, by = mined(chosen), UserFactory.create()
    for positions in (range(40), range(40, 50)):
        review(row, positions)
        report = learning.learn(chosen=chosen, by=None)
        apply_proposal(chosen=chosen, by=by)
    second, first = chosen.learned.all()
    assert first.fusion != second.fusion == report.proposal["fusion"]
    for left in (first.fusion, None):
        back = withdraw_weights(chosen=chosen, by=by)
        assert (back.fitted, back.applies_proposals) == (left, False)
    with pytest.raises(Refused, match="uses no weights"):
        withdraw_weights(chosen=chosen, by=by)
    assert {each.withdrawn_by for each in chosen.learned.all()} == {by}
    assert begun(chosen, 78).fitted is None


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"algo_hard_threshold": 0.3, "cap": 9, "control_share": 0.1, "second_look_images": 1}, True),
        ({"comprehensive_algo_config": "outlier:1".replace("outlier", "anomaly_detection_mining")}, False),
        ({"measure": "entropy"}, False),
        ({"fusion": "weights"}, False),
        ({"aug_op_config": "invert:1"}, False),
    ],
)
def test_learned_weights_go_with_what_they_were_learned_from(
    chosen: HardExampleFilter, changes: dict, kept: bool
) -> None:
    review(mined(chosen), range(50))
    learning.learn(chosen=chosen, by=None)
    apply_proposal(chosen=chosen, by=None)
    by = UserFactory.create()
    changed = change_filter(chosen=chosen, by=by, choices=replace(FilterChoices.of(chosen), **changes))
    assert (changed.fitted is not None, changed.learned.filter(withdrawn_at=None).exists()) == (kept, kept)
    assert (FilterReport.objects.get().proposal is not None) == kept


def begun(chosen: HardExampleFilter, run: int) -> Mining:
    return mining.begin(
        subject=f"batch run {run}",
        task="image_classification",
        settings=settings_of(chosen),
        filter_id=chosen.pk,
        training_manifest="",
    )


def test_what_reviews_taught_is_used_whatever_the_training_set() -> None:
    """It holds the fusion alone, and nothing that names images of one training set."""
    taught = Filter(FilterSettings()).fit(reference(60)).fusion_.as_dict() | {"intercept": -3.5}
    applied = Filter(FilterSettings()).fit(reference(40, seed=9), fitted=taught)
    assert applied.fusion_.intercept == -3.5
    assert np.isfinite(applied.apply(classified()).coefficient).all()
