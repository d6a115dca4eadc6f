"""Models through the REST API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from batchservices import modelfiles, registration
from batchservices.models import InferenceModel, ModelStatus
from tests import loop
from tests.factories import BatchServiceFactory, InferenceModelFactory, ModelSampleFactory, image_bytes
from tests.programs import program

pytestmark = pytest.mark.django_db

ALL = tuple(f"batchservices.{verb}_inferencemodel" for verb in ("add", "view", "accept", "delete"))
PROPOSAL = {
    "profile": {"task": "image_classification", "input": {"layout": "flat"}},
    "why": {"input.layout": {"sure": "known", "because": "The input is one row of numbers."}},
}


class TestModels:
    def test_a_model_is_registered_by_its_file(self):
        client = program("batchservices.add_inferencemodel", "batchservices.view_inferencemodel")
        body = {"name": "digits", "file": SimpleUploadedFile("m.onnx", b"onnx"), "class_names": ["0", "1"]}
        answer = client.post("/api/v1/models/", body, format="multipart")
        assert answer.status_code == 202
        shown = client.get(f"/api/v1/models/{answer.json()['id']}/").json()
        assert (shown["name"], shown["version"], shown["class_names"]) == ("digits", 1, ["0", "1"])
        assert (shown["status"], shown["size"]) == ("checking", 4)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"name": "a"}, "one_file"),
            ({"name": "a", "file": ""}, "one_file"),
            ({"name": "a", "file": b"", "status": "ready"}, "unknown_or_read_only_field"),
            ({"name": "a", "file": b"x", "profile": "{"}, "not_json"),
            ({"name": "a", "file": b"x", "profile": '{"a": NaN}'}, "bad_number"),
            ({"name": "a", "file": b"x", "profile": "[" * 100_000}, "too_deep"),
            ({"name": "a", "file": b"x", "profile": "[]"}, "invalid_input"),
            ({"name": "a", "file": b"x", "profile": "{}"}, "bad_profile"),
            ({"name": "a" * 101, "file": b"x"}, "invalid_input"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_kept(self, body, code):
        if isinstance(body.get("file"), bytes):
            body = {**body, "file": SimpleUploadedFile("m.onnx", body["file"])}
        answer = program("batchservices.add_inferencemodel").post("/api/v1/models/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert not InferenceModel.objects.exists()

    def test_a_model_that_is_too_large_is_refused(self, settings):
        settings.MODEL_LIMIT_MIB = 0
        body = {"name": "a", "file": SimpleUploadedFile("m.onnx", b"x")}
        answer = program("batchservices.add_inferencemodel").post("/api/v1/models/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_a_model_is_fetched_from_a_location_and_tried_on_images(self):
        loop.put("inputs:models/digits.onnx", b"onnx")
        loop.put_digits("inputs:night", first=0, count=2)
        body = {"name": "digits", "location": "inputs:models/digits.onnx", "sample_location": "inputs:night"}
        answer = program(*ALL).post("/api/v1/models/", body)
        assert answer.status_code == 202
        assert (answer.json()["source"], answer.json()["at_once"]) == ("inputs:models/digits.onnx", True)
        model = InferenceModel.objects.get()
        assert model.samples.count() == 2

    def test_who_may_not_accept_has_it_accepted_by_somebody_else(self):
        client = program("batchservices.add_inferencemodel")
        body = {"name": "a", "file": SimpleUploadedFile("m.onnx", b"x")}
        assert client.post("/api/v1/models/", body, format="multipart").json()["at_once"] is False
        body = {"name": "a", "file": SimpleUploadedFile("m.onnx", b"x"), "at_once": True}
        answer = client.post("/api/v1/models/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        model = InferenceModelFactory.create(status=ModelStatus.TRIED)
        assert client.post(f"/api/v1/models/{model.pk}/accept/").status_code == 403

    def test_a_model_goes_through_propose_try_accept_and_a_next_version(self):
        client = program(*ALL)
        sha256, _ = modelfiles.keep(loop.model_bytes())
        model = InferenceModelFactory.create(
            name="digits", sha256=sha256, status=ModelStatus.REFUSED, report={"inspection": {}, "proposal": PROPOSAL}
        )
        address = f"/api/v1/models/{model.pk}/"
        proposed = client.get(f"{address}proposal/").json()
        assert proposed == PROPOSAL
        images = [SimpleUploadedFile("a.png", image_bytes())]
        answer = client.post(f"{address}try/", {"sample_files": images}, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_profile"), "it has no profile yet"
        body = {"profile": loop.PROFILE, "class_names": list("abcdefghij")}
        assert client.post(f"{address}try/", body).json()["status"] == "checking"
        assert client.post(f"{address}try/", body).status_code == 409
        ModelSampleFactory.create(model=model)
        InferenceModel.objects.update(status=ModelStatus.TRIED)
        (said,) = client.get(f"{address}samples/").json()
        assert said["prediction"]["predicted_label"] == "cat"
        assert "picture" not in said
        accepted = client.post(f"{address}accept/").json()
        assert (accepted["status"], accepted["class_names"][0]) == ("ready", "a")
        made = client.post(f"{address}version/").json()
        assert (made["version"], made["status"], made["at_once"]) == (2, "checking", False)
        versions = client.get("/api/v1/models/?versions_of=digits").json()["results"]
        assert [each["version"] for each in versions] == [2, 1]

    def test_a_file_that_was_not_looked_into_has_no_proposal(self):
        model = InferenceModelFactory.create(status=ModelStatus.CHECKING)
        answer = program(*ALL).get(f"/api/v1/models/{model.pk}/proposal/")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_proposal")

    def test_an_unused_model_is_deleted_and_a_used_one_says_by_whom(self):
        client = program(*ALL)
        service = BatchServiceFactory.create(name="street nightly")
        answer = client.delete(f"/api/v1/models/{service.model_id}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert "street nightly" in answer.json()["message"]
        unused = registration.register_model(name="a", data=b"x", by=None)
        assert client.delete(f"/api/v1/models/{unused.pk}/").status_code == 204
        assert not InferenceModel.objects.filter(pk=unused.pk).exists()
