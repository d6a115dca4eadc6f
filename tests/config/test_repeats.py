"""A request whose answer was lost is sent again, and its work is done once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from batchservices import running
from batchservices.models import BatchRun, InferenceModel
from config.api import repeats
from config.api.repeats import forget_expired
from config.models import KeptAnswer
from datasets.models import Dataset
from tests import loop
from tests.factories import BatchServiceFactory, InferenceModelFactory, UserFactory
from tests.programs import program

DATASET = {"name": "street", "task": "image_classification"}


def send(client: APIClient, address: str, body: Any = None, *, key: str | None = "k1", **more: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/api/v1/{address}", {} if body is None else body, headers=headers, **more)


def startable() -> str:
    """The address that starts a service with an input."""
    loop.put_digits("inputs:night", first=400, count=1)
    model = InferenceModelFactory.create(profile=loop.PROFILE)
    return f"services/{BatchServiceFactory.create(model=model, input_location='inputs:night').pk}/start/"


@pytest.mark.django_db
class TestOnce:
    def test_the_same_request_again_gets_the_same_answer_and_makes_nothing(self):
        client = program("datasets.add_dataset")
        first, second = send(client, "datasets/", DATASET), send(client, "datasets/", DATASET)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
        assert Dataset.objects.count() == 1
        assert send(client, "datasets/", DATASET, key=None).json()["code"] == "name_exists"

    def test_a_run_that_has_ended_meanwhile_is_not_followed_by_another(self):
        client, address = program("batchservices.start_batchservice"), startable()
        run = send(client, address).json()
        BatchRun.objects.update(status="finished")
        assert send(client, address).json() == run
        assert send(client, address, key="k2").json()["id"] != run["id"]
        assert BatchRun.objects.count() == 2

    def test_an_uploaded_model_gets_no_second_version(self):
        client = program("batchservices.add_inferencemodel")
        answers = []
        for _ in range(2):
            body = {"name": "digits", "file": SimpleUploadedFile("digits.onnx", loop.model_bytes())}
            answers.append(send(client, "models/", body, format="multipart"))
        assert [answer.status_code for answer in answers] == [202, 202], answers[0].content
        assert answers[0].json() == answers[1].json()
        assert InferenceModel.objects.count() == 1
        body = {"name": "digits", "file": SimpleUploadedFile("digits.onnx", loop.model_bytes() + b"\0")}
        assert send(client, "models/", body, format="multipart").json()["code"] == "key_reused"

    def test_another_request_under_the_same_key_is_refused(self):
        client = program("datasets.add_dataset")
        send(client, "datasets/", DATASET)
        answer = send(client, "datasets/", DATASET | {"name": "other"})
        assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
        assert not Dataset.objects.filter(name="other").exists()

    def test_keys_of_others_are_others(self):
        first, second = program("datasets.add_dataset"), program("datasets.add_dataset")
        send(first, "datasets/", DATASET)
        assert send(second, "datasets/", DATASET | {"name": "other"}).status_code == 201

    def test_what_was_refused_leaves_the_key_free(self):
        client = program("datasets.add_dataset")
        assert send(client, "datasets/", DATASET | {"task": "video"}).status_code == 400
        assert send(client, "datasets/", DATASET).status_code == 201

    def test_who_is_not_allowed_is_told_nothing_of_what_was_answered(self):
        client = program("datasets.add_dataset")
        send(client, "datasets/", DATASET)
        client.force_authenticate(UserFactory.create())
        assert send(client, "datasets/", DATASET).status_code == 403

    @pytest.mark.parametrize("key", ["", "a" * 256, "é", "a\tb"])
    def test_a_bad_key_is_refused(self, key):
        answer = send(program("datasets.add_dataset"), "datasets/", DATASET, key=key)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_key")

    def test_files_are_small_enough_that_others_need_not_wait(self, monkeypatch):
        monkeypatch.setattr(repeats, "LARGEST", 10)
        body = {"name": "digits", "file": SimpleUploadedFile("digits.onnx", loop.model_bytes())}
        answer = send(program("batchservices.add_inferencemodel"), "models/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (413, "key_with_files")

    def test_keys_are_kept_for_a_day(self):
        client, address = program("batchservices.start_batchservice"), startable()
        run = send(client, address).json()
        BatchRun.objects.update(status="finished")
        forget_expired()
        assert send(client, address).json() == run
        KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert send(client, address).json()["id"] != run["id"]
        KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        forget_expired()
        assert not KeptAnswer.objects.exists()


def test_every_operation_that_makes_something_takes_a_key():
    """But those that find what they made the first time."""
    there_already = {"datasets/{dataset_id}/labels/", "models/{id}/try/", "runs/{id}/compare/"}
    without = {
        path.removeprefix("/api/v1/")
        for path, verbs in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        if verbs.get("post", {"responses": {}})["responses"].keys() & {"201", "202"}
        and not any(each["name"] == "Idempotency-Key" for each in verbs["post"].get("parameters", ()))
    }
    assert without == there_already


def test_every_operation_that_a_second_request_would_turn_back_takes_a_key():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for address in ("events/{id}/undo/", "datasets/{id}/undo/", "filters/{id}/apply/", "filters/{id}/withdraw/"):
        names = [each["name"] for each in paths[f"/api/v1/{address}"]["post"]["parameters"]]
        assert "Idempotency-Key" in names, address


@pytest.mark.django_db(transaction=True)
class TestFaults:
    def test_who_dies_between_the_work_and_the_answer_has_done_nothing(self, monkeypatch):
        client, address = program("batchservices.start_batchservice"), startable()
        client.raise_request_exception = False
        start = running.start

        def dies(**arguments: Any) -> Any:
            start(**arguments)
            raise RuntimeError

        monkeypatch.setattr(running, "start", dies)
        assert send(client, address).status_code == 500
        assert not BatchRun.objects.exists()
        monkeypatch.undo()
        assert send(client, address).status_code == 202
        assert BatchRun.objects.count() == 1

    def test_who_asks_meanwhile_waits_for_the_same_answer(self):
        client = program("datasets.add_dataset")

        def ask(_: int) -> Any:
            try:
                return send(client, "datasets/", DATASET)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(4)))
        assert [answer.status_code for answer in answers] == [201] * 4
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert Dataset.objects.count() == 1
