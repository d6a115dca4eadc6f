"""Models, batch services, runs and collections."""

import hashlib

import factory

from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionTask,
    InferenceModel,
    ItemStatus,
    ModelSample,
    ModelStatus,
    RunItem,
    RunStatus,
)
from datasets.models import (
    Task,
)
from tests.factories.base import Factory
from tests.factories.datasets import (
    DatasetFactory,
)
from tests.factories.hardexamples import HardExampleFilterFactory


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


class ModelSampleFactory(Factory):
    """An image that a model was tried on, and its answer."""

    class Meta:
        model = ModelSample

    model = factory.SubFactory(InferenceModelFactory)
    position = factory.Sequence(lambda number: number)
    name = "street_0412.jpg"
    location = "inputs:street/street_0412.jpg"
    width = 64
    height = 48
    picture = b"a small JPEG"
    prediction = factory.LazyFunction(lambda: {"predicted_label": "cat", "scores": [["cat", "0.93"], ["dog", "0.07"]]})
    seconds = 0.02


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
