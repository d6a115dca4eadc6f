"""What VOC files promise: boxes come back to the last digit, and no XML does harm."""

import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets.formats import voc
from datasets.formats.voc import VocAnnotation, VocObject
from tests.corpus import voc as corpus

DOG = VocAnnotation(
    filename="b7.png",
    width=640,
    height=480,
    objects=(
        VocObject("dog", 30, 12, 330, 210, difficult=True, hard_coefficient=0.7, hard_reasons=(1, 21), confidence=0.61),
    ),
)


@pytest.mark.parametrize(("data", "code", "place"), corpus.REFUSED.values(), ids=corpus.REFUSED.keys())
def test_a_bad_file_is_refused_with_its_place(
    data: bytes, code: str, place: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    start = time.process_time()
    with pytest.raises(Refused) as refusal:
        voc.parse(data, file="b7.xml")
    assert refusal.value.code == code
    assert refusal.value.where == ({"file": "b7.xml"} if place is None else {"field": place, "file": "b7.xml"})
    assert time.process_time() - start < 5


def test_modelarts_own_file_is_understood() -> None:
    """X08: folder, path and file name are text."""
    assert voc.parse(corpus.GOOD.encode(), file="b7.xml") == DOG
    assert voc.parse(b"\xef\xbb\xbf" + corpus.GOOD.encode(), file="b7.xml") == DOG
    assert voc.parse(b'<?xml version="1.0" encoding="utf-8"?>\n' + corpus.GOOD.encode(), file="b7.xml") == DOG


def test_the_coefficient_of_the_older_edition_is_read() -> None:
    older = corpus.GOOD.replace("hard-coefficient", "difficult-coefficient").encode()
    assert voc.parse(older, file="b7.xml") == DOG


def test_an_image_without_boxes_is_a_file_without_objects() -> None:
    empty = VocAnnotation("a.png", 3, 2)
    assert voc.parse(voc.write(empty), file="a.xml") == empty
    bare = b"<annotation><size><width>3</width><height>2</height></size></annotation>"
    assert voc.parse(bare, file="a.xml") == VocAnnotation("", 3, 2)


def test_coordinates_are_written_as_people_write_them() -> None:
    """X07: nothing is shifted by one, whole numbers stay whole."""
    text = voc.write(VocAnnotation("a", 10, 10, (VocObject("a", 0, 0.1, 10.0, 9.999999999999998),))).decode()
    assert "<xmin>0</xmin><ymin>0.1</ymin><xmax>10</xmax><ymax>9.999999999999998</ymax>" in text


def test_our_own_reasons_stand_apart() -> None:
    text = voc.write(VocAnnotation("a", 9, 9, (VocObject("a", 0, 0, 1, 1, hard_reasons=(101, 3)),))).decode()
    assert "<hard-reasons>3</hard-reasons>" in text
    assert "<key>hardmine:reasons</key><value>101</value>" in text


@pytest.mark.parametrize("name", ["a\x01b", "\0", "a\nb", "\ufffe", "a\ud800", " a"], ids=ascii)
def test_x10_what_xml_cannot_hold_is_refused(name: str) -> None:
    for annotation in (VocAnnotation(name, 1, 1), VocAnnotation("a", 1, 1, (VocObject(name, 0, 0, 1, 1),))):
        with pytest.raises(Refused) as refusal:
            voc.write(annotation)
        assert refusal.value.code == "not_in_xml"


def test_time_grows_with_the_number_of_boxes_only() -> None:
    def seconds(boxes: int) -> float:
        data = voc.write(VocAnnotation("a", 9, 9, (VocObject("a", 0, 0, 1, 1),) * boxes))
        start = time.process_time()
        voc.parse(data, file="a.xml")
        return time.process_time() - start

    seconds(10)
    assert seconds(5_000) < 30 * max(seconds(500), 0.005)


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=30,
).map(str.strip)
EDGES = st.lists(st.floats(-100, 100_000) | st.integers(0, 5_000), min_size=2, max_size=2, unique=True).map(sorted)
SHARES = st.none() | st.floats(0, 1)


@st.composite
def boxes(draw: st.DrawFn) -> VocObject:
    (xmin, xmax), (ymin, ymax) = draw(EDGES), draw(EDGES)
    return VocObject(
        draw(NAMES.filter(bool)),
        xmin,
        ymin,
        xmax,
        ymax,
        difficult=draw(st.booleans()),
        hard_coefficient=draw(SHARES),
        hard_reasons=tuple(draw(st.lists(st.integers(0, 30) | st.integers(100, 999), max_size=4))),
        confidence=draw(SHARES),
        pose=draw(NAMES.filter(bool)),
        truncated=draw(st.booleans()),
        occluded=draw(st.booleans()),
    )


@given(
    st.builds(
        VocAnnotation,
        filename=NAMES,
        width=st.integers(1, 20_000),
        height=st.integers(1, 20_000),
        objects=st.lists(boxes(), max_size=4).map(tuple),
    )
)
def test_what_is_written_is_read(annotation: VocAnnotation) -> None:
    data = voc.write(annotation)
    assert voc.parse(data, file="a.xml") == annotation
    assert voc.write(voc.parse(data, file="a.xml")) == data
