"""Datasets, samples and what is said about them: rows that could have come from the verbs, counters included."""

import hashlib
import io
from typing import Any

import factory
from PIL import Image

from datasets import counters
from datasets.models import (
    Annotation,
    AttributeValue,
    Blob,
    Dataset,
    DatasetVersion,
    ExportTask,
    HardReason,
    HardSetBy,
    Hold,
    ImportProblem,
    ImportTask,
    Label,
    LabelingJob,
    Outcome,
    Prediction,
    ReviewEvent,
    Sample,
    SampleAttribute,
    SampleCount,
    SampleName,
    Task,
    Verb,
)
from tests.factories.base import Factory, UserFactory


def image_bytes(number: int = 0, *, width: int = 32, height: int = 24, format: str = "PNG") -> bytes:
    """A small image; other numbers give other bytes."""
    color = number % 256, number // 256 % 256, number // 65536 % 256
    image = Image.new("RGB", (width, height), color)
    image.putpixel((width - 1, height - 1), tuple(255 - value for value in color))
    stream = io.BytesIO()
    image.save(stream, format)
    return stream.getvalue()


class DatasetFactory(Factory):
    """With its counters and its default labeling job, as `datasets.creation` makes it."""

    class Meta:
        model = Dataset

    name = factory.Sequence(lambda number: f"dataset {number}")
    task = Task.IMAGE_CLASSIFICATION
    created_by = factory.SubFactory(UserFactory)

    @classmethod
    def _create(cls, model_class: type[Dataset], *args: Any, **kwargs: Any) -> Dataset:
        dataset = super()._create(model_class, *args, **kwargs)
        SampleCount.objects.bulk_create(
            SampleCount(dataset=dataset, status=status, hard=hard) for status, hard in counters.KINDS
        )
        LabelingJob.objects.create(dataset=dataset, name=dataset.name, is_default=True, created_by=dataset.created_by)
        return dataset


class DetectionDatasetFactory(DatasetFactory):
    task = Task.OBJECT_DETECTION


class LabelFactory(Factory):
    class Meta:
        model = Label

    dataset = factory.SubFactory(DatasetFactory)
    name = factory.Sequence(lambda number: f"label {number}")


class LabelingJobFactory(Factory):
    class Meta:
        model = LabelingJob

    dataset = factory.SubFactory(DatasetFactory)
    name = factory.Sequence(lambda number: f"job {number}")
    created_by = factory.SubFactory(UserFactory)


class HoldFactory(Factory):
    class Meta:
        model = Hold

    dataset = factory.SubFactory(DatasetFactory)
    key = factory.Sequence(lambda number: f"hold-{number}")
    kind = "run"
    words = "A batch service fills it."


class BlobFactory(Factory):
    """A row without bytes; `tests.factories.image_bytes` and `datasets.blobs.keep` make those."""

    class Meta:
        model = Blob

    sha256 = factory.Sequence(lambda number: hashlib.sha256(f"blob {number}".encode()).hexdigest())
    size = 1234
    width = 640
    height = 480
    format = "JPEG"


class SampleFactory(Factory):
    """A sample with its name, counted in its dataset."""

    class Meta:
        model = Sample

    dataset = factory.SubFactory(DatasetFactory)
    blob = factory.SubFactory(BlobFactory)
    name = factory.Sequence(lambda number: f"image {number:05}.jpg")
    source = factory.LazyAttribute(lambda sample: f"inputs:{sample.name}")
    hard_set_by = factory.LazyAttribute(lambda sample: HardSetBy.RULES if sample.hard else "")
    hard = False

    @classmethod
    def _create(cls, model_class: type[Sample], *args: Any, **kwargs: Any) -> Sample:
        sample = super()._create(model_class, *args, **kwargs)
        SampleName.objects.create(sample=sample, name=sample.name, source=sample.source)
        counters.shift(dataset_id=sample.dataset_id, deltas={(sample.status, sample.hard): 1})
        return sample


