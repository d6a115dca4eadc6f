"""The doors of the review bench: versions, tokens, leases, permissions, and what they refuse."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets import bulk_review, counters
from datasets.models import Annotation, Dataset, ReviewEvent, Sample, Status
from labeling import claims
from labeling.models import ReviewLease
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    LabelFactory,
    ReviewLeaseFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.conftest import rights

QUEUE = "?tab=to_be_confirmed"


def named_digits() -> Dataset:
    dataset = DatasetFactory(name="digits")
    for name in ("one", "seven"):
        LabelFactory(dataset=dataset, name=name, shortcut=name[0])
    return dataset


@pytest.fixture
def dataset(db) -> Dataset:
    return named_digits()


@pytest.fixture
def waiting(dataset) -> list[Sample]:
    """Three samples that the model calls one, the hardest first."""
    return [flagged(dataset, coefficient) for coefficient in (0.9, 0.6, 0.3)]


@pytest.fixture
def yard(db) -> Sample:
    """A picture of 640 × 480 with a cat."""
    dataset = DetectionDatasetFactory(name="yards")
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard_coefficient=0.5)
    cat = LabelFactory(dataset=dataset, name="cat")
    LabelFactory(dataset=dataset, name="dog")
    BoxFactory(sample=sample, label=cat, origin="model", confidence=0.4, xmin=10.1, ymin=20.2, xmax=110.3, ymax=220.4)
    return sample


def person(name: str) -> Client:
    """Another reviewer, who may not mark."""
    user = UserFactory(username=name, is_staff=True)
    user.user_permissions.set(rights("datasets.view_sample", "datasets.confirm_sample"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def fred(db) -> Client:
    return person("fred")


def flagged(dataset: Dataset, coefficient: float) -> Sample:
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=coefficient)
    AnnotationFactory(sample=sample, label=dataset.labels.get(name="one"), origin="model", confidence=0.5)
    return sample


def token() -> str:
    return secrets.token_hex(16)


def door(name: str, sample: Sample, *, one: bool = True) -> str:
    job = sample.dataset.labeling_jobs.get(is_default=True)
    return reverse(f"labeling:{name}", args=[job.pk, sample.pk] if one else [job.pk]) + QUEUE


def send(client: Client, address: str, body: object):
    return client.post(address, json.dumps(body), content_type="application/json")


def decide(client: Client, sample: Sample, verb: str = "confirm", **words):
    body = {"verb": verb, "version": sample.version, "batch": token(), **words}
    return send(client, door("one", sample), body)


def turn(client: Client, sample: Sample, way: str = "undo", **words):
    return send(client, door(way, sample, one=False), {"batch": token(), **words})


def labels(sample: Sample) -> list[str]:
    return list(sample.annotations.values_list("label__name", flat=True))


def fresh(sample: Sample) -> Sample:
    return Sample.objects.get(pk=sample.pk)


# --- deciding
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


# --- what comes next
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


# --- undo
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


# --- who may
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


# --- what is refused
BAD_CLAIMS = [
    *("cat", 7, {"label": "cat"}, ["cat"], [None], [{}], [{"box": [0, 0, 9, 9]}], [{"label": None}]),
    *([{"label": ["cat"]}], [{"label": "cat", "box": {}}], [{"label": "cat", "box": "0,0,9,9"}]),
    *([{"label": "cat", "box": [0, 0, 9]}], [{"label": "cat", "box": [0, 0, 9, "9"]}]),
    *([{"label": "cat", "box": [0, 0, True, 9]}], [{"label": "cat", "box": [0, 0, 9, 1e300]}]),
    *([{"label": "cat", "box": [0, 0, 9, 9], "by": "model"}], [{"label": "cat", "box": [0, 0, 10**400, 9]}]),
    *([{"label": "cat", "box": [-5, 0, 9, 9]}], [{"label": "cat", "box": [0, 0, 641, 9]}]),
    *([{"label": "cat", "box": [9, 9, 9, 9]}], [{"label": "cat", "box": [9, 0, 0, 9]}], [{"label": "cat"}]),
    *([{"label": "cow", "box": [0, 0, 9, 9]}], [{"label": "", "box": [0, 0, 9, 9]}]),
    [{"label": "cat", "box": [0, 0, 9, 9]}] * 10_001,
]


@pytest.mark.parametrize("said", BAD_CLAIMS, ids=lambda said: str(said)[:60])
def test_claims_that_make_no_sense_are_refused_in_words(yard, review, said):
    answer = decide(review, yard, claims=said)
    assert answer.status_code == 400
    assert set(answer.json()) >= {"code", "message"}
    assert (fresh(yard).version, labels(yard)) == (1, ["cat"])
    assert not ReviewEvent.objects.exists()


BAD_BODIES = [
    *(b"", b"[]", b"null", b"{", b'{"verb": "confirm"', b"\xff", b'{"a": NaN}', b"[" * 5000, b'{"verb": "\\u0000"}'),
    *(b'{"verb": "confirm", "version": 1}', b'{"verb": "confirm", "version": 1, "batch": "x"}'),
    b'{"verb": "delete", "version": 1, "batch": "%s"}' % (b"0" * 32),
    b'{"verb": "confirm", "version": -1, "batch": "%s"}' % (b"0" * 32),
    b'{"verb": "confirm", "version": 1e99, "batch": "%s"}' % (b"0" * 32),
    b'{"verb": "confirm", "version": "x", "batch": "%s"}' % (b"0" * 32),
    b'{"verb": "confirm", "version": 1, "batch": "%s", "by": 1}' % (b"0" * 32),
    b'{"verb": "confirm", "version": 1, "version": 1, "batch": "%s"}' % (b"0" * 32),
    b'{"verb": "confirm", "version": 1, "batch": "%s", "claims": [{"label": "cat", "box": [NaN, 0, 9, 9]}]}'
    % (b"0" * 32),
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:60]))
@pytest.mark.parametrize("name", ["one", "undo", "redo", "next", "hold"])
def test_a_body_that_makes_no_sense_changes_nothing(yard, review, name, body):
    answer = review.post(door(name, yard, one=name in ("one", "hold")), body, content_type="application/json")
    assert answer.status_code == 400 or (name == "hold" and body in (b"", b"{}")), answer.content
    assert not ReviewEvent.objects.exists()
    assert fresh(yard).version == 1


def test_a_body_of_a_billion_boxes_is_not_read_to_its_end(yard, review):
    body = b'{"verb": "confirm", "claims": [' + b'{"label": "cat", "box": [0,0,9,9]},' * 400_000
    answer = review.post(door("one", yard), body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_filter_that_is_not_understood_is_said(waiting, review):
    address = door("one", waiting[0])
    assert review.get(address.replace("to_be_confirmed", "nowhere")).json()["code"] == "unknown_filter"
    assert review.get(f"{address}&is_superuser=1").json()["code"] == "unknown_filter"


def test_names_stay_text(dataset, review):
    evil = "<img src=x onerror=alert(1)>"
    sample = SampleFactory(dataset=dataset, name=evil, predicted_label=evil, status=Status.TO_BE_CONFIRMED)
    AnnotationFactory(sample=sample, label=LabelFactory(dataset=dataset, name=evil))
    decide(review, sample, claims=[{"label": "one"}])
    shown = review.get(door("one", sample)).json()
    assert shown["name"] == evil  # the script sets it as text
    assert evil not in shown["evidence"]
    assert "&lt;img src=x onerror=alert(1)&gt; → one" in shown["evidence"]
    page = review.get(shown["address"]).content.decode()
    assert evil not in page


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["label", "box", "x"]), inner),
    max_leaves=12,
)


@given(said=JSON | st.lists(st.fixed_dictionaries({"label": st.text(max_size=3), "box": JSON}), max_size=3))
def test_whatever_is_said_is_read_as_claims_or_refused(said):
    code, read = "", None
    try:
        read = claims.read(said)
    except Refused as refused:
        code = refused.code
    assert code in ("", "bad_claims", "too_many_boxes")
    assert read is None or [
        {"label": claim.label, "box": list(claim.box) if claim.box else None} for claim in read
    ] == [{"label": claim["label"], "box": claim.get("box")} for claim in said]
    assert all(claim.by == Annotation.By.HUMAN for claim in read or ())
