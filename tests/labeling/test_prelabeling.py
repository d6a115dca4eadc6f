"""Pre-labeling: a registered model labels what is unlabeled; what it says is judged by the labeled part."""

import numpy as np
import pytest
from sklearn.preprocessing import normalize

from batchservices import child, registration
from batchservices.models import InferenceModel
from datasets import blobs, bulk_review, counters, preparation
from datasets.models import Annotation, Dataset, HardReason, Label, Prediction, Sample, Status
from hardexamples import store
from hardexamples.models import Mining
from labeling import auto_labeling, auto_work
from labeling.auto.ordering import FIRST_BLOCK, typical
from labeling.models import AutoLabelingStatus, AutoLabelingTask
from tests import loop
from tests.corpus import onnx_models
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
    image_bytes,
)

pytestmark = pytest.mark.django_db
NAMES = {name: f"number {name}" for name in loop.CLASSES}


@pytest.fixture(autouse=True)
def one_child():
    yield
    child.close()


def kept(dataset: Dataset, data: bytes, name: str, **columns: str) -> Sample:
    prepared = preparation.Prepared(**preparation.prepare(data))
    blobs.keep(prepared=prepared, data=data)
    return SampleFactory.create(dataset=dataset, blob=blobs.rows([prepared])[prepared.sha256], name=name, **columns)


@pytest.fixture
def dataset() -> Dataset:
    """Twenty labeled digits and forty unlabeled ones, under names that the model does not know."""
    made = DatasetFactory.create(name="digits")
    labels = {name: LabelFactory.create(dataset=made, name=label) for name, label in NAMES.items()}
    pictures, truth = loop.digits()
    for number in range(400, 460):
        labeled = number < 420
        sample = kept(
            made,
            loop.png(pictures[number]),
            f"{truth[number]}-{number}.png",
            status="labeled" if labeled else "unlabeled",
        )
        if labeled:
            AnnotationFactory(sample=sample, label=labels[str(truth[number])])
    return made


def pre_label(dataset: Dataset, **chosen: object) -> AutoLabelingTask:
    task = auto_labeling.start_auto_labeling(
        dataset=dataset, kind="pre_labeling", by=UserFactory.create(), model=loop.ready_model(), **chosen
    )
    auto_work.execute(task.pk)
    task.refresh_from_db()
    return task


def test_a_classifier_labels_through_the_mapping(dataset) -> None:
    task = pre_label(dataset, label_mapping=NAMES)
    assert (task.status, task.error, task.proposed) == (AutoLabelingStatus.SUCCEEDED, "", 40)
    found = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).prefetch_related("annotations__label")
    right = 0
    for sample in found:
        (claim,) = sample.annotations.all()
        assert claim.label.name == NAMES[sample.predicted_label]
        right += sample.predicted_label == sample.name[0]
    assert right >= 30
    prediction = Prediction.objects.filter(sample=found[0]).get()
    assert prediction.predictor == task.predictor
    assert prediction.output["predicted_label"] == found[0].predicted_label
    mining = Mining.objects.get(pk=task.mining_id)
    assert (mining.reference_count, mining.total) == (20, 40)
    assert HardReason.objects.filter(sample__dataset=dataset, sample__hard=True).exists()
    assert counters.check(dataset) == []


