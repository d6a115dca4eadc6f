"""Test data for every model: each factory makes a row that could have come from the verbs, counters included."""

import hashlib
import io
from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.utils import timezone
from PIL import Image

from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionTask,
    InferenceModel,
    ItemStatus,
    ModelStatus,
    RunItem,
    RunStatus,
)
from datasets import counters
from datasets.models import (
    Annotation,
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
    SampleCount,
    SampleName,
    Task,
    Verb,
)
from hardexamples.models import Features, HardExampleFilter, Mining, MiningItem
from labeling.models import AutoLabelingItem, AutoLabelingTask, ReviewLease


def image_bytes(number: int = 0, *, width: int = 32, height: int = 24, format: str = "PNG") -> bytes:  # noqa: A002
    """A small image; other numbers give other bytes."""
    color = number % 256, number // 256 % 256, number // 65536 % 256
    image = Image.new("RGB", (width, height), color)
    image.putpixel((width - 1, height - 1), tuple(255 - value for value in color))
    stream = io.BytesIO()
    image.save(stream, format)
    return stream.getvalue()


class Factory(factory.django.DjangoModelFactory):
    """The base: no second save after creation."""

    class Meta:
        abstract = True
        skip_postgeneration_save = True


class UserFactory(Factory):
    class Meta:
        model = get_user_model()
        django_get_or_create = ("username",)

    username = factory.Sequence(lambda number: f"person{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password("correct horse battery staple")


class StaffFactory(UserFactory):
    """An administrator."""

    is_staff = True
    is_superuser = True


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


class FeaturesFactory(Factory):
    class Meta:
        model = Features

    sha256 = factory.Sequence(lambda number: hashlib.sha256(f"features {number}".encode()).hexdigest())
    extractor = "hardmine"


class HardExampleFilterFactory(Factory):
    class Meta:
        model = HardExampleFilter

    name = factory.Sequence(lambda number: f"filter {number}")
    comprehensive_algo_config = "predict_score_mining:1.0000"
    algo_hard_threshold = 0.5


class MiningFactory(Factory):
    class Meta:
        model = Mining

    filter = factory.SubFactory(HardExampleFilterFactory)
    subject = factory.Sequence(lambda number: f"batch run {number}")
    task = Task.IMAGE_CLASSIFICATION
    settings = factory.Dict({})
    fusion_version = 1


class MiningItemFactory(Factory):
    class Meta:
        model = MiningItem

    mining = factory.SubFactory(MiningFactory)
    position = factory.Sequence(int)
    sha256 = factory.Sequence(lambda number: hashlib.sha256(f"mined {number}".encode()).hexdigest())


class InferenceModelFactory(Factory):
    """A model that is ready."""

    class Meta:
        model = InferenceModel

    name = factory.Sequence(lambda number: f"model {number}")
    task = Task.IMAGE_CLASSIFICATION
    sha256 = factory.Sequence(lambda number: hashlib.sha256(f"model {number}".encode()).hexdigest())
    size = 1000
    class_names = factory.LazyFunction(lambda: ["cat", "dog"])
    status = ModelStatus.READY


class BatchServiceFactory(Factory):
    class Meta:
        model = BatchService

    name = factory.Sequence(lambda number: f"service {number}")
    model = factory.SubFactory(InferenceModelFactory)
    input_location = "inputs:street"
    output_location = "outputs:street"


class FilteringServiceFactory(BatchServiceFactory):
    """A service with hard example filtering on."""

    filtering = True
    filter = factory.SubFactory(HardExampleFilterFactory)
    output_dataset = factory.SubFactory(DatasetFactory)


class BatchRunFactory(Factory):
    class Meta:
        model = BatchRun

    service = factory.SubFactory(BatchServiceFactory)
    model = factory.SelfAttribute("service.model")
    status = RunStatus.FINISHED
    input_location = factory.SelfAttribute("service.input_location")
    output_location = factory.SelfAttribute("service.output_location")
    model_sha256 = factory.SelfAttribute("model.sha256")
    profile = factory.SelfAttribute("model.profile")
    predictor = factory.LazyAttribute(lambda run: f"{run.model.sha256}:{0:064x}")
    filtering = factory.SelfAttribute("service.filtering")


class RunItemFactory(Factory):
    """An input that was predicted."""

    class Meta:
        model = RunItem

    run = factory.SubFactory(BatchRunFactory)
    position = factory.Sequence(int)
    name = factory.LazyAttribute(lambda item: f"image {item.position:05}.jpg")
    location = factory.LazyAttribute(lambda item: f"inputs:street/{item.name}")
    status = ItemStatus.DONE
    sha256 = factory.Sequence(lambda number: hashlib.sha256(f"input {number}".encode()).hexdigest())
    width = 640
    height = 480
    predicted_label = "cat"
    confidence = 0.5
    prediction = factory.LazyFunction(
        lambda: {"predicted_label": "cat", "scores": [["cat", "0.500"], ["dog", "0.500"]]}
    )


class CollectionTaskFactory(Factory):
    class Meta:
        model = CollectionTask

    kind = CollectionKind.SYNCHRONIZE
    service = factory.SubFactory(BatchServiceFactory)
    dataset = factory.SubFactory(DatasetFactory)
    input_location = factory.SelfAttribute("service.input_location")


class ReviewLeaseFactory(Factory):
    class Meta:
        model = ReviewLease

    sample = factory.SubFactory(SampleFactory)
    reviewer = factory.SubFactory(UserFactory)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=15))


class AutoLabelingTaskFactory(Factory):
    class Meta:
        model = AutoLabelingTask

    dataset = factory.SubFactory(DatasetFactory)
    kind = AutoLabelingTask.Kind.ACTIVE_LEARNING
    created_by = factory.SubFactory(UserFactory)


class AutoLabelingItemFactory(Factory):
    class Meta:
        model = AutoLabelingItem

    task = factory.SubFactory(AutoLabelingTaskFactory)
    sample = factory.SubFactory(SampleFactory, dataset=factory.SelfAttribute("..task.dataset"))
