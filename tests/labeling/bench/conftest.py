"""What the doors of the bench are tried on."""

import pytest
from django.test import Client

from datasets.models import Dataset, Sample, Status
from tests.factories import (
    BoxFactory,
    DetectionDatasetFactory,
    LabelFactory,
    SampleFactory,
)
from tests.labeling.bench.doors import flagged, named_digits, person


@pytest.fixture
def dataset(db) -> Dataset:
    return named_digits()


@pytest.fixture
def waiting(dataset) -> list[Sample]:
    """Three samples that the model calls one, the hardest first."""
    return [flagged(dataset, coefficient) for coefficient in (0.9, 0.6, 0.3)]


@pytest.fixture
def yard(db) -> Sample:
    """A picture of 640 × 480 with a cat."""
    dataset = DetectionDatasetFactory(name="yards")
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard_coefficient=0.5)
    cat = LabelFactory(dataset=dataset, name="cat")
    LabelFactory(dataset=dataset, name="dog")
    BoxFactory(sample=sample, label=cat, origin="model", confidence=0.4, xmin=10.1, ymin=20.2, xmax=110.3, ymax=220.4)
    return sample


@pytest.fixture
def fred(db) -> Client:
    return person("fred")
