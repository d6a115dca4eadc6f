"""Find similar data: from the sample page, the grid or a mining; found in a dataset or among the inputs of a run."""

import hashlib

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from batchservices.models import BatchRun, CollectionTask
from datasets.models import Dataset, Sample
from hardexamples.features import VERSION
from hardexamples.models import Features
from tests import loop
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    BlobFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    InferenceModelFactory,
    MiningItemFactory,
    RunItemFactory,
    SampleFactory,
    StaffFactory,
)
from tests.labeling.conftest import rights
from tests.programs import program

pytestmark = pytest.mark.django_db

PAGE = "/admin/labeling/similar/"


def measured(sha256: str, seed: int) -> str:
    vector = np.random.default_rng(0).standard_normal(412) + seed * np.random.default_rng(seed).standard_normal(412) / 4
    Features.objects.create(sha256=sha256, extractor="hardmine", version=VERSION, vector=vector.astype("<f2").tobytes())
    return sha256


@pytest.fixture
def sample() -> Sample:
    """A measured sample of a dataset with another that looks like it."""
    dataset = DatasetFactory.create(name="night")
    blob = BlobFactory.create(sha256=measured(hashlib.sha256(b"0").hexdigest(), 0))
    other = BlobFactory.create(sha256=measured(hashlib.sha256(b"1").hexdigest(), 1))
    SampleFactory.create(dataset=dataset, blob=other, name="like it.png")
    return SampleFactory.create(dataset=dataset, blob=blob)


@pytest.fixture
def run(sample: Sample) -> BatchRun:
    """A run with one input that nobody has, one that the dataset has, and one that was changed since."""
    model = InferenceModelFactory.create()
    run = BatchRunFactory.create(service=BatchServiceFactory.create(model=model), done=3)
    data = loop.png(loop.digits()[0][0])
    loop.put("inputs:street/new.png", data)
    loop.put("inputs:street/changed.png", b"something else")
    fresh = measured(hashlib.sha256(data).hexdigest(), 2)
    RunItemFactory.create(run=run, position=0, name="new.png", location="inputs:street/new.png", sha256=fresh)
    there = hashlib.sha256(b"1").hexdigest()
    RunItemFactory.create(run=run, position=1, name="there.png", sha256=there)
    changed = measured(hashlib.sha256(b"2").hexdigest(), 3)
    RunItemFactory.create(run=run, position=2, location="inputs:street/changed.png", sha256=changed)
    return run


@pytest.fixture
def client(reviewer) -> Client:
    reviewer.user_permissions.add(*rights("batchservices.view_batchrun"))
    client = Client()
    client.force_login(reviewer)
    return client


def read(client: Client, **query: object) -> str:
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_sample_page_and_the_grid_lead_to_it(client: Client, sample: Sample) -> None:
    job = sample.dataset.labeling_jobs.get()
    page = client.get(reverse("labeling:sample", args=[job.pk, sample.pk])).content.decode()
    assert f"{PAGE}?samples={sample.pk}" in page
    selected = {"samples": f"{sample.pk}:1 {sample.pk + 0}:1"}
    answer = client.post(reverse("labeling:similar_to_selection", args=[job.pk]), selected)
    assert answer.headers["Location"] == f"{PAGE}?samples={sample.pk}.{sample.pk}"
    answer = client.post(
        reverse("labeling:similar_to_selection", args=[job.pk]), {"samples": "1:1 " * 101}, follow=True
    )
    assert "Select 1 to 100 images" in answer.content.decode()


def test_a_dataset_is_looked_through_and_labeled_ones_are_added(client: Client, sample: Sample) -> None:
    target = DatasetFactory.create(name="training")
    like = Sample.objects.get(name="like it.png")
    html = read(client, samples=sample.pk, among=f"dataset:{sample.dataset_id}")
    assert "like it.png" in html
    assert "of 2 measured images" in html
    address = f"{PAGE}?samples={sample.pk}&among=dataset:{sample.dataset_id}"
    said = client.post(address, {"chosen": [like.pk], "target": target.pk}, follow=True).content.decode()
    assert "1 are not Labeled yet" in said
    Sample.objects.filter(pk=like.pk).update(status="labeled")
    client.post(address, {"chosen": [like.pk], "target": target.pk})
    assert [each.blob for each in target.samples.all()] == [like.blob]


def test_an_image_that_was_not_measured_says_so_and_is_no_mistake(client: Client, sample: Sample) -> None:
    new = SampleFactory.create(dataset=sample.dataset)
    assert "Nothing was measured of these images yet" in read(client, samples=new.pk)


def test_inputs_of_a_run_are_found_shown_and_brought(client: Client, sample: Sample, run: BatchRun) -> None:
    html = read(client, samples=sample.pk, among=f"run:{run.pk}")
    assert html.index("in <bdi>night</bdi> · <bdi>there.png") < html.index("not yet in <bdi>night</bdi> · <bdi>new.png")
    address = f"{PAGE}?samples={sample.pk}&among=run:{run.pk}"
    client.post(address, {"chosen": ["0"], "target": sample.dataset_id})
    task = loop.collect(CollectionTask.objects.get(kind="chosen"))
    assert (task.status, task.added, task.words) == (
        "dataset_imported", 1, "1 images added, 0 already there.",
    )  # fmt: skip
    brought = Sample.objects.get(dataset=sample.dataset, name="new.png")
    assert (brought.status, brought.hard, brought.predicted_label) == ("unlabeled", False, "cat")
    assert brought.predictions.count() == 1


