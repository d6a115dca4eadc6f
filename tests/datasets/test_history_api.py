"""History, undo, relabeling and deletion through the REST API."""

import pytest
from rest_framework.test import APIClient

from datasets import bulk_review, review
from datasets.models import Dataset, ReviewEvent, Sample, Status
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory, UserFactory
from tests.programs import program

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    """Three samples that are To Be Confirmed as cats."""
    made = DatasetFactory()
    cat = LabelFactory(dataset=made, name="cat")
    LabelFactory(dataset=made, name="dog")
    for _ in range(3):
        AnnotationFactory(sample=SampleFactory(dataset=made, status="to_be_confirmed"), label=cat)
    return made


@pytest.fixture
def client() -> APIClient:
    return program("datasets.view_reviewevent", "datasets.confirm_sample", "datasets.delete_sample")


def test_what_was_decided_is_listed_the_latest_first(client, dataset):
    batch = bulk_review.confirm_many(sample_ids=dataset.samples.all(), by=UserFactory()).batch
    first = dataset.samples.earliest("id")
    review.reject(sample_id=first.pk, by=UserFactory(username="bob"))
    rows = client.get(f"/api/v1/datasets/{dataset.pk}/events/").json()["results"]
    assert (len(rows), rows[0]["verb"], rows[0]["by"]) == (4, "reject", "bob")
    assert rows[0]["before"]["claims"][0]["label"] == "cat"
    assert len(client.get(f"/api/v1/datasets/{dataset.pk}/events/?batch={batch}").json()["results"]) == 3
    of_one = client.get(f"/api/v1/datasets/{dataset.pk}/events/?sample={first.pk}&verb=confirm").json()["results"]
    assert [row["sample"] for row in of_one] == [first.pk]


def test_a_decision_is_taken_back_and_done_again(client, dataset):
    sample = dataset.samples.earliest("id")
    event = review.reject(sample_id=sample.pk, by=UserFactory())
    undone = client.post(f"/api/v1/events/{event.pk}/undo/").json()
    assert (undone["verb"], undone["undoes"]) == ("undo", event.pk)
    sample.refresh_from_db()
    assert sample.status == Status.TO_BE_CONFIRMED
    again = client.post(f"/api/v1/events/{event.pk}/undo/")
    assert (again.status_code, again.json()["code"]) == (409, "undone_already")
    assert client.post(f"/api/v1/events/{undone['id']}/undo/").json()["verb"] == "reject"


def test_a_batch_is_taken_back_within_its_dataset(client, dataset):
    batch = bulk_review.confirm_many(sample_ids=dataset.samples.all(), by=UserFactory()).batch
    elsewhere = client.post(f"/api/v1/datasets/{DatasetFactory().pk}/undo/", {"batch": batch}, format="json")
    assert elsewhere.status_code == 404
    done = client.post(f"/api/v1/datasets/{dataset.pk}/undo/", {"batch": batch}, format="json").json()
    assert (done["changed"], done["passed_over"], done["overtaken"]) == (3, 0, 0)
    assert not dataset.samples.filter(status=Status.LABELED).exists()


def test_a_batch_is_not_done_again_by_a_request_whose_answer_was_lost(client, dataset):
    batch = bulk_review.confirm_many(sample_ids=dataset.samples.all(), by=UserFactory()).batch
    address, key = f"/api/v1/datasets/{dataset.pk}/undo/", {"Idempotency-Key": "undo 1"}
    first = client.post(address, {"batch": batch}, format="json", headers=key)
    assert client.post(address, {"batch": batch}, format="json", headers=key).json() == first.json()
    assert not dataset.samples.filter(status=Status.LABELED).exists()


def test_labels_are_corrected_without_moving(client, dataset):
    sample = dataset.samples.earliest("id")
    body = {"version": sample.version, "annotations": [{"label": "dog"}]}
    answer = client.post(f"/api/v1/samples/{sample.pk}/relabel/", body, format="json").json()
    assert (answer["status"], answer["annotations"][0]["label"]) == ("to_be_confirmed", "dog")
    stale = client.post(f"/api/v1/samples/{sample.pk}/relabel/", body, format="json")
    assert stale.status_code == 412


def test_samples_are_deleted_and_their_history_stays(client, dataset):
    first, second, _ = dataset.samples.order_by("id")
    asked = {"ids": [first.pk, second.pk]}
    done = client.post(f"/api/v1/datasets/{dataset.pk}/delete_samples/", asked, format="json").json()
    assert done["changed"] == 2
    assert Sample.objects.count() == 1
    assert ReviewEvent.objects.filter(verb="delete", sample=None).count() == 2
    foreign = {"ids": [SampleFactory().pk]}
    answer = client.post(f"/api/v1/datasets/{dataset.pk}/delete_samples/", foreign, format="json")
    assert answer.status_code == 404


def test_each_verb_asks_for_its_right(dataset):
    client = program()
    event = review.reject(sample_id=dataset.samples.earliest("id").pk, by=UserFactory())
    assert client.get(f"/api/v1/datasets/{dataset.pk}/events/").status_code == 403
    assert client.post(f"/api/v1/events/{event.pk}/undo/").status_code == 403
    assert client.post(f"/api/v1/datasets/{dataset.pk}/undo/", {"batch": "x"}, format="json").status_code == 403
    assert client.post(f"/api/v1/datasets/{dataset.pk}/delete_samples/", {"ids": [1]}, format="json").status_code == 403
