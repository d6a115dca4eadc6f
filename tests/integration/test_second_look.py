"""Real models in the real sandbox are shown undecided images again; boxes are measured; hard boxes reach samples."""

import json
from typing import Any

import numpy as np
import pytest

from batchservices import registration
from batchservices.deployment import deploy
from batchservices.models import BatchRun, BatchService, CollectionTask
from datasets import blobs, review
from datasets.formats import voc
from datasets.intake import Claim
from datasets.models import Annotation, Sample
from datasets.preparation import Prepared, prepare
from hardexamples import second_look
from hardexamples.filters import FilterChoices, create_filter
from hardexamples.models import Features, HardExampleFilter
from labeling import auto_labeling, auto_work
from labeling.models import AutoLabelingTask
from tests import loop
from tests.batchservices.test_closer_looks import CLASSIFIER, DETECTOR, lit
from tests.corpus import onnx_models
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory, UserFactory

pytestmark = pytest.mark.django_db

ALL = "predict_score_mining:0.39+aug_consistent_mining:0.4265+feature_distribution_mining:0.0451"


def own(**chosen: Any) -> HardExampleFilter:
    choices = {"comprehensive_algo_config": ALL, "aug_op_config": "fliplr:1", "control_share": 0.0, **chosen}
    return create_filter(name=f"own {HardExampleFilter.objects.count()}", by=None, choices=FilterChoices(**choices))


def deployed(model: bytes, profile: dict[str, Any], **filtering: Any) -> BatchService:
    number = BatchService.objects.count()
    row = registration.register_model(name=f"model {number}", data=model, by=None, profile=profile)
    registration.execute_check(row.pk)
    row.refresh_from_db()
    assert row.status == "ready", row.error
    return deploy(
        name=f"service {number}",
        model=row,
        input_location="inputs:night",
        output_location=f"outputs:night {number}",
        by=None,
        filtering=True,
        output_dataset_name=f"hard {number}",
        **filtering,
    )


def collected(service: BatchService) -> CollectionTask:
    run: BatchRun = loop.run(service)
    assert run.status == "finished", run.error
    task = loop.collect(run.collection_tasks.get())
    assert task.status == "dataset_imported", task.words
    return task


def test_an_answer_that_flips_when_mirrored_is_told_and_can_be_seen() -> None:
    for number in range(4):
        loop.put(f"inputs:night/sure{number}.png", lit(255, number))
    loop.put("inputs:night/torn.png", lit(190, 60))
    task = collected(deployed(onnx_models.tells_sides(), CLASSIFIER, filter=own()))

    assert task.mining is not None
    assert task.mining.second_looks == 1
    sample = Sample.objects.get(dataset=task.dataset, name="torn.png")
    reason = sample.reasons.get(code=20)
    assert "mirrored, the model says dog 0.98 instead of cat 0.98" in reason.sentence
    scores = {item.position: item.scores["augmentation"] for item in task.mining.items.all()}
    assert [scores[position] is None for position in range(5)] == [True, True, True, True, False]

    shown = second_look.changed_view(loop.content("inputs:night/torn.png"), second_look.operation_of(reason.code) or "")
    assert shown[:3] == b"\xff\xd8\xff"


def test_a_budget_of_nothing_is_no_opinion() -> None:
    loop.put("inputs:night/torn.png", lit(190, 60))
    for nothing in ({"second_look_images": 0}, {"second_look_seconds": 0}, {"aug_op_config": ""}):
        task = collected(deployed(onnx_models.tells_sides(), CLASSIFIER, filter=own(**nothing)))
        assert task.mining is not None
        assert task.mining.second_looks == 0
        assert task.mining.items.get().scores["augmentation"] is None


