"""Datasets and samples through the REST API."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from datasets import publishing, staging
from datasets.entries import work_folder
from datasets.models import Dataset, DatasetVersion, ImportTask, Status, VersionStatus
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DatasetVersionFactory,
    HoldFactory,
    ImportProblemFactory,
    LabelFactory,
    image_bytes,
)
from tests.programs import program

pytestmark = pytest.mark.django_db


def followed(client: APIClient, address: str) -> list[int]:
    """The ids of all pages from an address on."""
    ids = []
    while address:
        page = client.get(address).json()
        ids += [row["id"] for row in page["results"]]
        address = page["next"]
    return ids


class TestDatasets:
    def test_a_dataset_is_made_with_its_labels(self):
        client = program("datasets.add_dataset", "datasets.view_dataset")
        body = {"name": "digits", "task": "image_classification", "labels": ["0", "1"]}
        answer = client.post("/api/v1/datasets/", body)
        assert answer.status_code == 201
        assert [label["name"] for label in answer.json()["labels"]] == ["0", "1"]
        assert answer.json()["counts"] == {"unlabeled": 0, "to_be_confirmed": 0, "labeled": 0, "hard": 0, "total": 0}
        assert client.get(f"/api/v1/datasets/{answer.json()['id']}/").json() == answer.json()

    def test_a_name_that_is_taken_is_a_conflict(self):
        DatasetFactory.create(name="digits")
        client = program("datasets.add_dataset", "datasets.change_dataset")
        answer = client.post("/api/v1/datasets/", {"name": "digits", "task": "image_classification"})
        assert (answer.status_code, answer.json()["code"]) == (409, "name_exists")
        other = DatasetFactory.create(name="other")
        answer = client.patch(f"/api/v1/datasets/{other.pk}/", {"name": "digits"})
        assert (answer.status_code, answer.json()["code"]) == (409, "name_exists")
        assert Dataset.objects.get(pk=other.pk).name == "other"

    def test_name_and_description_change_and_the_task_never(self):
        dataset = DatasetFactory.create()
        client = program("datasets.change_dataset")
        answer = client.patch(f"/api/v1/datasets/{dataset.pk}/", {"name": "letters", "description": "All of them."})
        assert (answer.json()["name"], answer.json()["description"]) == ("letters", "All of them.")
        answer = client.patch(f"/api/v1/datasets/{dataset.pk}/", {"task": "object_detection"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_or_read_only_field")
        answer = client.patch(f"/api/v1/datasets/{dataset.pk}/", {"name": "../digits"})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "bad_value", "name")

    def test_deleting_waits_for_what_fills_it(self):
        hold = HoldFactory.create()
        client = program("datasets.delete_dataset")
        answer = client.delete(f"/api/v1/datasets/{hold.dataset_id}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")
        hold.delete()
        assert client.delete(f"/api/v1/datasets/{hold.dataset_id}/").status_code == 204
        assert not Dataset.objects.filter(pk=hold.dataset_id).exists()

    def test_labels_are_added_once_and_changed(self):
        dataset = DatasetFactory.create()
        client = program("datasets.add_label", "datasets.change_label", "datasets.view_label")
        for _ in range(2):
            answer = client.post(f"/api/v1/datasets/{dataset.pk}/labels/", {"names": ["cat", "dog", "cat"]})
            assert [label["name"] for label in answer.json()] == ["cat", "dog"]
        label = answer.json()[0]
        address = f"/api/v1/datasets/{dataset.pk}/labels/{label['id']}/"
        assert client.patch(address, {"color": "#00ff00", "shortcut": "k"}).json() == {
            **label,
            "color": "#00ff00",
            "shortcut": "k",
        }
        assert client.patch(address, {"name": "dog"}).json()["code"] == "name_exists"
        assert client.patch(address, {"color": "green"}).json()["code"] == "bad_value"
        other = LabelFactory.create()
        assert client.patch(f"/api/v1/datasets/{dataset.pk}/labels/{other.pk}/", {"name": "x"}).status_code == 404
        listed = client.get(f"/api/v1/datasets/{dataset.pk}/labels/").json()["results"]
        assert [row["name"] for row in listed] == ["cat", "dog"]


class TestImports:
    def test_an_import_shows_its_progress_and_its_problems(self):
        problem = ImportProblemFactory.create(task__total=7, task__cursor=3, task__failed=1)
        client = program("datasets.view_importtask")
        shown = client.get(f"/api/v1/imports/{problem.task_id}/").json()
        assert (shown["done"], shown["total"], shown["failed"]) == (3, 7, 1)
        assert shown["problems"] == [
            {"line": None, "file": problem.file, "code": problem.code, "message": problem.message}
        ]
        listed = client.get(f"/api/v1/datasets/{problem.task.dataset_id}/imports/").json()["results"]
        assert [task["id"] for task in listed] == [problem.task_id]

    @pytest.mark.parametrize("format", ["images", "directories"])
    def test_a_location_is_imported_by_a_worker(self, format):
        dataset = DatasetFactory.create()
        storages["inputs"].save("street/cat/1.png", ContentFile(image_bytes()))
        client = program("datasets.import_dataset", "datasets.view_importtask")
        body = {"location": "inputs:street/", "format": format}
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", body)
        assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
        stopped = client.post(f"/api/v1/imports/{answer.json()['id']}/stop/").json()
        assert stopped["status"] == "stopped"
        assert stopped == client.get(f"/api/v1/imports/{answer.json()['id']}/").json()
        again = client.post(f"/api/v1/imports/{answer.json()['id']}/stop/")
        assert (again.status_code, again.json()["code"]) == (409, "illegal_status_change")

    def test_files_are_uploaded(self):
        dataset = DatasetFactory.create()
        files = [SimpleUploadedFile(f"{number}.png", image_bytes(number)) for number in range(2)]
        client = program("datasets.import_dataset")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", {"files": files}, format="multipart")
        assert answer.status_code == 202
        assert answer.json()["final_annotation"] is True
        assert [upload.name for upload in staging.staged(work_folder(ImportTask.objects.get()))] == ["0.png", "1.png"]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "nothing_to_import"),
            ({"location": "inputs:nothing/"}, "nothing_to_import"),
            ({"location": "inputs:../x"}, "path_not_allowed"),
            ({"location": "file:///etc/passwd"}, "scheme_not_allowed"),
            ({"location": "http://169.254.169.254/"}, "scheme_not_allowed"),
            ({"location": "models:"}, "scheme_not_allowed"),
            ({"location": "inputs:a", "format": "pickle"}, "invalid_input"),
            ({"format": "manifest"}, "nothing_to_import"),
            ({"files": ["a"]}, "invalid_input"),
            ({"location": "inputs:a", "uploaded": True}, "unknown_or_read_only_field"),
        ],
    )
    def test_what_cannot_be_imported_is_refused(self, body, code):
        dataset = DatasetFactory.create()
        answer = program("datasets.import_dataset").post(f"/api/v1/datasets/{dataset.pk}/import/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert not ImportTask.objects.exists()

    @pytest.mark.parametrize(
        ("limit", "code"),
        [("DATA_UPLOAD_MAX_NUMBER_FILES", "too_many_files"), ("DATA_UPLOAD_MAX_NUMBER_FIELDS", "bad_request")],
    )
    def test_more_files_or_fields_than_allowed_are_refused(self, settings, limit, code):
        setattr(settings, limit, 1)
        dataset = DatasetFactory.create()
        files = [SimpleUploadedFile(f"{number}.png", image_bytes(number)) for number in range(2)]
        body = {"files": files, "format": "images", "final_annotation": "true"}
        client = program("datasets.import_dataset")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert not ImportTask.objects.exists()

    def test_a_field_that_is_too_large_is_refused(self, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        dataset = DatasetFactory.create()
        client = program("datasets.import_dataset")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", {"location": "a" * 200}, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    @pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n", b"\xff" * 100])
    def test_a_broken_form_is_refused(self, body):
        dataset = DatasetFactory.create()
        client = program("datasets.import_dataset")
        kind = "multipart/form-data; boundary=x"
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", body, content_type=kind)
        assert answer.status_code == 400
        assert answer.json()["code"] in {"parse_error", "nothing_to_import"}

    def test_a_location_or_files_but_not_both(self):
        storages["inputs"].save("street/1.png", ContentFile(image_bytes()))
        dataset = DatasetFactory.create()
        body = {"location": "inputs:street", "files": [SimpleUploadedFile("1.png", image_bytes())]}
        client = program("datasets.import_dataset")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/import/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert not ImportTask.objects.exists()


class TestVersions:
    def test_labeled_samples_are_published_by_a_worker(self):
        annotation = AnnotationFactory.create(sample__status=Status.LABELED)
        dataset = annotation.sample.dataset
        client = program("datasets.publish_dataset")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/publish/", {"description": "The first."})
        assert answer.status_code == 202
        assert (answer.json()["name"], answer.json()["status"]) == ("V001", "publishing")
        again = client.post(f"/api/v1/datasets/{dataset.pk}/publish/")
        assert (again.status_code, again.json()["code"]) == (409, "already_publishing")
        publishing.execute(answer.json()["id"])
        unchanged = client.post(f"/api/v1/datasets/{dataset.pk}/publish/")
        assert (unchanged.status_code, unchanged.json()["name"], unchanged.json()["status"]) == (
            200,
            "V001",
            "published",
        )

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "nothing_labeled"),
            ({"name": "../V1"}, "bad_name"),
            ({"train_ratio": 2}, "invalid_input"),
            ({"train_ratio": "nan"}, "invalid_input"),
            ({"sha256": "a"}, "unknown_or_read_only_field"),
        ],
    )
    def test_what_cannot_be_published_is_refused(self, body, code):
        dataset = DatasetFactory.create()
        answer = program("datasets.publish_dataset").post(f"/api/v1/datasets/{dataset.pk}/publish/", body)
        assert answer.status_code in {400, 409}
        assert answer.json()["code"] == code
        assert not DatasetVersion.objects.exists()

    def test_the_manifest_of_a_published_version_is_downloaded(self):
        version = DatasetVersionFactory.create()
        client = program("datasets.view_datasetversion")
        address = f"/api/v1/versions/{version.pk}/manifest/"
        assert client.get(address).json()["code"] == "not_published"
        storages["datasets"].save("versions/V001.manifest", ContentFile(b'{"source": "a"}\n'))
        published = {"status": VersionStatus.PUBLISHED, "manifest": "datasets:versions/V001.manifest", "sha256": "a"}
        DatasetVersion.objects.filter(pk=version.pk).update(**published)
        answer: Any = client.get(address)
        assert b"".join(answer.streaming_content) == b'{"source": "a"}\n'
        assert answer["Content-Disposition"].startswith("attachment")
        listed = client.get(f"/api/v1/datasets/{version.dataset_id}/versions/").json()["results"]
        assert [row["name"] for row in listed] == [version.name]
