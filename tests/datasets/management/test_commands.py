"""The commands of datasets: again does no harm, JSON on demand, an error where something failed."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from datasets.models import Dataset, SampleCount
from tests.factories import SampleFactory, UserFactory, image_bytes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_bell(monkeypatch) -> None:
    for module in ("importing", "publishing"):
        monkeypatch.setattr(f"datasets.{module}.ring", lambda *args: None)


def result(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_folder_is_imported_published_and_checked(own_storages: Path, capsys) -> None:
    UserFactory(username="ann")
    for number in range(3):
        place = own_storages / "inputs" / "cat" / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(image_bytes(number))
    fields = {"by": "ann", "format": "directories", "create": "image_classification", "as_json": True}
    call_command("import_data", "cats", "inputs:", **fields)
    assert (first := result(capsys))["added"] == 3
    assert first["status"] == "completed"
    call_command("import_data", "cats", "inputs:", **fields)
    again = result(capsys)
    assert (again["added"], again["already_there"]) == (0, 3)
    call_command("publish_dataset", "cats", by="ann", name="V1", as_json=True)
    version = result(capsys)
    assert (version["status"], version["sample_count"], version["unchanged"]) == ("published", 3, False)
    call_command("publish_dataset", "cats", by="ann", name="V1", as_json=True)
    assert result(capsys) == {**version, "unchanged": True}
    call_command("publish_dataset", "cats", by="ann")
    assert capsys.readouterr().out.startswith("Nothing new to publish. V1 published: 3 samples")
    assert Dataset.objects.get().versions.count() == 1
    call_command("check_counts", as_json=True)
    assert result(capsys) == {"datasets": 1, "differences": []}


def test_failures_are_errors(capsys) -> None:
    sample = SampleFactory()
    UserFactory(username="ann")
    for arguments in [
        ("import_data", "none", "inputs:", "--by", "ann"),
        ("import_data", sample.dataset.name, "inputs:empty", "--by", "ann"),
        ("import_data", sample.dataset.name, "inputs:", "--by", "nobody"),
        ("publish_dataset", sample.dataset.name, "--by", "ann"),
        ("publish_dataset", "none", "--by", "ann"),
    ]:
        with pytest.raises(CommandError):
            call_command(*arguments)


@pytest.mark.parametrize("location", ["inputs:empty", "nowhere:", "inputs:../secret"])
def test_a_refused_import_leaves_no_dataset(location: str) -> None:
    UserFactory(username="ann")
    with pytest.raises(CommandError):
        call_command("import_data", "cats", location, by="ann", create="image_classification")
    assert not Dataset.objects.exists()


def test_a_wrong_counter_is_found(capsys) -> None:
    sample = SampleFactory()
    SampleCount.objects.filter(status="unlabeled", hard=False).update(count=7)
    with pytest.raises(CommandError):
        call_command("check_counts", as_json=True)
    assert result(capsys)["differences"] == [
        {"dataset": sample.dataset.name, "status": "unlabeled", "hard": False, "counted": 7, "actual": 1}
    ]