def put_labeled(count: int, *, box: tuple[int, int, int, int], name: str = "cat") -> str:
    """Bright images, each with one labeled box."""
    lines = []
    for number in range(count):
        loop.put(f"inputs:train/{number}.png", lit(230 - number % 9, 200 + number % 7))
        labeled = voc.VocAnnotation(f"{number}.png", 64, 32, (voc.VocObject(name, *box),))
        loop.put(f"inputs:train/{number}.xml", voc.write(labeled))
        annotation = {
            "type": "modelarts/object_detection",
            "annotation-loc": f"inputs:train/{number}.xml",
            "annotation-format": "PASCAL VOC",
        }
        lines.append({"source": f"inputs:train/{number}.png", "annotation": [annotation]})
    loop.put("outputs:boxes.manifest", b"\n".join(json.dumps(line).encode() for line in lines))
    return "outputs:boxes.manifest"


@pytest.mark.parametrize(("renames", "score"), [(False, 0.0), (True, 0.8)], ids=["the same box", "another name"])
def test_a_detectors_boxes_are_compared_where_they_come_home(renames: bool, score: float) -> None:
    loop.put("inputs:night/torn.png", lit(250, 60))
    task = collected(deployed(onnx_models.follows(renames=renames), DETECTOR, filter=own()))
    assert task.mining is not None
    item = task.mining.items.get()
    assert item.scores["augmentation"] == pytest.approx(score)
    told = [reason for reason in item.reasons if reason["code"] == 20]
    assert [reason["claim"] for reason in told] == ([0] if renames else [])


def test_a_dark_box_has_its_reason_and_its_own_hardness() -> None:
    manifest = put_labeled(24, box=(24, 8, 40, 24))
    for number in range(3):
        loop.put(f"inputs:night/bright{number}.png", lit(225, 203 + number))
    loop.put("inputs:night/dark.png", lit(62, 60))
    service = deployed(onnx_models.follows(), DETECTOR, filter=own(), training_manifest=manifest)
    task = collected(service)

    assert task.mining is not None
    assert task.mining.reference_count == 24
    dark = task.mining.items.get(position=3)
    reason = next(reason for reason in dark.reasons if reason["code"] == 16)
    assert reason["claim"] == 0
    assert all(16 not in [r["code"] for r in row.reasons] for row in task.mining.items.exclude(position=3))
    box = Annotation.objects.get(sample__dataset=task.dataset, sample__name="dark.png")
    assert box.hard
    assert box.hard_coefficient == pytest.approx(dark.box_coefficients[0])
    assert box.reasons.filter(code=16).exists()


def test_labels_that_changed_are_measured_anew_and_all_else_is_kept() -> None:
    put_labeled(24, box=(24, 8, 40, 24))
    loop.put("inputs:night/one.png", lit(225, 203))
    service = deployed(onnx_models.follows(), DETECTOR, filter=own(), training_manifest="outputs:boxes.manifest")
    collected(service)
    before = Features.objects.count()
    collected(service)
    assert Features.objects.count() == before
    put_labeled(24, box=(24, 8, 40, 25))
    collected(service)
    assert Features.objects.count() == before + 24


def test_what_changes_every_answer_counts_nothing() -> None:
    """Mirrored, the model says something else of each training image: then that is no news about an input."""
    lines = []
    for number in range(24):
        loop.put(f"inputs:train/{number}.png", lit(255 - number, 10))
        label = {"type": "modelarts/image_classification", "name": "cat"}
        lines.append(json.dumps({"source": f"inputs:train/{number}.png", "annotation": [label]}))
    loop.put("outputs:sides.manifest", "\n".join(lines).encode())
    loop.put("inputs:night/torn.png", lit(190, 60))
    service = deployed(onnx_models.tells_sides(), CLASSIFIER, filter=own(), training_manifest="outputs:sides.manifest")
    task = collected(service)
    assert task.mining is not None
    assert task.mining.second_looks == 1
    assert task.mining.items.get().scores["augmentation"] is None


