"""A program that does everything about a dataset through the REST API, with the workers' part done in between."""

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from knox.models import AuthToken

from datasets import importing, publishing
from tests.described import DescribedClient
from tests.factories import StaffFactory, image_bytes

pytestmark = pytest.mark.django_db(transaction=True)


class Program:
    """Calls with a token, and takes nothing but the status that it expects."""

    def __init__(self) -> None:
        _, token = AuthToken.objects.create(StaffFactory.create())
        self.client = DescribedClient(HTTP_AUTHORIZATION=f"Token {token}")

    def get(self, address: str) -> Any:
        answer = self.client.get(f"/api/v1/{address}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, address: str, body: dict | None = None, *, status: int = 200, format: str = "json") -> Any:
        answer = self.client.post(f"/api/v1/{address}", body or {}, format=format)
        assert answer.status_code == status, answer.content
        return answer.json()


def test_from_images_to_a_published_manifest():
    program = Program()
    for number in range(4):
        label = "cat" if number % 2 else "dog"
        storages["inputs"].save(f"street/{label}/{number}.png", ContentFile(image_bytes(number)))
    dataset = program.post("datasets/", {"name": "street", "task": "image_classification"}, status=201)
    here = f"datasets/{dataset['id']}"

    task = program.post(f"{here}/import/", {"location": "inputs:street/", "format": "directories"}, status=202)
    importing.execute(task["id"])
    done = program.get(f"imports/{task['id']}/")
    assert (done["status"], done["done"], done["added"], done["failed"]) == ("completed", 4, 4, 0)

    files = [SimpleUploadedFile("new.png", image_bytes(9)), SimpleUploadedFile("half.png", image_bytes(8)[:60])]
    task = program.post(f"{here}/import/", {"files": files}, status=202, format="multipart")
    importing.execute(task["id"])
    done = program.get(f"imports/{task['id']}/")
    assert (done["status"], done["added"], done["failed"]) == ("completed", 1, 1)
    assert [problem["file"] for problem in done["problems"]] == ["half.png"]

    counts = program.get(f"{here}/")["counts"]
    assert (counts["labeled"], counts["unlabeled"]) == (4, 1)
    sample = program.get(f"{here}/samples/?status=unlabeled")["results"][0]
    image = program.client.get(f"/api/v1/samples/{sample['id']}/image/")
    assert (image.content, image["Content-Type"]) == (image_bytes(9), "image/png")
    assert program.client.get(f"/api/v1/samples/{sample['id']}/thumbnail/")["Content-Type"] == "image/jpeg"

    said = {"version": sample["version"], "annotations": [{"label": "cat"}]}
    confirmed = program.post(f"samples/{sample['id']}/confirm/", said)
    assert confirmed["status"] == "labeled"
    assert program.post(f"samples/{sample['id']}/mark_hard/")["hard"]

    version = program.post(f"{here}/publish/", status=202)
    publishing.execute(version["id"])
    published = program.get(f"versions/{version['id']}/")
    assert (published["status"], published["sample_count"], published["hard_count"]) == ("published", 5, 1)
    manifest: Any = program.client.get(f"/api/v1/versions/{version['id']}/manifest/")
    lines = [json.loads(line) for line in b"".join(manifest.streaming_content).splitlines()]
    assert len(lines) == 5
    labels = sorted(line["annotation"][0]["name"] for line in lines)
    assert labels == ["cat", "cat", "cat", "dog", "dog"]

    training = program.post("datasets/", {"name": "training", "task": "image_classification"}, status=201)
    assert program.post(f"{here}/add_to_dataset/", {"target": training["id"]})["added"] == 5
    assert program.post(f"{here}/add_to_dataset/", {"target": training["id"]})["added"] == 0
    assert program.get(f"datasets/{training['id']}/samples/?hard=true")["results"][0]["sha256"] == sample["sha256"]
