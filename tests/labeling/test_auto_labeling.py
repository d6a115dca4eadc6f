"""Auto labeling: what is unlabeled comes to To Be Confirmed all at once, with labels, confidence and hard examples."""

from contextlib import contextmanager

import pytest

from config import steps, sweeper
from config.leases import Lease
from config.refusals import Refused
from datasets import counters, proposing, review
from datasets.intake import Claim
from datasets.models import Annotation, DatasetVersion, HardReason, Prediction, Sample, Status
from labeling import auto_labeling, auto_measuring, auto_work
from labeling.auto_proposals import proposals_of
from labeling.models import AutoLabelingStatus, AutoLabelingTask
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DatasetVersionFactory,
    DetectionDatasetFactory,
    InferenceModelFactory,
    LabelFactory,
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
    "auto_labeling.staged.before_commit",
    "auto_labeling.staged",
    "auto_labeling.mining.before_commit",
    "auto_labeling.mining.begun",
    "auto_labeling.ranked.before_commit",
    "auto_labeling.filtered.before_commit",
    "auto_labeling.filtered",
    "proposing.before_rows",
    "auto_labeling.deliver.before_end",
    "auto_labeling.deliver.before_commit",
    "auto_labeling.ended",
)


@pytest.fixture
def ann():
    return UserFactory.create(username="ann")


def start(dataset, by, **chosen) -> AutoLabelingTask:
    return auto_labeling.start_auto_labeling(dataset=dataset, by=by, **{"kind": "active_learning", **chosen})


def done(task: AutoLabelingTask) -> AutoLabelingTask:
    auto_work.execute(task.pk)
    task.refresh_from_db()
    return task


def to_be_confirmed(dataset) -> int:
    return dataset.samples.filter(status=Status.TO_BE_CONFIRMED).count()


@pytest.mark.parametrize("algorithm", ["fast", "accurate"])
def test_active_learning_labels_what_is_unlabeled(ann, algorithm) -> None:
    dataset = digits()
    task = done(start(dataset, ann, algorithm=algorithm))
    assert (task.status, task.error) == (AutoLabelingStatus.SUCCEEDED, "")
    assert (task.total, task.done, task.proposed, task.passed_over, task.share) == (60, 60, 60, 0, 1.0)
    samples = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).prefetch_related("annotations__label", "reasons")
    right = [sample.predicted_label[-1] == sample.name[6] for sample in samples]
    assert sum(right) >= 55
    for sample in samples:
        (claim,) = sample.annotations.all()
        assert (claim.label.name, claim.confidence, claim.origin) == (
            sample.predicted_label,
            sample.confidence,
            "model",
        )
        assert sample.hard == bool(sample.reasons.all())
    assert task.hard == samples.filter(hard=True).count()
    prediction = Prediction.objects.filter(sample=samples[0]).get()
    assert prediction.predictor == task.learned["predictor"]
    assert prediction.model_name.startswith(f"Active learning, {algorithm}")
    assert prediction.output["predicted_label"] == samples[0].predicted_label
    assert counters.check(dataset) == []
    assert not dataset.holds.exists()


def test_the_most_useful_order_is_kept_and_covers_all_labels_at_once(ann) -> None:
    dataset = digits(labeled=5, unlabeled=100, classes=10)
    done(start(dataset, ann))
    ranked = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).order_by("-usefulness", "-id")
    assert len({sample.usefulness for sample in ranked}) == 100
    assert ranked[0].usefulness == 1.0
    hardest = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).order_by("-hard_coefficient", "-id")
    assert list(ranked[:20]) != list(hardest[:20])


def test_a_task_tells_its_events_in_order(ann) -> None:
    task = done(start(digits(), ann))
    assert [(event["name"], event["status"]) for event in task.events] == [
        (name, "success") for name in ("start", "init", "labeling", "result_processing", "end")
    ]