def test_copies_of_one_hard_example_are_a_stack_on_their_samples() -> None:
    for number in range(3):
        loop.put(f"inputs:night/torn{number}.png", lit(150 + number, 130))
    task = collected(deployed(onnx_models.tells_sides(), CLASSIFIER, filter=own()))
    assert task.mining is not None
    stacks = set(Sample.objects.filter(dataset=task.dataset, hard=True).values_list("stack", flat=True))
    assert len(stacks) == 1
    assert stacks.pop().startswith(f"{task.mining.pk}-")
    first = Sample.objects.filter(dataset=task.dataset).first()
    assert first is not None
    review.confirm(sample_id=first.pk, by=loop.StaffFactory(), version=first.version, claims=[Claim(label="cat")])


def test_labels_of_the_training_set_that_are_probably_wrong_are_listed() -> None:
    manifest = loop.put_training_manifest(count=300)
    truth = loop.digits()[1][:300]
    lines = [json.loads(line) for line in loop.content(manifest).splitlines()]
    wrong = {int(np.flatnonzero(truth == label)[0]): str((label + 1) % 10) for label in range(10)}
    for number, label in wrong.items():
        lines[number]["annotation"][0]["name"] = label
    loop.put(manifest, "\n".join(json.dumps(line) for line in lines).encode())
    loop.put_digits("inputs:night", first=400, count=4)
    run = loop.run(loop.service(filtering=True, training_manifest=manifest, output_dataset_name="hard"))
    task = loop.collect(run.collection_tasks.get())
    assert task.mining is not None
    told = {(row.name, row.given, row.likelier) for row in task.mining.suspects.all()}
    changed = {(f"inputs:train/{number:04}.png", label, str(truth[number])) for number, label in wrong.items()}
    assert len(told & changed) >= 4
    sureness = list(task.mining.suspects.values_list("confidence", flat=True))
    assert sureness == sorted(sureness, reverse=True)
    first = task.mining.suspects.first()
    assert first is not None
    assert Features.objects.filter(sha256=first.sha256).exists()


def pre_labeled(*, labeled: int, **chosen: Any) -> AutoLabelingTask:
    """A dataset with the torn image and sure ones, labeled by the model that tells sides."""
    row = registration.register_model(
        name=f"labels {labeled}", data=onnx_models.tells_sides(), by=None, profile=CLASSIFIER
    )
    registration.execute_check(row.pk)
    row.refresh_from_db()
    dataset = DatasetFactory.create(name=f"sides {labeled}")
    labels = [LabelFactory.create(dataset=dataset, name=name) for name in CLASSIFIER["class_names"]]
    images = {"torn.png": lit(190, 60)} | {f"sure{number}.png": lit(255, number) for number in range(4)}
    images |= {f"known{number}.png": lit(240 + number, 240 + number) for number in range(labeled)}
    for name, data in images.items():
        prepared = Prepared(**prepare(data))
        blobs.keep(prepared=prepared, data=data)
        known = name.startswith("known")
        blob = blobs.rows([prepared])[prepared.sha256]
        sample = SampleFactory.create(dataset=dataset, blob=blob, name=name, status="labeled" if known else "unlabeled")
        if known:
            AnnotationFactory(sample=sample, label=labels[0])
    task = auto_labeling.start_auto_labeling(
        dataset=dataset, kind="pre_labeling", by=UserFactory.create(), model=row, filter=own(**chosen)
    )
    auto_work.execute(task.pk)
    task.refresh_from_db()
    assert task.status == "succeeded", task.error
    return task


@pytest.mark.parametrize("labeled", [0, 12])
def test_pre_labeling_looks_again_as_a_run_does(labeled: int) -> None:
    task = pre_labeled(labeled=labeled)
    assert task.mining is not None
    assert task.mining.second_looks >= 1
    sample = Sample.objects.get(dataset=task.dataset, name="torn.png")
    assert "mirrored, the model says dog 0.98 instead of cat 0.98" in sample.reasons.get(code=20).sentence


def test_pre_labeling_without_augmentations_asks_nothing_more() -> None:
    task = pre_labeled(labeled=0, aug_op_config="")
    assert task.mining is not None
    assert task.mining.second_looks == 0
    assert not Sample.objects.get(dataset=task.dataset, name="torn.png").reasons.filter(code=20).exists()
