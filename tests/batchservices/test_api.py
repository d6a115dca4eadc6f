"""Services, runs and collections through the REST API."""

import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from batchservices.models import BatchRun, BatchService, CollectionTask, ItemStatus, RunStatus
from datasets.models import Dataset
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardExampleFilterFactory,
    InferenceModelFactory,
    LabelFactory,
    RunItemFactory,
    image_bytes,
)
from tests.programs import program

pytestmark = pytest.mark.django_db


@pytest.fixture
def inputs(own_storages):
    """One image in the input location of `BatchServiceFactory`."""
    storages["inputs"].save("street/1.png", ContentFile(image_bytes()))


class TestServices:
    def body(self, **other) -> dict:
        model = InferenceModelFactory.create()
        locations = {"input_location": "inputs:street", "output_location": "outputs:street"}
        return {"name": "nightly", "model": model.pk, **locations, **other}

    def test_a_service_is_deployed_and_changed(self):
        client = program("batchservices.add_batchservice", "batchservices.change_batchservice")
        answer = client.post("/api/v1/services/", self.body(description="Every night."))
        assert answer.status_code == 201
        assert (answer.json()["name"], answer.json()["filtering"]) == ("nightly", False)
        address = f"/api/v1/services/{answer.json()['id']}/"
        changed = client.patch(address, {"name": "weekly"}).json()
        assert (changed["name"], changed["description"]) == ("weekly", "Every night.")

    def test_a_service_is_deployed_with_filtering_into_a_new_dataset(self):
        client = program("batchservices.add_batchservice", "datasets.add_dataset")
        answer = client.post("/api/v1/services/", self.body(filtering=True, output_dataset_name="hard"))
        assert answer.status_code == 201
        assert answer.json()["output_dataset"] == Dataset.objects.get(name="hard").pk

    @pytest.mark.parametrize(
        ("other", "status", "code"),
        [
            ({"model": 2**62}, 400, "invalid_input"),
            ({"model": True}, 400, "invalid_input"),
            ({"model": "x"}, 400, "invalid_input"),
            ({"input_location": "/etc/passwd"}, 400, "path_not_allowed"),
            ({"input_location": "inputs:../x"}, 400, "path_not_allowed"),
            ({"input_location": "http://169.254.169.254/"}, 400, "scheme_not_allowed"),
            ({"output_location": "inputs:street"}, 400, "location_read_only"),
            ({"filtering": True}, 400, "no_output_dataset"),
            ({"output_dataset_name": "hard"}, 403, "permission_denied"),
            ({"name": "night\nly"}, 400, "bad_value"),
            ({"name": "night\u202ely"}, 400, "bad_value"),
            ({"label_mapping": {"a": 1, "b": []}}, 400, "invalid_input"),
            ({"label_mapping": []}, 400, "invalid_input"),
            ({"created_by": 1}, 400, "unknown_or_read_only_field"),
            ({"filtering_changed_at": None}, 400, "unknown_or_read_only_field"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_deployed(self, other, status, code):
        answer = program("batchservices.add_batchservice").post("/api/v1/services/", self.body(**other))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert not BatchService.objects.exists()
        assert not Dataset.objects.exists()

    def test_a_dataset_is_chosen_or_named_and_not_both(self):
        may = program(
            "batchservices.add_batchservice", "batchservices.synchronize_batchservice", "datasets.add_dataset"
        )
        there = DatasetFactory.create()
        both = self.body(output_dataset=there.pk, output_dataset_name="hard")
        answer = may.post("/api/v1/services/", both)
        assert (answer.status_code, answer.json()["code"]) == (400, "two_datasets")
        address = f"/api/v1/services/{BatchServiceFactory.create().pk}/synchronize/"
        answer = may.post(address, {"dataset": there.pk, "dataset_name": "all"})
        assert (answer.status_code, answer.json()["field"]) == (400, "dataset_name")
        assert Dataset.objects.get() == there

    def test_only_classes_that_the_model_has_are_mapped(self):
        client = program("batchservices.add_batchservice", "batchservices.change_batchservice", "datasets.add_dataset")
        body = self.body(filtering=True, output_dataset_name="hard")
        answer = client.post("/api/v1/services/", {**body, "label_mapping": {"wolf": "animal"}})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_classes")
        assert "wolf" in answer.json()["message"]
        assert not Dataset.objects.exists()
        service = client.post("/api/v1/services/", body).json()
        answer = client.patch(f"/api/v1/services/{service['id']}/", {"label_mapping": {"wolf": "animal"}})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_classes")

    def test_filtering_is_set_and_its_words_say_what_will_happen(self):
        service = BatchServiceFactory.create()
        dataset = DatasetFactory.create()
        for name in service.model.class_names:
            LabelFactory.create(dataset=dataset, name=name)
        chosen = HardExampleFilterFactory.create()
        client = program("batchservices.change_batchservice", "batchservices.view_batchservice")
        address = f"/api/v1/services/{service.pk}/filtering/"
        body = {"filtering": True, "filter": chosen.pk, "output_dataset": dataset.pk}
        assert client.put(address, body).json() == client.get(address).json()
        shown = client.get(address).json()
        assert (shown["filtering"], shown["filter"], shown["output_dataset"]) == (True, chosen.pk, dataset.pk)
        assert shown["state"] == "Configured"
        assert shown["words"].startswith("Hard example filtering is on. Start the service")
        assert client.put(address, {}).json()["field"] == "filtering"

    def test_an_output_dataset_of_another_type_is_refused(self):
        service = BatchServiceFactory.create()
        body = {"filtering": True, "output_dataset": DetectionDatasetFactory.create().pk}
        client = program("batchservices.change_batchservice")
        answer = client.put(f"/api/v1/services/{service.pk}/filtering/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "type_mismatch")


class TestLists:
    def test_runs_of_all_services_are_listed_the_newest_first(self):
        first = BatchRunFactory.create(status="finished", total=0)
        second = BatchRunFactory.create(status="failed", total=0)
        client = program("batchservices.view_batchrun")

        def found(**wanted):
            return [row["id"] for row in client.get("/api/v1/runs/", wanted).json()["results"]]

        assert found() == [second.pk, first.pk]
        assert found(status="finished") == found(service=first.service_id) == found(model=first.model_id) == [first.pk]
        assert client.get("/api/v1/runs/", {"service": "x"}).json()["field"] == "service"
        assert program("batchservices.view_batchservice").get("/api/v1/runs/").status_code == 403

    def test_collection_tasks_of_all_services_are_listed(self):
        first, second = CollectionTaskFactory.create(), CollectionTaskFactory.create()
        client = program("batchservices.view_collectiontask")

        def found(**wanted):
            return [row["id"] for row in client.get("/api/v1/collection_tasks/", wanted).json()["results"]]

        assert found() == [second.pk, first.pk]
        assert found(service=first.service_id) == found(dataset=first.dataset_id) == [first.pk]


class TestRuns:
    def test_a_service_is_started_once_and_stopped(self, inputs):
        service = BatchServiceFactory.create()
        client = program("batchservices.start_batchservice", "batchservices.view_batchrun")
        started = client.post(f"/api/v1/services/{service.pk}/start/")
        assert (started.status_code, started.json()["status"]) == (202, "preparing")
        again = client.post(f"/api/v1/services/{service.pk}/start/")
        assert (again.status_code, again.json()["code"]) == (409, "already_running")
        assert again.json()["item"] == started.json()["id"]
        stopped = client.post(f"/api/v1/services/{service.pk}/stop/")
        assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")
        assert client.post(f"/api/v1/services/{service.pk}/stop/").json()["code"] == "not_running"
        answer = client.post(f"/api/v1/runs/{started.json()['id']}/stop/")
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_status_change")
        listed = client.get(f"/api/v1/services/{service.pk}/runs/").json()["results"]
        assert [run["id"] for run in listed] == [started.json()["id"]]

    def test_without_input_it_is_refused_with_the_reason(self):
        service = BatchServiceFactory.create()
        answer = program("batchservices.start_batchservice").post(f"/api/v1/services/{service.pk}/start/")
        assert (answer.status_code, answer.json()["code"]) == (400, "no_input")
        assert "inputs:street" in answer.json()["message"]
        assert not BatchRun.objects.exists()

    def test_starting_takes_nothing(self, inputs):
        service = BatchServiceFactory.create()
        answer = program("batchservices.start_batchservice").post(f"/api/v1/services/{service.pk}/start/", {"by": 1})
        assert answer.json()["code"] == "unknown_or_read_only_field"
        assert not BatchRun.objects.exists()

    def test_to_see_or_change_is_not_to_start(self, inputs):
        service = BatchServiceFactory.create()
        client = program("batchservices.view_batchservice", "batchservices.change_batchservice")
        for verb in ("start", "stop", "synchronize"):
            assert client.post(f"/api/v1/services/{service.pk}/{verb}/").status_code == 403

    def test_a_run_shows_how_far_it_is(self):
        run = BatchRunFactory.create(status=RunStatus.RUNNING, total=8, done=5, failed=1)
        shown = program("batchservices.view_batchrun").get(f"/api/v1/runs/{run.pk}/").json()
        assert (shown["status"], shown["total"], shown["done"], shown["failed"]) == ("running", 8, 5, 1)
        assert shown["progress"] == 0.75

    def test_predictions_come_in_the_order_of_the_inputs(self):
        run = BatchRunFactory.create()
        for position in (3, 0, 2, 1):
            RunItemFactory.create(run=run, position=position)
        failed = {"status": ItemStatus.FAILED, "prediction": None, "error_code": "truncated_image", "error": "Half."}
        RunItemFactory.create(run=run, position=4, **failed)
        client = program("batchservices.view_batchrun")
        address = f"/api/v1/runs/{run.pk}/predictions/"
        with CaptureQueriesContext(connection) as queries:
            page = client.get(address, {"page_size": 2}).json()
        assert len(queries) <= 5
        seen = [row["position"] for row in page["results"] + client.get(page["next"]).json()["results"]]
        assert seen == [0, 1, 2, 3]
        assert page["results"][0]["prediction"]["predicted_label"] == "cat"
        assert [row["error_code"] for row in client.get(address, {"status": "failed"}).json()["results"]] == [
            "truncated_image"
        ]


class TestCollections:
    def test_inputs_are_synchronized_to_a_dataset(self, inputs):
        service = BatchServiceFactory.create()
        dataset = DatasetFactory.create()
        client = program("batchservices.synchronize_batchservice", "batchservices.view_collectiontask")
        answer = client.post(f"/api/v1/services/{service.pk}/synchronize/", {"dataset": dataset.pk})
        assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
        assert (answer.json()["kind"], answer.json()["dataset"]) == ("synchronize", dataset.pk)
        again = client.post(f"/api/v1/services/{service.pk}/synchronize/", {"dataset": dataset.pk})
        assert (again.status_code, again.json()["code"]) == (409, "already_synchronizing")
        stopped = client.post(f"/api/v1/collection_tasks/{answer.json()['id']}/stop/").json()
        assert stopped == client.get(f"/api/v1/collection_tasks/{answer.json()['id']}/").json()
        assert stopped["status"] == "stopped"

    def test_a_new_dataset_needs_the_permission_to_make_one(self, inputs):
        service = BatchServiceFactory.create()
        address, body = f"/api/v1/services/{service.pk}/synchronize/", {"dataset_name": "collected"}
        assert program("batchservices.synchronize_batchservice").post(address, body).status_code == 403
        assert not Dataset.objects.exists()
        client = program("batchservices.synchronize_batchservice", "datasets.add_dataset")
        assert client.post(address, body).status_code == 202
        assert Dataset.objects.get().name == "collected"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "no_dataset"),
            ({"dataset": 2**62}, "invalid_input"),
            ({"dataset": [1]}, "invalid_input"),
            ({"dataset": {"id": 1}}, "invalid_input"),
        ],
    )
    def test_without_a_dataset_it_is_refused(self, inputs, body, code):
        service = BatchServiceFactory.create()
        client = program("batchservices.synchronize_batchservice")
        answer = client.post(f"/api/v1/services/{service.pk}/synchronize/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert not CollectionTask.objects.exists()

    def test_a_task_shows_what_came_of_it(self):
        task = CollectionTaskFactory.create(cursor=5, total=7, added=3, already_there=2, words="3 images added.")
        client = program("batchservices.view_collectiontask")
        shown = client.get(f"/api/v1/services/{task.service_id}/collection_tasks/").json()["results"][0]
        assert (shown["done"], shown["total"], shown["added"], shown["already_there"]) == (5, 7, 3, 2)
        assert json.loads(json.dumps(shown))["words"] == "3 images added."
