"""A model that work on a dataset goes by is not deleted before that has ended: its file would be gone."""

import pytest
from django.test import Client
from django.urls import reverse

from batchservices import registration
from batchservices.models import InferenceModel
from config.refusals import Refused
from labeling import auto_grouping, auto_labeling, simulating
from labeling.models import LabelingSimulation
from tests.factories import DatasetFactory, InferenceModelFactory, SampleFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> InferenceModel:
    return InferenceModelFactory.create(activations_tensor="inner")


def test_auto_grouping_keeps_its_model_until_it_ends(model: InferenceModel, client: Client) -> None:
    dataset, ann = DatasetFactory.create(name="pets"), StaffFactory.create()
    SampleFactory.create_batch(4, dataset=dataset)
    task = auto_grouping.start_auto_grouping(dataset=dataset, attribute="group", by=ann, model=model)
    words = "work under way goes by it: Auto grouping of pets. Wait until that has ended, or stop it."
    with pytest.raises(Refused, match=words) as refusal:
        registration.delete_model(model=model, by=ann)
    assert (refusal.value.code, refusal.value.status) == ("in_use", 409)
    client.force_login(ann)
    address = reverse("admin:batchservices_inferencemodel_delete", args=[model.pk])
    assert words in client.post(address, {"post": "yes"}, follow=True).content.decode()
    assert InferenceModel.objects.get() == model

    auto_labeling.stop(task=task, by=ann)
    assert task.model_name == str(model)
    registration.delete_model(model=model, by=ann)
    assert not InferenceModel.objects.exists()


def test_a_simulation_keeps_its_model_until_it_ends(model: InferenceModel) -> None:
    ann = StaffFactory.create()
    frozen = auto_labeling.frozen_model(model)
    simulation = LabelingSimulation.objects.create(
        dataset=DatasetFactory.create(name="pets"), seeds=1, most_labels=10, created_by=ann, **frozen
    )
    with pytest.raises(Refused, match="goes by it: Simulation of labeling pets"):
        registration.delete_model(model=model, by=ann)
    simulating.stop(simulation=simulation, by=ann)
    registration.delete_model(model=model, by=ann)
    assert not InferenceModel.objects.exists()


def test_of_many_works_the_first_are_named(model: InferenceModel) -> None:
    ann = StaffFactory.create()
    for number in range(7):
        dataset = DatasetFactory.create(name=f"pets {number}")
        SampleFactory.create_batch(4, dataset=dataset)
        auto_grouping.start_auto_grouping(dataset=dataset, attribute="group", by=ann, model=model)
    with pytest.raises(Refused, match=r"Auto grouping of pets 0, .*pets 4 and others\. Wait"):
        registration.delete_model(model=model, by=ann)
