"""The doors of auto grouping: pages, REST API, command; and labeling group by group on the grid."""

import json
import secrets

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from datasets import attributes
from datasets.models import AttributeValue, Status
from labeling import auto_grouping, auto_work, portrait, queue, selections
from labeling.models import AutoLabelingTask
from tests.factories import DatasetFactory, SampleFactory, StaffFactory, UserFactory
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


def grouped(dataset, **chosen) -> AutoLabelingTask:
    """A task of three groups that has ended."""
    chosen = {"attribute": "group", "groups": 3, "by": UserFactory.create(), **chosen}
    task = auto_grouping.start_auto_grouping(dataset=dataset, **chosen)
    auto_work.execute(task.pk)
    task.refresh_from_db()
    return task


def values(dataset) -> list[AttributeValue]:
    return attributes.values_of(dataset)["group"]


def label_all(client, dataset, back: str, label: str):
    """Select all that match, a label, OK."""
    posted = {
        "verb": "confirm",
        "label": dataset.labels.get(name=label).pk,
        "all": "yes",
        "back": back,
        "batch": secrets.token_hex(16),
    }
    return client.post(page(dataset, "batch"), posted, follow=True)


def test_a_task_is_started_from_the_page_of_the_job_and_shows_its_groups(starter) -> None:
    dataset = digits()
    assert page(dataset, "group_start") in starter.get(page(dataset, "job")).content.decode()
    chosen = {"groups": "3", "attribute": "look", "clarity": "on", "color": "on"}
    answer = starter.post(page(dataset, "group_start"), chosen, follow=True)
    task = dataset.auto_labeling_tasks.get()
    assert (task.kind, task.group_count, task.attribute) == ("auto_grouping", 3, "look")
    assert task.measures == ["clarity", "color"]
    assert page(dataset, "auto_progress", task.pk) in answer.content.decode()
    auto_work.execute(task.pk)
    shown = starter.get(page(dataset, "auto_task", task.pk)).content.decode()
    assert "60 images are in 3 groups" in shown
    assert "the built-in descriptor and clarity, color" in shown
    for value in attributes.values_of(dataset)["look"]:
        assert f"?tab=unlabeled&amp;attribute={value.pk}" in shown
    assert "60 images are in 3 groups" in starter.get(page(dataset, "auto_tasks")).content.decode()


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"groups": "1", "attribute": "group"}, "greater than or equal to 2"),
        ({"groups": "201", "attribute": "group"}, "less than or equal to 200"),
        ({"groups": "60", "attribute": "group"}, "fewer groups than images"),
        ({"groups": "3", "attribute": "a:b"}, "letters, digits"),
        ({"groups": "3", "attribute": ""}, "required"),
    ],
)
def test_what_is_refused_is_said_in_the_form(starter, chosen, words) -> None:
    dataset = digits()
    answer = starter.post(page(dataset, "group_start"), chosen)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not dataset.auto_labeling_tasks.exists()


def test_who_may_not_start_may_look(review, outsider) -> None:
    dataset = digits()
    task = grouped(dataset)
    assert page(dataset, "group_start") not in review.get(page(dataset, "job")).content.decode()
    assert review.post(page(dataset, "group_start"), {"attribute": "group"}).status_code == 403
    assert review.get(page(dataset, "auto_task", task.pk)).status_code == 200
    assert outsider.get(page(dataset, "next_group")).status_code == 403


def test_the_grid_shows_a_group_and_what_else_it_is_filtered_by(review) -> None:
    dataset = digits()
    assert "Sample Attribute" not in review.get(page(dataset, "job")).content.decode()
    grouped(dataset)
    second = values(dataset)[1]
    inside = set(dataset.samples.filter(attributes__value=second).values_list("name", flat=True))
    address = f"{page(dataset, 'job')}?tab=all&attribute={second.pk}"
    shown = review.get(address).content.decode()
    assert "Sample Attribute" in shown
    assert {name for name in dataset.samples.values_list("name", flat=True) if name in shown} == inside
    assert f"Select all {len(inside)}" in shown
    one = sorted(inside)[0]
    answer = review.get(f"{address}&name={one}").content.decode()
    assert [name for name in inside if name in answer.partition("data-grid")[2]] == [one]
    assert "group 2 <b" in answer


