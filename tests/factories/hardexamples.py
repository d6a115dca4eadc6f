"""Features, filters and minings."""

import hashlib

import factory

from datasets.models import (
    Task,
)
from hardexamples.models import Features, HardExampleFilter, Mining, MiningItem
from tests.factories.base import Factory


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
