"""Leases and auto labeling."""

from datetime import timedelta

import factory
from django.utils import timezone

from labeling.models import AutoLabelingItem, AutoLabelingTask, LabelingSimulation, ReviewLease, ReviewTask
from tests.factories.base import Factory, UserFactory
from tests.factories.datasets import DatasetFactory, SampleFactory


class ReviewLeaseFactory(Factory):
    class Meta:
        model = ReviewLease

    sample = factory.SubFactory(SampleFactory)
    reviewer = factory.SubFactory(UserFactory)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=15))


class ReviewTaskFactory(Factory):
    class Meta:
        model = ReviewTask

    dataset = factory.SubFactory(DatasetFactory)
    verb = ReviewTask.Verb.CONFIRM
    chosen = b""
    total = 0
    batch = factory.Sequence(lambda number: f"{number:032x}")
    created_by = factory.SubFactory(UserFactory)


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
    position = factory.Sequence(int)
    sample = factory.SubFactory(SampleFactory, dataset=factory.SelfAttribute("..task.dataset"))


class LabelingSimulationFactory(Factory):
    class Meta:
        model = LabelingSimulation

    dataset = factory.SubFactory(DatasetFactory)
    seeds = 2
    most_labels = 40
    created_by = factory.SubFactory(UserFactory)
