"""Undo and redo across images, and who may."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from datasets import bulk_review, counters
from datasets.models import ReviewEvent, Sample, Status
from tests.factories import (
    UserFactory,
)
from tests.labeling.bench.doors import decide, door, fresh, labels, send, token, turn
from tests.labeling.conftest import rights


def test_undo_and_redo_go_across_images(waiting, review):
    for sample in waiting[:2]:
        decide(review, sample, claims=[{"label": "seven"}])
    assert turn(review, waiting[2]).json()["sample"]["id"] == waiting[1].pk
    answer = turn(review, waiting[2]).json()
    assert (answer["sample"]["id"], answer["sample"]["status"]) == (waiting[0].pk, "To Be Confirmed")
    assert answer["said"] == f"Undone: {waiting[0].name}"
    assert labels(waiting[0]) == ["one"]
    assert turn(review, waiting[2], "redo").json()["sample"]["id"] == waiting[0].pk
    assert (fresh(waiting[0]).status, labels(waiting[0])) == (Status.LABELED, ["seven"])
    assert fresh(waiting[1]).status == Status.TO_BE_CONFIRMED
    assert counters.check(waiting[0].dataset) == []


def test_an_undo_that_is_sent_twice_undoes_one_step(waiting, review):
    for sample in waiting[:2]:
        decide(review, sample, claims=[{"label": "seven"}])
    batch = token()
    first, second = (turn(review, waiting[0], batch=batch) for _ in range(2))
    assert first.json()["sample"]["id"] == second.json()["sample"]["id"] == waiting[1].pk
    assert fresh(waiting[0]).status == Status.LABELED


def test_a_batch_is_undone_and_redone_as_a_whole(waiting, review, reviewer):
    bulk_review.confirm_many(sample_ids=[sample.pk for sample in waiting], by=reviewer)
    answer = turn(review, waiting[0]).json()
    assert answer["said"] == "Undone: 3 samples"
    assert not Sample.objects.filter(status=Status.LABELED).exists()
    assert turn(review, waiting[0], "redo").json()["said"] == "Done again: 3 samples"
    assert Sample.objects.filter(status=Status.LABELED).count() == 3


def test_a_step_of_the_history_is_undone_by_its_button(waiting, review):
    decide(review, waiting[0], claims=[{"label": "seven"}])
    event = ReviewEvent.objects.get()
    page = review.get(door("one", waiting[0])).json()["evidence"]
    assert f'data-undo="{event.pk}" data-way="undo"' in page
    assert "To Be Confirmed → Labeled, one → seven" in page
    assert turn(review, waiting[1], event=event.pk).json()["sample"]["id"] == waiting[0].pk
    assert f'data-undo="{event.pk}"' not in review.get(door("one", waiting[0])).json()["evidence"]


def test_undo_takes_nothing_away_from_others(waiting, review, fred):
    decide(review, waiting[0], claims=[{"label": "seven"}])
    decide(fred, fresh(waiting[0]), claims=[{"label": "one"}])
    answer = turn(review, waiting[0])
    assert (answer.status_code, answer.json()["code"]) == (409, "changed_since")
    assert labels(waiting[0]) == ["one"]


@pytest.mark.parametrize("way", ["undo", "redo"])
def test_without_anything_of_ones_own_there_is_nothing_to_undo(waiting, review, way):
    answer = turn(review, waiting[0], way).json()
    assert answer["sample"] is None
    assert "You have nothing to" in answer["said"]


def test_an_event_of_another_dataset_is_out_of_reach(waiting, yard, review, reviewer):
    decide(review, yard, claims=[])
    assert turn(review, waiting[0], event=ReviewEvent.objects.get().pk).status_code == 404
    assert fresh(yard).status == Status.LABELED


def test_seeing_is_not_deciding(waiting, client):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(rights("datasets.view_sample"))
    client.force_login(viewer)
    for verb in ("confirm", "reject", "confirm_hard_example", "unmark"):
        assert decide(client, waiting[0], verb).status_code == 403
    assert not ReviewEvent.objects.exists()


def test_undoing_takes_the_permission_of_what_is_undone(waiting, review, fred):
    decide(review, waiting[0], "unmark")
    event = ReviewEvent.objects.get().pk
    assert turn(fred, waiting[0], event=event).status_code == 403
    assert turn(review, waiting[0], event=event).status_code == 200


def test_people_who_are_no_staff_stay_outside(waiting, client):
    user = UserFactory()
    user.user_permissions.set(rights("datasets.view_sample", "datasets.confirm_sample"))
    client.force_login(user)
    assert decide(client, waiting[0]).status_code == 403
    assert client.get(door("bench", waiting[0], one=False)).status_code == 403


def test_without_the_forms_token_nothing_is_saved(waiting, reviewer):
    client = Client(enforce_csrf_checks=True)
    client.force_login(reviewer)
    assert decide(client, waiting[0]).status_code == 403
    known = client.get(door("bench", waiting[0], one=False)).json()
    assert known["user"] == "rita"
    body = json.dumps({"verb": "reject", "version": 1, "batch": token()})
    headers = {"X-CSRFToken": known["token"]}
    answer = client.post(door("one", waiting[0]), body, content_type="application/json", headers=headers)
    assert answer.status_code == 200


def test_a_sample_of_another_dataset_is_not_there(waiting, yard, review):
    address = reverse("labeling:one", args=[waiting[0].dataset.labeling_jobs.get().pk, yard.pk])
    assert review.get(address).status_code == 404
    body = {"verb": "reject", "version": 1, "batch": token()}
    assert send(review, address, body).json()["code"] == "sample_not_found"
    assert fresh(yard).status == Status.TO_BE_CONFIRMED
