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
    words = "Auto grouping of pets goes by it. Wait until that has ended, or stop it."
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
    with pytest.raises(Refused, match="Simulation of labeling pets goes by it"):
        registration.delete_model(model=model, by=ann)
    simulating.stop(simulation=simulation, by=ann)
    registration.delete_model(model=model, by=ann)
    assert not InferenceModel.objects.exists()
