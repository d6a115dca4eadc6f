"""Two runs over the same inputs, compared: each input once, whatever dies in between, and what people see of it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from batchservices import comparison
from batchservices.compared import ComparedInput, RunComparison
from batchservices.comparison import compare, execute
from batchservices.models import BatchRun, CollectionTask, RunItem
from config.refusals import Refused
from datasets.models import Task
from tests.batchservices.pages import RUN, read, send
from tests.factories import (
    BatchRunFactory,
    CollectionTaskFactory,
    DatasetFactory,
    MiningFactory,
    RunItemFactory,
)
from tests.programs import program

pytestmark = pytest.mark.django_db


def ended(labels: dict[str, str], **changes: Any) -> BatchRun:
    """A run that has predicted inputs: by their content, the label."""
    run = BatchRunFactory.create(status="finished", total=len(labels), done=len(labels), **changes)
    run.profile = {"task": run.model.task, "class_names": ["cat", "dog"]}
    run.save()
    for position, (content, label) in enumerate(labels.items()):
        RunItemFactory.create(run=run, position=position, sha256=content * 64, predicted_label=label)
    return run


@pytest.fixture
def runs() -> tuple[BatchRun, BatchRun]:
    """a stays, b and c change, d is new, e is gone; in another order."""
    before = ended({"e": "cat", "c": "dog", "b": "cat", "a": "cat"})
    return ended({"a": "cat", "b": "dog", "c": "cat", "d": "dog"}, service=before.service), before


def compared(run: BatchRun, other: BatchRun) -> RunComparison:
    made = compare(run=run, other=other, by=None)
    execute(made.pk)
    made.refresh_from_db()
    assert made.status == "finished", made.error
    return made


def test_inputs_are_told_apart_by_what_changed(runs: tuple[BatchRun, BatchRun]) -> None:
    made = compared(*runs)
    assert made.counts == {"same": 1, "changed_label": 2, "only_after": 1, "only_before": 1}
    assert sorted(made.labels) == [["cat", "dog", 1], ["dog", "cat", 1]]
    assert list(made.items.order_by("change", "place").values_list("change", "position", "other_position")) == [
        ("changed_label", 1, 2),
        ("changed_label", 2, 1),
        ("only_after", 3, None),
        ("only_before", None, 0),
    ]


def test_it_goes_on_where_it_was_left(runs: tuple[BatchRun, BatchRun], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compared(*runs)
    expected = (whole.counts, sorted(whole.labels), whole.items.count())
    whole.delete()
    monkeypatch.setattr(comparison, "BLOCK", 1)
    made = compare(run=runs[0], other=runs[1], by=None)

    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(comparison, "breathe", die)
        for _ in range(6):
            with pytest.raises(SystemExit):
                execute(made.pk)
    execute(made.pk)
    made.refresh_from_db()
    assert made.status == "finished"
    assert (made.counts, sorted(made.labels), made.items.count()) == expected


def test_asked_twice_it_is_done_once_unless_a_run_went_on(runs: tuple[BatchRun, BatchRun]) -> None:
    made = compared(*runs)
    assert compare(run=runs[0], other=runs[1], by=None) == made
    BatchRun.objects.filter(pk=runs[0].pk).update(finished_at=made.finished_at)
    assert compare(run=BatchRun.objects.get(pk=runs[0].pk), other=runs[1], by=None) != made
    assert RunComparison.objects.count() == 1


def test_hard_examples_are_compared_where_a_filter_saw_both(runs: tuple[BatchRun, BatchRun]) -> None:
    flags = {runs[0]: [True, False, True, False], runs[1]: [False, True, False, False]}
    for run, flagged in flags.items():
        mining = MiningFactory.create(status="finished")
        CollectionTaskFactory.create(kind="filter", run=run, service=run.service, mining=mining)
        for position, each in enumerate(flagged):
            sha256 = run.items.get(position=position).sha256
            mining.items.create(position=position, sha256=sha256, flagged=each)
    made = compared(*runs)
    assert made.hardness
    assert (made.counts["newly_hard"], made.counts["changed_label"]) == (1, 2)
    assert made.items.get(change="newly_hard").position == 0
    assert "no_longer_hard" not in made.counts


def test_boxes_are_compared() -> None:
    first, second = ({"detection_classes": ["cat"], "detection_scores": [0.9]} for _ in range(2))
    first["detection_boxes"], second["detection_boxes"] = [[0, 0, 100, 100]], [[0, 30, 100, 130]]
    before, after = ended({"a": "cat"}), ended({"a": "cat"})
    for run, said in ((before, first), (after, second)):
        run.model.task = Task.OBJECT_DETECTION
        run.model.save()
        BatchRun.objects.filter(pk=run.pk).update(profile={"task": Task.OBJECT_DETECTION, "class_names": ["cat"]})
        RunItem.objects.filter(run=run).update(prediction=said)
    made = compared(BatchRun.objects.get(pk=after.pk), BatchRun.objects.get(pk=before.pk))
    assert made.counts == {"moved": 1}


def test_what_cannot_be_compared_is_refused(runs: tuple[BatchRun, BatchRun]) -> None:
    run = runs[0]
    with pytest.raises(Refused, match="Choose another run"):
        compare(run=run, other=run, by=None)
    with pytest.raises(Refused, match="has no predictions"):
        compare(run=run, other=BatchRunFactory.create(status="failed"), by=None)
    with pytest.raises(Refused, match="goes on still"):
        compare(run=run, other=BatchRunFactory.create(status="running", done=3), by=None)
    boxes = ended({"a": "cat"})
    boxes.model.task = Task.OBJECT_DETECTION
    with pytest.raises(Refused, match="only alike can be compared"):
        compare(run=run, other=boxes, by=None)


def test_the_page_compares_and_shows_each_kind(staff: Client, runs: tuple[BatchRun, BatchRun]) -> None:
    run, other = runs
    address = reverse(f"{RUN}_compare", args=[run.pk])
    assert address in read(staff, reverse(f"{RUN}_change", args=[run.pk]))
    assert f"Run {other.pk} · " in read(staff, address)
    assert "0 of 8" in send(staff, address, {"other": other.pk})
    execute(RunComparison.objects.get().pk)
    text = read(staff, address, other=other.pk)
    assert "<strong>2</strong> Changed label" in text
    assert "Hard examples are not compared" in text
    assert text.count('class="hm-card"') == 2
    assert read(staff, address, other=other.pk, change="only_before").count('class="hm-card"') == 1
    assert "Choose a run to compare with" in send(staff, address, {"other": "x"})
    assert "Choose another run" in send(staff, address, {"other": run.pk})
    progress = staff.get(reverse(f"{RUN}_compare_progress", args=[run.pk, other.pk])).json()
    assert (progress["active"], progress["share"]) == (False, 1.0)


def test_chosen_inputs_go_into_a_dataset(staff: Client, runs: tuple[BatchRun, BatchRun]) -> None:
    compared(*runs)
    dataset = DatasetFactory.create()
    address = reverse(f"{RUN}_compare_add", args=[runs[0].pk])
    assert "2 images are going into" in send(staff, address, {"chosen": [1, 2], "dataset": dataset.pk})
    assert CollectionTask.objects.get().positions == [1, 2]
    assert "Select images first" in send(staff, address, {"dataset": dataset.pk})


def test_programs_compare_too(runs: tuple[BatchRun, BatchRun]) -> None:
    run, other = runs
    client = program("batchservices.view_batchrun")
    made = client.post(f"/api/v1/runs/{run.pk}/compare/", {"other": other.pk}, format="json")
    assert (made.status_code, made.json()["status"]) == (202, "comparing")
    execute(made.json()["id"])
    address = f"/api/v1/comparisons/{made.json()['id']}/"
    assert client.get(address).json()["counts"]["changed_label"] == 2
    found = client.get(f"{address}inputs/", {"change": "changed_label"}).json()["results"]
    assert [(each["position"], each["other_position"]) for each in found] == [(1, 2), (2, 1)]
    assert found[0]["name"] == run.items.get(position=1).name
    assert (found[0]["predicted_label"], found[0]["other_predicted_label"]) == ("dog", "cat")
    gone = client.get(f"{address}inputs/", {"change": "only_before"}).json()["results"][0]
    assert (gone["position"], gone["name"], gone["other_predicted_label"]) == (None, None, "cat")
    assert ComparedInput.objects.count() == 4
