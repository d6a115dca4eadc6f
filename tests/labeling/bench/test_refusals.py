"""What the doors refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets.models import Annotation, ReviewEvent, Status
from labeling import claims
from tests.factories import (
    AnnotationFactory,
    LabelFactory,
    SampleFactory,
)
from tests.labeling.bench.doors import decide, door, fresh, labels

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
