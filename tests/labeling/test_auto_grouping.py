"""Auto grouping: unlabeled images fall into groups, told all at once as a sample attribute."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from config import steps, sweeper
from config.refusals import Refused
from datasets import attributes, counters, deletion, review
from datasets.intake import Claim
from datasets.models import SampleAttribute, Status
from hardexamples.features import EXTRACTOR, STATISTICS
from hardexamples.models import Features
from labeling import auto_grouping, auto_grouping_work, auto_labeling, auto_measuring, auto_work
from labeling.models import AutoLabelingItem, AutoLabelingStatus, AutoLabelingTask
from tests.factories import (
    DatasetFactory,
    DatasetVersionFactory,
    DetectionDatasetFactory,
    InferenceModelFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.auto.digits import digits

pytestmark = pytest.mark.django_db
STEPS = (
    "auto_labeling.items.before_commit",
    "auto_labeling.items.committed",
    "auto_labeling.frozen.before_commit",
    "auto_labeling.frozen",
    "auto_labeling.measured.before_commit",
    "auto_grouping.staged.before_commit",
    "auto_grouping.staged",
    "auto_grouping.grouped.before_commit",
    "auto_grouping.grouped",
    "attributes.value",
    "auto_grouping.deliver.before_end",
    "auto_grouping.deliver.before_commit",
    "auto_labeling.ended",
)
WORKING = (auto_work, auto_measuring, auto_grouping_work, attributes)


@pytest.fixture
def ann():
    return UserFactory.create(username="ann")


def start(dataset, by, **chosen) -> AutoLabelingTask:
    return auto_grouping.start_auto_grouping(dataset=dataset, by=by, **{"attribute": "group", **chosen})


def done(task: AutoLabelingTask) -> AutoLabelingTask:
    auto_work.execute(task.pk)
    task.refresh_from_db()
    return task


def groups_of(dataset, name: str = "group") -> dict[str, list[str]]:
    """The names of the samples of each group."""
    found: dict[str, list[str]] = {}
    rows = SampleAttribute.objects.filter(sample__dataset=dataset, name=name).order_by("value", "sample")
    for value, sample in rows.values_list("value__value", "sample__name"):
        found.setdefault(value, []).append(sample)
    return found


def test_images_that_look_alike_are_in_one_group(ann) -> None:
    dataset = digits(labeled=2, unlabeled=90, classes=3)
    task = done(start(dataset, ann, groups=3))
    assert (task.status, task.error, task.total, task.done, task.share) == ("succeeded", "", 90, 90, 1.0)
    groups = groups_of(dataset)
    truth = [name[6] for names in groups.values() for name in names]
    found = [value for value, names in groups.items() for _ in names]
    assert adjusted_rand_score(truth, found) > 0.7
    sizes = [len(names) for names in groups.values()]
    assert (list(groups), sizes) == (["1", "2", "3"], sorted(sizes, reverse=True))
    assert [(told["value"], told["count"]) for told in task.groups] == list(zip(groups, sizes, strict=True))
    for told in task.groups:
        names = dataset.samples.filter(pk__in=told["samples"]).values_list("name", flat=True)
        assert len(names) == auto_grouping_work.PICTURES
        assert set(names) <= set(groups[told["value"]])


def test_nothing_else_of_a_sample_changes(ann) -> None:
    dataset = digits()
    before = list(dataset.samples.values().order_by("id"))
    done(start(dataset, ann, groups=4))
    assert list(dataset.samples.values().order_by("id")) == before
    assert counters.check(dataset) == []
    assert not dataset.holds.exists()


def test_only_unlabeled_images_are_grouped(ann) -> None:
    dataset = digits(labeled=8, unlabeled=20)
    done(start(dataset, ann, groups=2))
    grouped = dataset.samples.filter(attributes__isnull=False)
    assert {sample.status for sample in grouped} == {Status.UNLABELED}
    assert grouped.count() == 20


def test_a_dataset_without_labels_is_grouped_and_so_are_boxes(ann) -> None:
    """Groups are for the time before there is any label."""
    dataset = digits(labeled=0, unlabeled=30)
    dataset.labels.all().delete()
    type(dataset).objects.filter(pk=dataset.pk).update(task="object_detection")
    assert done(start(dataset, ann, groups=3)).status == AutoLabelingStatus.SUCCEEDED
    assert len(groups_of(dataset)) == 3


def test_the_number_of_groups_can_be_proposed(ann) -> None:
    dataset = digits(labeled=0, unlabeled=120, classes=3)
    task = done(start(dataset, ann))
    assert len(task.groups) == len(groups_of(dataset)) == 3


def test_what_counts_besides_the_features_decides_too(ann) -> None:
    dataset = digits(labeled=0, unlabeled=40, classes=1)
    samples = list(dataset.samples.select_related("blob").order_by("id"))
    for number, sample in enumerate(samples):
        told = np.ones(len(STATISTICS), "<f4")
        told[STATISTICS.index("brightness")] = number % 2
        Features.objects.filter(sha256=sample.blob.sha256, extractor=EXTRACTOR).update(statistics=told.tobytes())
    task = done(start(dataset, ann, groups=2, measures=["brightness"]))
    assert task.measures == ["brightness"]
    groups = groups_of(dataset)
    odd = {sample.name for number, sample in enumerate(samples) if number % 2}
    assert sorted(len(odd & set(names)) for names in groups.values()) == [0, 20]


def test_grouping_again_tells_the_attribute_anew_and_another_stays(ann) -> None:
    dataset = digits()
    first = done(start(dataset, ann, groups=8))
    done(start(dataset, ann, groups=2, attribute="scene"))
    second = done(start(dataset, ann, groups=3))
    assert (len(groups_of(dataset)), len(groups_of(dataset, "scene"))) == (3, 2)
    assert auto_grouping.standing(dataset, "group") == second != first


@pytest.mark.parametrize("step", STEPS)
def test_whatever_dies_no_group_shows_before_the_end_and_none_is_lost(ann, monkeypatch, step) -> None:
    dataset = digits(labeled=2, unlabeled=20)
    monkeypatch.setattr(auto_work, "CHUNK_ROWS", 7)
    monkeypatch.setattr(auto_grouping_work, "CHUNK_ROWS", 7)
    task = start(dataset, ann, groups=3)

    def die(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    for module in WORKING:
        monkeypatch.setattr(module, "step", die)
    with pytest.raises(KeyboardInterrupt):
        auto_work.execute(task.pk)
    assert SampleAttribute.objects.count() == (20 if step == "auto_labeling.ended" else 0)
    for module in WORKING:
        monkeypatch.setattr(module, "step", steps.step)
    assert done(task).status == AutoLabelingStatus.SUCCEEDED
    assert sum(len(names) for names in groups_of(dataset).values()) == 20
    assert [(event["name"], event["status"]) for event in task.events] == [
        (name, "success") for name in ("start", "init", "grouping", "result_processing", "end")
    ]


def test_a_stopped_task_leaves_the_groups_of_before_and_the_next_begins(ann, monkeypatch) -> None:
    dataset = digits()
    done(start(dataset, ann, groups=5))
    second, third = start(dataset, ann, groups=2), start(dataset, ann, groups=3)

    def stop(name: str) -> None:
        if name == "auto_grouping.grouped":
            auto_labeling.stop(task=second, by=ann)

    monkeypatch.setattr(auto_grouping_work, "step", stop)
    assert done(second).status == AutoLabelingStatus.STOPPED
    assert len(groups_of(dataset)) == 5
    monkeypatch.setattr(auto_grouping_work, "step", steps.step)
    assert done(third).status == AutoLabelingStatus.SUCCEEDED
    assert len(groups_of(dataset)) == 3


def test_it_waits_for_auto_labeling_that_was_started_before(ann) -> None:
    dataset = digits()
    first = auto_labeling.start_auto_labeling(dataset=dataset, kind="active_learning", by=ann)
    second = start(dataset, ann, groups=2)
    assert done(second).status == AutoLabelingStatus.WAITING
    assert done(first).status == AutoLabelingStatus.SUCCEEDED
    assert done(second).status == AutoLabelingStatus.FAILED
    assert "no unlabeled image" in second.error


def test_a_lost_ring_is_rung_again(ann) -> None:
    start(digits(), ann, groups=2)
    assert sweeper.sweep(quiet_seconds=-1) == 1


def test_what_people_do_meanwhile_stays_theirs(ann, monkeypatch) -> None:
    """Who labels an image does not lose its group; who deletes one does not get it back."""
    dataset = digits()
    labeled, deleted = dataset.samples.filter(status=Status.UNLABELED)[:2]

    def work(name: str) -> None:
        if name == "auto_grouping.grouped":
            claim = Claim("digit 1", by="human")
            review.confirm(sample_id=labeled.pk, by=ann, version=labeled.version, claims=[claim])
            deletion.delete_samples(samples=[deleted.pk], by=ann)

    monkeypatch.setattr(auto_grouping_work, "step", work)
    assert done(start(dataset, ann, groups=3)).status == AutoLabelingStatus.SUCCEEDED
    labeled.refresh_from_db()
    assert (labeled.status, labeled.attributes.count()) == (Status.LABELED, 1)
    assert sum(len(names) for names in groups_of(dataset).values()) == 59
    assert counters.check(dataset) == []


def test_images_that_cannot_be_read_are_left_out(ann) -> None:
    dataset = digits()
    gone = SampleFactory.create(dataset=dataset)  # its bytes are nowhere
    task = done(start(dataset, ann, groups=3))
    assert (task.status, task.unreadable) == (AutoLabelingStatus.SUCCEEDED, 1)
    assert not gone.attributes.exists()
    assert AutoLabelingItem.objects.get(sample=gone).group is None


def test_where_too_few_can_be_read_it_says_so(ann) -> None:
    dataset = digits(unlabeled=2)
    SampleFactory.create(dataset=dataset)
    task = done(start(dataset, ann, groups=2))
    assert (task.status, task.error_code) == (AutoLabelingStatus.FAILED, "too_few_images")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"groups": 1}, "2 to 200"),
        ({"groups": 201}, "2 to 200"),
        ({"groups": 6}, "at least 7 unlabeled"),
        ({"attribute": "a:b"}, "name"),
        ({"attribute": ""}, "name"),
        ({"measures": ["size"]}, "clarity, brightness, color"),
    ],
)
def test_preconditions_are_said_in_words(ann, chosen, words) -> None:
    with pytest.raises(Refused, match=words):
        start(digits(unlabeled=6), ann, **chosen)


def test_a_dataset_without_unlabeled_images_or_in_publishing_is_refused(ann) -> None:
    with pytest.raises(Refused, match="no unlabeled image"):
        start(DatasetFactory.create(), ann)
    dataset = digits()
    DatasetVersionFactory(dataset=dataset, status="publishing")
    with pytest.raises(Refused, match="being published"):
        start(dataset, ann)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"task": "object_detection"}, "activations of a classifier"),
        ({"status": "checking"}, "not ready"),
        ({}, "no activations"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(ann, model, words) -> None:
    dataset = DetectionDatasetFactory()
    for _ in range(3):
        SampleFactory(dataset=dataset)
    with pytest.raises(Refused, match=words):
        start(dataset, ann, model=InferenceModelFactory(**model))