def test_a_value_of_another_dataset_or_of_before_shows_nothing(review) -> None:
    dataset, other = digits(name="one"), digits(name="other")
    grouped(dataset)
    old = values(dataset)[0]
    grouped(dataset)
    grouped(other)
    for value in (old, values(other)[0]):
        shown = review.get(f"{page(dataset, 'job')}?tab=all&attribute={value.pk}").content.decode()
        assert "No sample matches" in shown
        assert "an attribute that is gone" in shown


def test_people_label_group_by_group_until_all_is_labeled(review) -> None:
    dataset = digits(labeled=1, unlabeled=60)
    task = grouped(dataset)
    address = f"tab=unlabeled&attribute={values(dataset)[0].pk}"
    for value in values(dataset):
        assert f"attribute={value.pk}" in address
        shown = label_all(review, dataset, address, "digit 1").content.decode()
        assert f"Nothing of <bdi>{value}</bdi> is unlabeled" in shown
        named = dataset.samples.filter(attributes__value=value).values_list("status", "annotations__label__name")
        assert set(named) == {(Status.LABELED, "digit 1")}
        onward = review.get(f"{page(dataset, 'next_group')}?{address}")
        address = onward.url.partition("?")[2]
    assert onward.url == page(dataset, "auto_task", task.pk)
    shown = review.get(onward.url).content.decode()
    assert "No other group has unlabeled images" in shown
    assert shown.count("all decided") == 3


def test_the_next_group_begins_again_at_the_first(review) -> None:
    dataset = digits(unlabeled=60)
    grouped(dataset)
    first, second, last = values(dataset)
    label_all(review, dataset, f"tab=all&attribute={second.pk}", "digit 1")
    onward = [review.get(f"{page(dataset, 'next_group')}?attribute={value.pk}").url for value in (first, second, last)]
    assert [url.partition("attribute=")[2] for url in onward] == [str(last.pk), str(last.pk), str(first.pk)]
    assert review.get(f"{page(dataset, 'next_group')}?attribute=x").status_code == 404
    assert review.get(page(dataset, "next_group")).status_code == 404


@pytest.mark.parametrize("few", [0, 5000])
def test_who_goes_through_a_group_one_by_one_stays_in_it(reviewer, monkeypatch, few) -> None:
    monkeypatch.setattr(attributes, "FEW", few)
    dataset = digits()
    grouped(dataset)
    value = values(dataset)[1]
    inside = set(dataset.samples.filter(attributes__value=value).values_list("pk", flat=True))
    wanted = queue.Queue(tab="unlabeled", attribute=value.pk)
    sample = wanted.folded(dataset).first()
    seen = [sample.pk]
    while len(seen) < len(inside):
        sample = portrait.onward(sample=sample, wanted=wanted, dataset=dataset, by=reviewer)
        seen.append(sample.pk)
    assert set(seen) == inside


def test_a_large_group_is_labeled_by_a_worker(review, monkeypatch) -> None:
    monkeypatch.setattr("labeling.selection_page.AT_ONCE", 5)
    dataset = digits()
    grouped(dataset)
    value = values(dataset)[0]
    label_all(review, dataset, f"tab=unlabeled&attribute={value.pk}", "digit 2")
    work = dataset.review_tasks.get()
    selections.execute(work.pk)
    rows = dataset.samples.filter(attributes__value=value)
    assert {sample.status for sample in rows} == {Status.LABELED}
    assert dataset.samples.filter(status=Status.UNLABELED).count() == 60 - rows.count()


