"""Classes of a model and labels of a dataset, in a table."""

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from batchservices import mapping
from batchservices.mapping import mapping_said, mapping_table
from tests.batchservices.pages import SERVICE, read
from tests.factories import DatasetFactory, DetectionDatasetFactory, InferenceModelFactory, LabelFactory

pytestmark = pytest.mark.django_db


def test_classes_without_a_label_stand_first_and_are_counted() -> None:
    dataset, model = DatasetFactory.create(), InferenceModelFactory.create(class_names=["cat", "cow", "dog"])
    for name in ("cat", "hound", "dog"):
        LabelFactory.create(dataset=dataset, name=name)
    table = mapping_table(model, dataset, {"dog": "hound", "cat": "gone since"})
    assert [(row.name, row.label) for row in table.rows] == [("cat", ""), ("cow", ""), ("dog", "hound")]
    assert (table.unmapped, list(table.labels)) == (2, ["cat", "dog", "hound"])


def test_what_was_chosen_for_another_model_is_not_read() -> None:
    model = InferenceModelFactory.create()
    said = QueryDict(mutable=True)
    said.update({"label-0": " Katze ", "label-1": "", "mapped_model": str(model.pk)})
    assert mapping_said(said, model) == {"cat": "Katze"}
    assert mapping_said(said, InferenceModelFactory.create()) == {}


def test_a_table_too_large_for_selects_offers_the_labels_while_writing(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "MOST_OPTIONS", 3)
    dataset, model = DatasetFactory.create(), InferenceModelFactory.create()
    for name in ("cat", "Hund"):
        LabelFactory.create(dataset=dataset, name=name)
    text = read(staff, reverse(f"{SERVICE}_mapping"), model=model.pk, dataset=dataset.pk)
    assert '<datalist id="mapping-labels">' in text
    assert "<select" not in text


def test_the_table_follows_the_choices_of_the_form(staff: Client) -> None:
    dataset, model = DatasetFactory.create(), InferenceModelFactory.create()
    LabelFactory.create(dataset=dataset, name="cat")
    address = reverse(f"{SERVICE}_mapping")
    text = read(staff, address, model=model.pk, dataset=dataset.pk)
    assert '<option value="cat" selected>' in text
    assert "1 class of" in text
    assert "<html" not in text
    boxes = DetectionDatasetFactory.create()
    for query in ({}, {"model": model.pk, "dataset": boxes.pk}, {"model": "x", "dataset": "9" * 40}):
        assert "Choose the model and an existing dataset" in read(staff, address, **query)