def test_pictures_of_inputs_are_those_that_were_predicted(client: Client, run: BatchRun, outsider: Client) -> None:
    shown = client.get(reverse("labeling:input_picture", args=[run.pk, 0]))
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/png")
    assert shown["Content-Security-Policy"].startswith("sandbox")
    for position in (2, 7):
        assert client.get(reverse("labeling:input_picture", args=[run.pk, position])).status_code == 404
    assert outsider.get(reverse("labeling:input_picture", args=[run.pk, 0])).status_code == 403


def test_an_image_of_a_mining_is_asked_for_by_its_position(sample: Sample, run: BatchRun) -> None:
    item = MiningItemFactory.create(position=4, sha256=sample.blob.sha256)
    client = Client()
    client.force_login(StaffFactory.create())
    assert "there.png" in read(client, mining=item.mining_id, position=4, among=f"run:{run.pk}")


@pytest.mark.parametrize(
    "query",
    [
        {}, {"samples": "x"}, {"samples": "9" * 30}, {"samples": "999999"}, {"samples": "1." * 200},
        {"samples": "-1"}, {"samples": "1", "among": "run:x"},
    ],
)  # fmt: skip
def test_addresses_that_make_no_sense_are_refused_in_words(client: Client, query: dict) -> None:
    answer = client.get(PAGE, query)
    assert answer.status_code == 400
    assert b'role="alert"' in answer.content


def test_what_is_not_of_the_run_or_of_another_type_is_not_added(client: Client, sample: Sample, run: BatchRun) -> None:
    address = f"{PAGE}?samples={sample.pk}&among=run:{run.pk}"
    boxes = DetectionDatasetFactory.create()
    for chosen, target in ((["99"], sample.dataset_id), ([], sample.dataset_id), (["0"], boxes.pk), (["0"], "x")):
        assert client.post(address, {"chosen": chosen, "target": target}).status_code == 400
    assert not CollectionTask.objects.exists()
    foreign = SampleFactory.create(status="labeled")
    target = DatasetFactory.create()
    inside = f"{PAGE}?samples={sample.pk}&among=dataset:{sample.dataset_id}"
    client.post(inside, {"chosen": [foreign.pk], "target": target.pk})
    assert not target.samples.exists()


def test_who_may_not_add_or_see_runs_cannot(reviewer, sample: Sample, run: BatchRun, outsider: Client) -> None:
    reviewer.user_permissions.set(rights("datasets.view_sample"))
    client = Client()
    client.force_login(reviewer)
    assert client.get(PAGE, {"samples": sample.pk, "among": f"run:{run.pk}"}).status_code == 404
    inside = f"{PAGE}?samples={sample.pk}&among=dataset:{sample.dataset_id}"
    assert client.post(inside, {"chosen": [sample.pk], "target": sample.dataset_id}).status_code == 403
    assert outsider.get(PAGE, {"samples": sample.pk}).status_code == 403


def test_programs_find_and_bring(sample: Sample, run: BatchRun) -> None:
    client = program("datasets.view_sample", "batchservices.view_batchrun", "datasets.add_to_dataset")
    dataset: Dataset = sample.dataset
    answer = client.post(
        "/api/v1/similar/", {"samples": [sample.pk], "run": run.pk, "target": dataset.pk}, format="json"
    )
    found = answer.json()["found"]
    assert [(each["position"], each["there"]) for each in found] == [(1, True), (0, False), (2, False)]
    by_bytes = {"sha256s": [sample.blob.sha256], "dataset": dataset.pk}
    assert client.post("/api/v1/similar/", by_bytes, format="json").json()["compared"] == 2
    said = {"positions": [0], "dataset": dataset.pk}
    brought = client.post(f"/api/v1/runs/{run.pk}/add_to_dataset/", said, format="json")
    assert (brought.status_code, brought.json()["kind"], brought.json()["total"]) == (202, "chosen", None)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400), ({"samples": [1], "dataset": 1, "run": 1}, 400), ({"sha256s": ["x"]}, 400),
        ({"samples": [2**63]}, 400), ({"samples": [1], "most": 0}, 400), ({"samples": ["nan"]}, 400),
        ({"samples": [999], "dataset": 0}, 400),
    ],
)  # fmt: skip
def test_programs_are_told_what_makes_no_sense(said: dict, status: int, sample: Sample) -> None:
    client = program("datasets.view_sample")
    assert client.post("/api/v1/similar/", said, format="json").status_code == status
    foreign = client.post("/api/v1/similar/", {"samples": [10**9], "dataset": sample.dataset_id}, format="json")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "sample_not_found")


def test_programs_need_the_permissions(sample: Sample, run: BatchRun) -> None:
    sees = program("datasets.view_sample")
    asked = {"samples": [sample.pk], "run": run.pk}
    assert sees.post("/api/v1/similar/", asked, format="json").status_code == 403
    assert program().post("/api/v1/similar/", asked, format="json").status_code == 403
    said = {"positions": [0], "dataset": sample.dataset_id}
    assert sees.post(f"/api/v1/runs/{run.pk}/add_to_dataset/", said, format="json").status_code == 403