class SampleNameFactory(Factory):
    class Meta:
        model = SampleName

    sample = factory.SubFactory(SampleFactory)
    name = factory.Sequence(lambda number: f"again {number}.jpg")
    source = factory.LazyAttribute(lambda name: f"inputs:{name.name}")


class AnnotationFactory(Factory):
    """A label on a whole sample."""

    class Meta:
        model = Annotation

    sample = factory.SubFactory(SampleFactory)
    label = factory.SubFactory(LabelFactory, dataset=factory.SelfAttribute("..sample.dataset"))
    origin = Annotation.By.HUMAN


class BoxFactory(AnnotationFactory):
    """A label on a box."""

    sample = factory.SubFactory(SampleFactory, dataset=factory.SubFactory(DetectionDatasetFactory))
    xmin = 10.0
    ymin = 20.0
    xmax = 110.0
    ymax = 220.0


class PredictionFactory(Factory):
    class Meta:
        model = Prediction

    sample = factory.SubFactory(SampleFactory)
    predictor = factory.Sequence(lambda number: f"{number:064x}:{number:064x}")
    model_name = "model 1"
    predicted_label = "cat"
    confidence = 0.5
    output = factory.LazyAttribute(
        lambda prediction: {
            "predicted_label": prediction.predicted_label,
            "scores": [[prediction.predicted_label, f"{prediction.confidence:.3f}"]],
        }
    )


class HardReasonFactory(Factory):
    class Meta:
        model = HardReason

    sample = factory.SubFactory(SampleFactory)
    code = 1
    rule = "low_confidence"
    score = 0.9
    measured = 0.05
    normal_low = 0.4
    normal_high = 1.0
    sentence = "The two likeliest labels are 0.05 apart; in the training set 0.40 to 1.00 is normal."


class ReviewEventFactory(Factory):
    class Meta:
        model = ReviewEvent

    sample = factory.SubFactory(SampleFactory)
    dataset = factory.SelfAttribute("sample.dataset")
    sample_name = factory.SelfAttribute("sample.name")
    by = factory.SubFactory(UserFactory)
    verb = Verb.CONFIRM
    outcome = Outcome.UNCHANGED
    before = factory.LazyFunction(lambda: {"status": "to_be_confirmed", "hard": False, "claims": []})
    after = factory.LazyFunction(lambda: {"status": "labeled", "hard": False, "claims": []})


class DatasetVersionFactory(Factory):
    class Meta:
        model = DatasetVersion

    dataset = factory.SubFactory(DatasetFactory)
    name = factory.Sequence(lambda number: f"V{number:03}")
    created_by = factory.SubFactory(UserFactory)


class ImportTaskFactory(Factory):
    class Meta:
        model = ImportTask

    dataset = factory.SubFactory(DatasetFactory)
    location = "inputs:street"
    created_by = factory.SubFactory(UserFactory)


class ImportProblemFactory(Factory):
    class Meta:
        model = ImportProblem

    task = factory.SubFactory(ImportTaskFactory)
    file = "half.jpg"
    code = "truncated_image"
    message = "The image is cut off: its end is missing."


class ExportTaskFactory(Factory):
    class Meta:
        model = ExportTask

    dataset = factory.SubFactory(DatasetFactory)
    location = "outputs:export"
    created_by = factory.SubFactory(UserFactory)


class AttributeValueFactory(Factory):
    class Meta:
        model = AttributeValue

    dataset = factory.SubFactory(DatasetFactory)
    name = "group"
    value = factory.Sequence(str)


class SampleAttributeFactory(Factory):
    class Meta:
        model = SampleAttribute

    sample = factory.SubFactory(SampleFactory)
    value = factory.SubFactory(AttributeValueFactory, dataset=factory.SelfAttribute("..sample.dataset"))
    name = factory.SelfAttribute("value.name")
