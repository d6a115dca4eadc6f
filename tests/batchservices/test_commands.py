"""The commands for cron: thin, idempotent, JSON where asked, non-zero where something failed."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from batchservices import running
from batchservices.models import BatchRun, BatchService
from tests import loop
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def told(*arguments: str) -> dict:
    stream = io.StringIO()
    call_command(*arguments, "--json", stdout=stream)
    return json.loads(stream.getvalue())


def test_services_are_started_once(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    first = told("run_batch_services", "nightly")["services"][0]
    again = told("run_batch_services", "nightly")["services"][0]
    assert first["ok"]
    assert again["ok"]
    assert (again["status"], again["run"]) == ("already_running", first["run"])
    assert BatchRun.objects.count() == 1


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has ended when it was started."""
    start = running.start

    def start_and_work(**arguments: object) -> BatchRun:
        run = start(**arguments)
        running.execute(run.pk)
        return run

    monkeypatch.setattr(running, "start", start_and_work)


def test_waiting_tells_how_the_run_ended(service: BatchService, working: None) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    result = told("run_batch_services", "nightly", "--wait")["services"][0]
    assert (result["status"], result["predicted"], result["failed"]) == ("finished", 2, 0)


def test_an_alarm_is_no_success(service: BatchService, working: None) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    loop.put("inputs:night/broken.png", b"no image")
    stream = io.StringIO()
    with pytest.raises(CommandError, match=r"nightly \(alarm\)"):
        call_command("run_batch_services", "nightly", "--wait", "--json", stdout=stream)
    result = json.loads(stream.getvalue())["services"][0]
    assert (result["ok"], result["status"], result["predicted"], result["failed"]) == (False, "alarm", 2, 1)


def test_failures_are_non_zero(service: BatchService) -> None:
    with pytest.raises(CommandError, match="nightly"):
        call_command("run_batch_services", "nightly", stdout=io.StringIO())
    with pytest.raises(CommandError, match="no batch service"):
        call_command("run_batch_services", "daily")
    with pytest.raises(CommandError, match="no input data"):
        call_command("synchronize_data", "nightly", "--dataset", "all", "--create")
    with pytest.raises(CommandError, match="no dataset"):
        call_command("synchronize_data", "nightly", "--dataset", "all")


def test_synchronizing_works_to_the_end_unless_told_otherwise(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    arguments = ("synchronize_data", "nightly", "--dataset", "all", "--create")
    assert told(*arguments, "--no-wait")["status"] == "waiting"
    assert told(*arguments)["added"] == 2
    again = told(*arguments)
    assert (again["added"], again["already_there"]) == (0, 2)
    assert again["message"].startswith("Nothing new")


def test_a_model_is_registered_and_tried(tmp_path: Path) -> None:
    person = StaffFactory()
    loop.put_digits("inputs:night", first=400, count=2)
    file, profile, classes = tmp_path / "digits.onnx", tmp_path / "profile.json", tmp_path / "names.txt"
    file.write_bytes(loop.model_bytes())
    profile.write_text(json.dumps(loop.PROFILE))
    classes.write_text("\n".join(f"digit {name}" for name in loop.CLASSES))
    by = ("--by", person.username)
    made = told("register_model", "digits", str(file), *by, "--classes", str(classes), "--samples", "inputs:night")
    assert (made["status"], made["version"], made["images"]) == ("ready", 1, 3)
    loop.put("inputs:models/digits.onnx", loop.model_bytes())
    made = told("register_model", "digits", "inputs:models/digits.onnx", *by, "--profile", str(profile), "--look")
    assert (made["status"], made["version"]) == ("tried", 2)


def test_a_refused_model_is_no_success(tmp_path: Path) -> None:
    by = ("--by", StaffFactory().username)
    file = tmp_path / "notes.onnx"
    file.write_text("Buy milk.")
    with pytest.raises(CommandError, match="notes 1 is refused: The file is not an ONNX model"):
        call_command("register_model", "notes", str(file), *by, stdout=io.StringIO())
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("register_model", "notes", str(tmp_path / "nothing"), *by)
    with pytest.raises(CommandError, match="There is no user"):
        call_command("register_model", "notes", str(file), "--by", "nobody")
    with pytest.raises(CommandError, match="There is no file"):
        call_command("register_model", "notes", "inputs:nothing.onnx", *by)