def test_where_labels_are_few_typical_images_come_first_and_from_five_on_hard_ones(dataset) -> None:
    task = pre_label(dataset, label_mapping=NAMES)
    images = list(dataset.samples.filter(status=Status.TO_BE_CONFIRMED).select_related("blob").order_by("id"))
    extractor = store.activations_extractor(task.model_sha256, task.activations_tensor)
    points = store.load([image.blob.sha256 for image in images], extractor, 1).vectors
    assert points is not None
    expected = [images[place].pk for place in typical(normalize(points), FIRST_BLOCK)]
    assert [image.pk for image in useful(dataset)[:FIRST_BLOCK]] == expected
    for place, label in enumerate(dataset.labels.all()):
        for number in range(5):
            data = loop.png(loop.digits()[0][1000 + 10 * place + number])
            AnnotationFactory(sample=kept(dataset, data, f"more-{place}-{number}", status="labeled"), label=label)
    bulk_review.reject_many(sample_ids=[image.pk for image in images], by=task.created_by)
    again = auto_labeling.start_auto_labeling(
        dataset=dataset,
        kind="pre_labeling",
        by=task.created_by,
        model=InferenceModel.objects.get(),
        label_mapping=NAMES,
    )
    auto_work.execute(again.pk)
    hardness = [sample.hard_coefficient for sample in useful(dataset)]
    assert hardness[:FIRST_BLOCK] == sorted(hardness[:FIRST_BLOCK], reverse=True)
    assert np.mean(hardness[:5]) > np.mean(hardness)


def useful(dataset: Dataset) -> list[Sample]:
    return list(dataset.samples.filter(status=Status.TO_BE_CONFIRMED).order_by("-usefulness", "-id"))


def test_activations_of_a_classifier_are_learned_from(dataset) -> None:
    Label.objects.filter(dataset=dataset).exclude(annotations__isnull=False).delete()
    few = [label for label in dataset.labels.all() if label.annotations.count() < 5]
    by = UserFactory.create()
    for place, label in enumerate(few):
        for number in range(5 - label.annotations.count()):
            digit = loop.digits()[0][1000 + 20 * place + number]
            sample = kept(dataset, loop.png(digit), f"more-{label.pk}-{number}.png", status="labeled")
            AnnotationFactory(sample=sample, label=label)
    task = auto_labeling.start_auto_labeling(dataset=dataset, kind="active_learning", by=by, model=loop.ready_model())
    auto_work.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.error, task.proposed) == (AutoLabelingStatus.SUCCEEDED, "", 40)
    assert Annotation.objects.filter(sample__dataset=dataset, origin="model").count() == 40


DETECTOR = {
    "task": "object_detection",
    "class_names": list(onnx_models.CLASSES),
    "input": {"name": "image", "width": onnx_models.SIDE, "height": onnx_models.SIDE},
    "output": {"kind": "boxes_scores_classes", "boxes": "boxes", "scores": "scores", "classes": "classes"},
}


def test_a_detector_labels_boxes() -> None:
    dataset = DetectionDatasetFactory.create(name="yards")
    labels = [LabelFactory.create(dataset=dataset, name=name) for name in onnx_models.CLASSES]
    for number in range(20):
        labeled = number < 12
        data = image_bytes(number, width=32, height=24)
        sample = kept(dataset, data, f"{number}.png", status="labeled" if labeled else "unlabeled")
        if labeled:
            BoxFactory(sample=sample, label=labels[0], xmin=2, ymin=3, xmax=12 + number % 5, ymax=15)
    data = onnx_models.detects([[1, 1, 4, 4], [2, 0, 8, 6]], [0.9, 0.52], [0, 1])
    model = registration.register_model(name="finder", data=data, by=None, profile=DETECTOR)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    task = auto_labeling.start_auto_labeling(dataset=dataset, kind="pre_labeling", by=UserFactory.create(), model=model)
    auto_work.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.error, task.proposed) == (AutoLabelingStatus.SUCCEEDED, "", 8)
    for sample in dataset.samples.filter(status=Status.TO_BE_CONFIRMED):
        first, second = sample.annotations.select_related("label").order_by("id")
        assert (first.label.name, first.xmin, first.ymin, first.xmax, first.ymax) == (
            onnx_models.CLASSES[0],
            4,
            3,
            16,
            12,
        )
        assert round(second.confidence, 2) == 0.52
        assert second.hard_coefficient > first.hard_coefficient
        assert (sample.predicted_label, round(sample.confidence or 0, 2)) == (onnx_models.CLASSES[0], 0.9)
    assert task.mining is not None
    assert task.mining.reference_count == 12
    assert counters.check(dataset) == []
