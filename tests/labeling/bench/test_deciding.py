"""What a press decides, and what comes next."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from datasets import bulk_review, counters
from datasets.models import ReviewEvent, Sample, Status
from labeling.models import ReviewLease
from tests.factories import (
    ReviewLeaseFactory,
    UserFactory,
)
from tests.labeling.bench.doors import QUEUE, decide, door, flagged, fresh, labels, named_digits, person, send, token


def test_the_answer_to_a_decision_brings_the_next_sample(waiting, review):
    answer = decide(review, waiting[0], claims=[{"label": "seven", "box": None}]).json()
    assert (fresh(waiting[0]).status, labels(waiting[0])) == (Status.LABELED, ["seven"])
    assert answer["sample"]["id"] == waiting[1].pk
    assert answer["sample"]["current"] == ["one"]
    assert (answer["sample"]["position"], answer["sample"]["count"]) == ("1", "2")
    assert "Why it is here" in answer["sample"]["evidence"]
    assert counters.check(waiting[0].dataset) == []


def test_what_is_confirmed_as_it_stands_keeps_its_row(waiting, review):
    row = waiting[0].annotations.get().pk
    decide(review, waiting[0], claims=[{"label": "one", "box": None}])
    assert waiting[0].annotations.get().pk == row
    assert ReviewEvent.objects.get().outcome == "unchanged"


@pytest.mark.parametrize("verb", ["confirm", "reject", "confirm_hard_example", "unmark"])
def test_a_press_that_is_sent_twice_has_one_effect_and_the_same_answer(waiting, review, verb):
    if verb == "confirm_hard_example":
        bulk_review.unmark_hard(samples=[waiting[0].pk], by=UserFactory())
        waiting[0].refresh_from_db()
    before = ReviewEvent.objects.count()
    batch = token()
    first, second = (decide(review, waiting[0], verb, batch=batch) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["sample"]["id"] == second.json()["sample"]["id"]
    assert ReviewEvent.objects.count() == before + 1
    assert ReviewLease.objects.filter(sample__in=waiting).count() <= 1


def test_marking_stays_with_the_sample_and_touches_hardness_alone(waiting, review):
    answer = decide(review, waiting[0], "unmark").json()
    assert (answer["sample"]["id"], answer["sample"]["hard"]) == (waiting[0].pk, False)
    assert answer["sample"]["version"] == waiting[0].version + 1
    assert (fresh(waiting[0]).status, labels(waiting[0])) == (Status.TO_BE_CONFIRMED, ["one"])


@pytest.mark.parametrize("verb", ["confirm", "reject", "unmark"])
def test_who_was_overtaken_hears_what_others_did_and_nothing_is_saved(waiting, review, fred, verb):
    decide(fred, waiting[0], claims=[{"label": "seven", "box": None}])
    answer = decide(review, waiting[0], verb)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (412, "stale")
    assert [(event["by"], event["what"]) for event in told["theirs"]] == [("fred", "confirmed")]
    assert told["theirs"][0]["changes"] == ["To Be Confirmed → Labeled", "one → seven"]
    assert (told["sample"]["status"], told["sample"]["current"]) == ("Labeled", ["seven"])
    assert ReviewEvent.objects.count() == 1
    assert decide(review, fresh(waiting[0]), claims=[{"label": "one", "box": None}]).status_code == 200
    assert labels(waiting[0]) == ["one"]


def test_boxes_are_stored_to_the_last_bit(yard, review):
    drawn = [10.1, 20.2, 110.3, 220.40390625]
    third = [1 / 3, 2 / 3, 100 + 1 / 3, 479.99999999999994]
    decide(review, yard, claims=[{"label": "cat", "box": drawn}, {"label": "dog", "box": third}])
    stored = list(yard.annotations.order_by("id").values_list("xmin", "ymin", "xmax", "ymax"))
    assert [list(box) for box in stored] == [drawn, third]
    assert [row.origin for row in yard.annotations.all()] == ["human", "human"]


def test_a_box_that_nobody_touched_keeps_its_row(yard, review):
    row = yard.annotations.get()
    shown = review.get(door("one", yard)).json()["boxes"]
    assert shown[0]["id"] == row.pk
    decide(review, yard, claims=[{"label": "cat", "box": shown[0]["box"]}])
    kept = yard.annotations.get()
    assert (kept.pk, kept.origin, kept.confidence) == (row.pk, "model", 0.4)
    assert ReviewEvent.objects.get().outcome == "unchanged"


def test_a_picture_of_nothing_is_confirmed_without_boxes(yard, review):
    assert decide(review, yard, claims=[]).status_code == 200
    assert (fresh(yard).status, labels(yard)) == (Status.LABELED, [])


def test_next_passes_over_what_others_hold_and_comes_back_to_it(waiting, review):
    lease = ReviewLeaseFactory(sample=waiting[1])
    answer = decide(review, waiting[0], claims=[{"label": "one"}]).json()
    assert answer["sample"]["id"] == waiting[2].pk
    lease.expires_at = timezone.now() - timedelta(seconds=1)
    lease.save()
    answer = decide(review, waiting[2], claims=[{"label": "one"}]).json()
    assert answer["sample"]["id"] == waiting[1].pk
    answer = decide(review, waiting[1], claims=[{"label": "one"}]).json()
    assert (answer["sample"], answer["left"]) == (None, 0)


def test_where_others_hold_the_rest_it_says_how_many_are_left(waiting, review):
    for sample in waiting[1:]:
        ReviewLeaseFactory(sample=sample)
    answer = decide(review, waiting[0], claims=[{"label": "one"}]).json()
    assert (answer["sample"], answer["left"]) == (None, 2)


def test_what_is_left_without_a_decision_is_free_again(waiting, review, reviewer):
    address = door("next", waiting[0], one=False)
    assert send(review, address, {"sample": waiting[0].pk}).json()["sample"]["id"] == waiting[1].pk
    assert list(ReviewLease.objects.values_list("sample", flat=True)) == [waiting[1].pk]
    back = send(review, address, {"sample": waiting[1].pk, "back": True}).json()
    assert back["sample"]["id"] == waiting[0].pk
    assert list(ReviewLease.objects.values_list("sample", flat=True)) == [waiting[0].pk]


def test_a_queue_that_keeps_what_is_decided_has_an_end(waiting, review):
    address = door("one", waiting[2]).replace(QUEUE, "?tab=all")
    body = {"verb": "confirm", "version": 1, "batch": token(), "claims": [{"label": "one"}]}
    assert send(review, address, body).json()["sample"] is None


def test_holding_tells_who_else_has_it_open(waiting, review, fred):
    address = door("hold", waiting[0])
    assert send(fred, address, {}).json() == {"holder": ""}
    assert send(review, address, {}).json() == {"holder": "fred"}
    assert review.get(door("one", waiting[0])).json()["holder"] == "fred"
    assert send(fred, address, {"open": False}).json() == {"holder": ""}
    assert send(review, address, {"open": True}).json() == {"holder": ""}
    assert send(fred, address, {}).json() == {"holder": "rita"}


@pytest.mark.django_db(transaction=True)
def test_of_fifty_saves_of_one_image_one_wins_and_the_others_are_told():
    sample = flagged(named_digits(), 0.9)
    people = [person(f"reviewer {number}") for number in range(10)]
    address = door("one", sample)

    def save(number: int) -> int:
        try:
            body = {"verb": "confirm", "version": sample.version, "batch": token(), "claims": [{"label": "seven"}]}
            return send(people[number % 10], address, body).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(save, range(50)))
    assert sorted(answers) == [200] + [412] * 49
    assert ReviewEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_reviewers_who_work_at_once_never_meet_and_forget_none():
    dataset = named_digits()
    for number in range(60):
        flagged(dataset, number / 60)
    start = flagged(dataset, 1.0)
    people = [person(f"reviewer {number}") for number in range(20)]
    shown: list[int] = []

    def work(client: Client) -> None:
        try:
            answer = send(client, door("next", start, one=False), {"sample": start.pk}).json()
            while answer["sample"]:
                shown.append(answer["sample"]["id"])
                body = {"verb": "confirm", "version": 1, "batch": token(), "claims": [{"label": "one"}]}
                address = door("one", start).replace(f"/{start.pk}/", f"/{answer['sample']['id']}/")
                saved = send(client, address, body)
                assert saved.status_code == 200, saved.content
                answer = saved.json()
        finally:
            connection.close()

    Sample.objects.filter(pk=start.pk).update(status=Status.LABELED, hard=False)  # where they come from
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, people))
    assert len(shown) == len(set(shown)) == 60
    assert not Sample.objects.exclude(status=Status.LABELED).exists()