def test_hard_examples_have_evidence(ann) -> None:
    dataset = digits(labeled=6, unlabeled=200, classes=10)
    task = done(start(dataset, ann))
    assert task.hard > 0
    reasons = HardReason.objects.filter(sample__dataset=dataset)
    assert reasons.filter(measured__isnull=False).exclude(sentence="").exists()
    hard, easy = (dataset.samples.filter(status=Status.TO_BE_CONFIRMED, hard=hard) for hard in (True, False))
    wrong = [sum(s.predicted_label[-1] != s.name[6] for s in each) / len(each) for each in (hard, easy)]
    assert wrong[0] > wrong[1]


@pytest.mark.parametrize("step", STEPS)
def test_whatever_dies_nothing_shows_before_the_end_and_nothing_is_lost(ann, monkeypatch, step) -> None:
    dataset = digits(labeled=5, unlabeled=20)
    monkeypatch.setattr(auto_work, "CHUNK_ROWS", 7)
    task = start(dataset, ann)
    counted = []

    def die(name: str) -> None:
        counted.append(name)
        if name == step:
            raise KeyboardInterrupt

    for module in (auto_work, auto_measuring, proposing):
        monkeypatch.setattr(module, "step", die)
    with pytest.raises(KeyboardInterrupt):
        auto_work.execute(task.pk)
    assert to_be_confirmed(dataset) == (20 if step == "auto_labeling.ended" else 0)
    for module in (auto_work, auto_measuring, proposing):
        monkeypatch.setattr(module, "step", steps.step)
    assert done(task).status == AutoLabelingStatus.SUCCEEDED
    assert to_be_confirmed(dataset) == task.proposed == 20
    assert Annotation.objects.filter(sample__dataset=dataset, origin="model").count() == 20
    assert counters.check(dataset) == []


def test_what_people_label_meanwhile_stays_theirs(ann, monkeypatch) -> None:
    dataset = digits()
    task = start(dataset, ann)
    mine = dataset.samples.filter(status=Status.UNLABELED)[0]

    def label(name: str) -> None:
        if name == "auto_labeling.filtered":
            claim = Claim("digit 1", by="human")
            review.confirm(sample_id=mine.pk, by=ann, version=mine.version, claims=[claim])

    monkeypatch.setattr(auto_work, "step", label)
    done(task)
    assert (task.proposed, task.passed_over) == (59, 1)
    mine.refresh_from_db()
    assert (mine.status, mine.confirmed_by) == (Status.LABELED, ann)
    assert [claim.label.name for claim in mine.annotations.all()] == ["digit 1"]
    assert counters.check(dataset) == []


def test_hardness_that_a_person_set_stays(ann) -> None:
    dataset = digits()
    marked = dataset.samples.filter(status=Status.UNLABELED)[0]
    Sample.objects.filter(pk=marked.pk).update(hard_set_by="person", hard_coefficient=0.123)
    done(start(dataset, ann))
    marked.refresh_from_db()
    assert (marked.status, marked.hard, marked.hard_coefficient) == (Status.TO_BE_CONFIRMED, False, 0.123)
    assert not marked.reasons.exists()
    assert counters.check(dataset) == []


def test_tasks_of_a_dataset_run_one_after_another(ann) -> None:
    dataset = digits()
    first, second = start(dataset, ann), start(dataset, ann, algorithm="accurate")
    assert done(second).status == AutoLabelingStatus.WAITING
    assert done(first).status == AutoLabelingStatus.SUCCEEDED
    assert done(second).status == AutoLabelingStatus.FAILED
    assert "no unlabeled image" in second.error
    assert not dataset.holds.exists()


def test_a_task_of_another_dataset_does_not_wait(ann) -> None:
    start(digits(name="first"), ann)
    other = digits(name="second", unlabeled=3)
    assert done(start(other, ann)).status == AutoLabelingStatus.SUCCEEDED


