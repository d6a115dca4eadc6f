"""The doors of auto labeling: pages, REST API, command, the first page."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from datasets.models import Status
from labeling import auto_labeling, auto_work
from labeling.models import AutoLabelingTask
from tests.factories import DatasetFactory, DetectionDatasetFactory, StaffFactory, UserFactory
from tests.labeling.auto.digits import digits
from tests.labeling.conftest import rights

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter(reviewer, review) -> Client:
    """A reviewer who may start auto labeling."""
    reviewer.user_permissions.add(*rights("labeling.start_autolabelingtask"))
    return review


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(StaffFactory.create())
    return client


def page(dataset, name: str, *more: int) -> str:
    return reverse(f"labeling:{name}", args=[dataset.labeling_jobs.get().pk, *more])


def started(dataset) -> AutoLabelingTask:
    return auto_labeling.start_auto_labeling(dataset=dataset, kind="active_learning", by=UserFactory.create())


def test_a_task_is_started_from_the_page_of_the_job(starter) -> None:
    dataset = digits()
    assert "Start Auto Labeling" in starter.get(page(dataset, "job")).content.decode()
    answer = starter.post(page(dataset, "auto_start"), {"way": "accurate"}, follow=True)
    task = dataset.auto_labeling_tasks.get()
    assert (task.kind, task.algorithm, task.created_by.username) == ("active_learning", "accurate", "rita")
    shown = answer.content.decode()
    assert "Auto labeling is at work" in shown
    assert page(dataset, "auto_progress", task.pk) in shown


def test_what_is_refused_is_said_in_the_form(starter) -> None:
    answer = starter.post(page(DatasetFactory.create(), "auto_start"), {"way": "fast"})
    assert answer.status_code == 400
    assert "At least two labels are needed" in answer.content.decode()


def test_for_boxes_only_pre_labeling_is_offered(starter) -> None:
    shown = starter.get(page(DetectionDatasetFactory.create(), "auto_start")).content.decode()
    assert "need a detector" in shown
    assert 'value="fast"' not in shown


def test_progress_result_and_history_are_shown(starter) -> None:
    dataset = digits()
    task = started(dataset)
    asked = starter.get(page(dataset, "auto_progress", task.pk)).json()
    assert asked["active"] is True
    auto_work.execute(task.pk)
    asked = starter.get(page(dataset, "auto_progress", task.pk)).json()
    assert (asked["active"], asked["share"]) == (False, 1.0)
    assert "60 samples came to To Be Confirmed" in asked["words"]
    for name, more in (("auto_tasks", ()), ("auto_task", (task.pk,))):
        shown = starter.get(page(dataset, name, *more)).content.decode()
        assert "60 samples came to To Be Confirmed" in shown
    assert "Learned from 24 labeled images" in shown
    assert "Processing results" in shown


def test_a_task_is_stopped_from_its_page(starter) -> None:
    dataset = digits()
    task = started(dataset)
    shown = starter.post(page(dataset, "auto_stop", task.pk), follow=True).content.decode()
    assert "Nothing comes of it" in shown
    task.refresh_from_db()
    assert task.status == "stopped"
    assert "cannot become" in starter.post(page(dataset, "auto_stop", task.pk), follow=True).content.decode()


def test_who_may_not_start_may_not_stop_either(review, outsider) -> None:
    dataset = digits()
    task = started(dataset)
    assert "Start Auto Labeling" not in review.get(page(dataset, "job")).content.decode()
    for client in (review, outsider):
        assert client.post(page(dataset, "auto_start"), {"way": "fast"}).status_code == 403
        assert client.post(page(dataset, "auto_stop", task.pk)).status_code == 403
    assert outsider.get(page(dataset, "auto_tasks")).status_code == 403


def test_a_task_of_another_dataset_is_not_here(starter) -> None:
    task = started(digits(name="one"))
    other = digits(name="other")
    assert starter.get(page(other, "auto_task", task.pk)).status_code == 404
    assert starter.post(page(other, "auto_stop", task.pk)).status_code == 404


def test_the_api_starts_lists_shows_and_stops(staff) -> None:
    dataset = digits()
    address = f"/api/v1/datasets/{dataset.pk}/auto_labeling_tasks/"
    made = staff.post(address, json.dumps({"kind": "active_learning"}), content_type="application/json")
    assert made.status_code == 202, made.content
    assert made.json()["algorithm"] == "fast"
    (listed,) = staff.get(address).json()["results"]
    one = f"/api/v1/auto_labeling_tasks/{listed['id']}/"
    auto_work.execute(listed["id"])
    shown = staff.get(one).json()
    assert (shown["status"], shown["proposed"], shown["share"]) == ("succeeded", 60, 1.0)
    assert [event["name"] for event in shown["events"]][-1] == "end"
    stopped = staff.post(f"{one}stop/", "{}", content_type="application/json")
    assert stopped.status_code == 409


def test_the_api_refuses_in_words(staff) -> None:
    address = f"/api/v1/datasets/{DatasetFactory.create().pk}/auto_labeling_tasks/"
    answer = staff.post(address, json.dumps({"kind": "active_learning"}), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_few_labels")


def test_the_command_labels_and_says_what_came_of_it(capsys) -> None:
    dataset = digits()
    by = UserFactory.create(username="cron")
    call_command("auto_label", dataset.name, "--by", by.username, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["proposed"]) == ("succeeded", 60)
    assert dataset.samples.filter(status=Status.TO_BE_CONFIRMED).count() == 60
    with pytest.raises(CommandError, match="no unlabeled image"):
        call_command("auto_label", dataset.name, "--by", by.username)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--by", "cron"], "no dataset"),
        (["digits", "--by", "nobody"], "no user"),
        (["digits", "--by", "cron", "--model", "lights 2"], "no model"),
        (["digits", "--by", "cron", "--map", "lights"], "CLASS=LABEL"),
    ],
)
def test_the_command_says_what_it_does_not_know(arguments, words) -> None:
    digits(unlabeled=1)
    UserFactory(username="cron")
    with pytest.raises(CommandError, match=words):
        call_command("auto_label", *arguments)


def test_the_first_page_shows_what_goes_on(staff) -> None:
    dataset = digits(name="first digits")
    task = started(dataset)
    shown = staff.get(reverse("admin:index")).content.decode()
    assert "Active learning of first digits" in shown
    assert page(dataset, "auto_task", task.pk) in shown