def test_groups_that_were_replaced_are_not_opened(review) -> None:
    dataset = digits()
    first, second = grouped(dataset), grouped(dataset, groups=4)
    shown = review.get(page(dataset, "auto_task", first.pk)).content.decode()
    assert "told anew since" in shown
    assert "hm-groups" not in shown
    assert "hm-groups" in review.get(page(dataset, "auto_task", second.pk)).content.decode()


def test_while_it_groups_to_be_confirmed_promises_nothing(review) -> None:
    dataset = digits()
    auto_grouping.start_auto_grouping(dataset=dataset, attribute="group", groups=3, by=UserFactory.create())
    shown = review.get(f"{page(dataset, 'job')}?tab=to_be_confirmed").content.decode()
    assert "Auto grouping into 3 groups" in shown
    assert "Auto labeling is at work" not in shown


def test_the_api_starts_lists_shows_and_filters(staff) -> None:
    dataset = digits()
    address = f"/api/v1/datasets/{dataset.pk}/auto_grouping_tasks/"
    made = staff.post(address, json.dumps({"groups": 3, "measures": ["color"]}), content_type="application/json")
    assert made.status_code == 202, made.content
    assert (made.json()["attribute"], made.json()["group_count"], made.json()["groups"]) == ("group", 3, [])
    (listed,) = staff.get(address).json()["results"]
    auto_work.execute(listed["id"])
    shown = staff.get(f"/api/v1/auto_labeling_tasks/{listed['id']}/").json()
    assert (shown["kind"], shown["status"], [event["name"] for event in shown["events"]][2]) == (
        "auto_grouping",
        "succeeded",
        "grouping",
    )
    samples = f"/api/v1/datasets/{dataset.pk}/samples/?page_size=100&attribute="
    for group in shown["groups"]:
        found = staff.get(f"{samples}group:{group['value']}").json()["results"]
        assert len(found) == group["count"]
        assert set(group["samples"]) <= {sample["id"] for sample in found}
        one = staff.get(f"/api/v1/samples/{found[0]['id']}/").json()
        assert one["attributes"] == {"group": group["value"]}
    for nothing in ("group:4", "other:1", "group"):
        assert staff.get(f"{samples}{nothing}").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"groups": 3}, 409, "nothing_unlabeled"),
        ({"groups": 201}, 400, "invalid_input"),
        ({"measures": ["size"]}, 400, "invalid_input"),
        ({"attribute": "a:b"}, 400, "bad_attribute_name"),
    ],
)
def test_the_api_refuses_in_words(staff, body, status, code) -> None:
    address = f"/api/v1/datasets/{DatasetFactory.create().pk}/auto_grouping_tasks/"
    answer = staff.post(address, json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_door_of_auto_labeling_does_not_group(staff) -> None:
    address = f"/api/v1/datasets/{digits().pk}/auto_labeling_tasks/"
    answer = staff.post(address, json.dumps({"kind": "auto_grouping"}), content_type="application/json")
    assert answer.status_code == 400


def test_the_command_groups_and_says_what_came_of_it(capsys) -> None:
    dataset = digits(unlabeled=60)
    UserFactory.create(username="cron")
    call_command("auto_group", dataset.name, "--by", "cron", "--groups", "3", "--measure", "clarity", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["attribute"], sum(told["groups"].values())) == ("succeeded", "group", 60)
    assert list(told["groups"]) == ["1", "2", "3"]
    call_command("auto_group", dataset.name, "--by", "cron", "--no-wait")
    assert "queuing" in capsys.readouterr().out
    with pytest.raises(CommandError, match="fewer groups"):
        call_command("auto_group", dataset.name, "--by", "cron", "--groups", "100")


def test_a_sample_that_no_group_has_is_in_none() -> None:
    dataset = digits()
    grouped(dataset)
    new = SampleFactory.create(dataset=dataset)
    assert not any(new in attributes.having(dataset, value.pk) for value in values(dataset))
