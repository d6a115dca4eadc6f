"""What the reader of JSON lines promises: strict, one fault costs one line, flat in memory."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets.formats import jsonlines
from tests.corpus import lines as corpus
from tests.corpus.measured import measured

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), inner)
    ),
    max_leaves=20,
)


def read(*pieces: bytes, **options: int) -> list[tuple[int, object]]:
    return [
        (line.number, line.error.code if line.error else line.value) for line in jsonlines.read_lines(pieces, **options)
    ]


@pytest.mark.parametrize(("line", "code"), corpus.JSON.values(), ids=corpus.JSON.keys())
def test_a_bad_line_costs_itself_and_says_where(line: bytes, code: str) -> None:
    lines = list(jsonlines.read_lines([b'{"a":1}\n' + line + b'\n{"a":3}\n']))
    assert [(line.number, line.value) for line in lines] == [(1, {"a": 1}), (2, None), (3, {"a": 3})]
    assert (lines[1].error.code, lines[1].error.where) == (code, {"line": 2})
    with pytest.raises(Refused) as refusal:
        jsonlines.strict_loads(line)
    assert refusal.value.code == code


@pytest.mark.parametrize("line", corpus.NOT_OBJECTS.values(), ids=corpus.NOT_OBJECTS.keys())
def test_only_objects_are_lines(line: bytes) -> None:
    assert read(line) == [(1, "not_an_object")]


@pytest.mark.parametrize("start", corpus.FILES.values(), ids=corpus.FILES.keys())
def test_another_kind_of_file_is_named_as_such(start: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        read(start + b"\n" + corpus.GOOD)
    assert refusal.value.code == "not_json_lines"


def test_m01_blank_lines_are_skipped_and_counted() -> None:
    assert read(b'\n  \t\n{"a":1}\n\n\n{"a":2}\n\n') == [(3, {"a": 1}), (6, {"a": 2})]
    assert read(b"") == read(b"\n") == read() == []


def test_m10_every_line_end_ends_a_line() -> None:
    expected = [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3})]
    for end in (b"\n", b"\r\n", b"\r"):
        for last in (b"", end):
            data = end.join([b'{"a":1}', b'{"a":2}', b'{"a":3}']) + last
            assert read(data) == expected
            assert read(*(data[at : at + 1] for at in range(len(data)))) == expected


def test_m11_only_line_ends_end_a_line() -> None:
    text = "a\u2028b\u2029c\u0085d\u000be"
    line = json.dumps({"a": text}, ensure_ascii=False).replace("\\u000b", "\u000b").encode()
    assert read(line.replace(b"\x0b", b"\\u000b")) == [(1, {"a": text})]


def test_m32_a_byte_order_mark_is_dropped() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}\n{"a":2}') == [(1, {"a": 1}), (2, {"a": 2})]


def test_m07_a_line_that_is_too_long_is_left_out_and_reading_goes_on() -> None:
    long = b'{"a":"' + b"x" * 200 + b'"}'
    data = b'{"a":1}\n' + long + b"\r\n" + long + b'\n{"a":4}\r' + long
    expected = [(1, {"a": 1}), (2, "line_too_long"), (3, "line_too_long"), (4, {"a": 4}), (5, "line_too_long")]
    for size in (1, 7, 64, 150, 10_000):
        assert read(*(data[at : at + size] for at in range(0, len(data), size)), line_limit=100) == expected
    exact = b'{"a":"' + b"x" * 92 + b'"}'
    assert read(exact + b"\r\n", line_limit=100) == [(1, {"a": "x" * 92})]


def test_m07_a_gigabyte_without_a_line_end_costs_little() -> None:
    cost = measured(
        "from datasets.formats import jsonlines",
        "found = list(jsonlines.read_lines(b'x' * 65_536 for _ in range(16_384)))\n"
        "result = [[line.number, line.error.code] for line in found]",
    )
    assert cost["result"] == [[1, "line_too_long"]]
    assert cost["seconds"] < 5
    assert cost["bytes"] < 32 * 2**20
    assert not cost["django"]


def test_a_file_is_read_as_its_pieces_are() -> None:
    data = b"\n".join(jsonlines.dumps({"n": number, "text": "é" * number}) for number in range(500))
    assert [line.value["n"] for line in jsonlines.read_lines(io.BytesIO(data)) if line.value] == list(range(500))


def test_brackets_inside_strings_are_no_depth() -> None:
    text = '"[{\\"[' * 5_000
    assert jsonlines.strict_loads(jsonlines.dumps({"a": text})) == {"a": text}
    deep = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"
    assert read(deep)[0][0] == 1


def test_a_bomb_of_quotes_and_backslashes_takes_no_time() -> None:
    cost = measured(
        "from datasets.formats import jsonlines; from config.refusals import Refused",
        "result = []\n"
        "for text in (b'[' * 70 + b'\"' + b'\\\\' * 900_000, b'[' * 70 + b'\"' * 900_001, b'{\"a\":' * 150_000):\n"
        "    try: jsonlines.strict_loads(text)\n"
        "    except Refused as refusal: result.append(refusal.code)",
    )
    assert len(cost["result"]) == 3
    assert cost["seconds"] < 2


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert jsonlines.strict_loads(jsonlines.dumps(value)) == value


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        value = jsonlines.strict_loads(data)
    except Refused:
        return
    assert value == json.loads(data)


def test_nan_is_written_as_null() -> None:
    assert jsonlines.dumps({"b": math.nan, "a": "é"}) == '{"b":null,"a":"é"}'.encode()