def test_a_stopped_task_leaves_nothing_and_the_next_begins(ann, monkeypatch) -> None:
    dataset = digits()
    first, second = start(dataset, ann), start(dataset, ann)

    def stop(name: str) -> None:
        if name == "auto_labeling.filtered":
            auto_labeling.stop(task=first, by=ann)

    monkeypatch.setattr(auto_work, "step", stop)
    assert done(first).status == AutoLabelingStatus.STOPPED
    assert to_be_confirmed(dataset) == 0
    monkeypatch.setattr(auto_work, "step", steps.step)
    assert done(second).status == AutoLabelingStatus.SUCCEEDED
    with pytest.raises(Refused, match="cannot become"):
        auto_labeling.stop(task=first, by=ann)


def test_the_lease_is_renewed_while_results_are_gathered(ann, monkeypatch) -> None:
    renewing: list[bool] = []
    kept: list[bool] = []

    @contextmanager
    def renewed(lease: Lease):
        renewing.append(True)
        yield
        renewing.pop()

    def gathered(task: AutoLabelingTask):
        kept.append(bool(renewing))
        return proposals_of(task)

    monkeypatch.setattr(Lease, "renewing", renewed)
    monkeypatch.setattr(auto_work, "proposals_of", gathered)
    assert done(start(digits(unlabeled=3), ann)).status == AutoLabelingStatus.SUCCEEDED
    assert kept == [True]


def test_a_lost_ring_is_rung_again(ann) -> None:
    start(digits(), ann)
    assert sweeper.sweep(quiet_seconds=-1) == 1


@pytest.mark.parametrize(
    ("labels", "labeled", "unlabeled", "words"),
    [
        (1, 5, 1, "At least two labels"),
        (2, 4, 1, r"five labeled images.*cat \(4\)"),
        (2, 5, 0, "no unlabeled image"),
    ],
)
def test_preconditions_are_said_in_words(ann, labels, labeled, unlabeled, words) -> None:
    dataset = DatasetFactory()
    for name in ("cat", "dog")[:labels]:
        label = LabelFactory(dataset=dataset, name=name)
        for _ in range(labeled if name == "cat" else 5):
            AnnotationFactory(sample=SampleFactory(dataset=dataset, status="labeled"), label=label)
    for _ in range(unlabeled):
        SampleFactory(dataset=dataset)
    with pytest.raises(Refused, match=words):
        start(dataset, ann)


def test_not_while_publishing(ann) -> None:
    dataset = digits()
    DatasetVersionFactory(dataset=dataset, status="publishing")
    with pytest.raises(Refused, match="being published"):
        start(dataset, ann)
    DatasetVersion.objects.all().delete()
    start(dataset, ann)


def test_boxes_are_pre_labeled_by_a_detector(ann) -> None:
    dataset = DetectionDatasetFactory()
    LabelFactory(dataset=dataset, name="cat")
    SampleFactory(dataset=dataset)
    with pytest.raises(Refused, match=r"detector.*pre-labeling"):
        start(dataset, ann)
    with pytest.raises(Refused, match="Choose the model"):
        start(dataset, ann, kind="pre_labeling")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"task": "object_detection"}, "Choose another model"),
        ({"status": "checking"}, "not ready"),
        ({"class_names": ["digit 0", "bird"]}, "no label for these classes of the model: bird"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(ann, model, words) -> None:
    with pytest.raises(Refused, match=words):
        start(digits(), ann, kind="pre_labeling", model=InferenceModelFactory(**model))


def test_a_classifier_without_activations_is_not_learned_from(ann) -> None:
    with pytest.raises(Refused, match="no activations"):
        start(digits(), ann, model=InferenceModelFactory())


def test_images_without_features_that_cannot_be_read_are_left_out(ann) -> None:
    dataset = digits()
    gone = SampleFactory.create(dataset=dataset)  # its bytes are nowhere
    task = done(start(dataset, ann))
    assert (task.status, task.unreadable, task.proposed) == (AutoLabelingStatus.SUCCEEDED, 1, 60)
    assert Sample.objects.get(pk=gone.pk).status == Status.UNLABELED
