"""The only reader of foreign JSON and JSON lines: strict, and flat in memory however long the file or one
line is.

What other readers let pass is refused here: NaN and Infinity, numbers beyond 64 bits, a key twice in an
object, nesting deeper than `MAX_DEPTH`, NUL and lone surrogates in strings, anything but UTF-8.

Lines end with LF, CRLF or a lone CR, and with nothing else: U+2028 and its like inside a string are text.
Blank lines are skipped but counted, a byte order mark at the start is dropped, the last line may lack its
end.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from config.refusals import Refused

LINE_LIMIT = 1 << 20
MAX_DEPTH = 64

_CHUNK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_BAD_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_FOREIGN = (
    (b"\x1f\x8b", "It is compressed with gzip; unpack it first."),
    (b"PK\x03\x04", "It is a ZIP archive; unpack it first."),
    (b"<", "It is an HTML or XML page."),
    (b"\xff\xfe", "It is UTF-16; save it as UTF-8."),
    (b"\xfe\xff", "It is UTF-16; save it as UTF-8."),
)


@dataclass(frozen=True)
class Line[T]:
    """One line that is not blank: its number from 1, and either what it says or why it was refused."""

    number: int
    value: T | None = None
    error: Refused | None = None


def read_lines(stream: BinaryIO | Iterable[bytes], *, line_limit: int = LINE_LIMIT) -> Iterator[Line[dict[str, Any]]]:
    """The objects of a JSON lines file. A bad line is reported in its place and reading goes on.

    Args:
        stream: a binary file, or the file's bytes in pieces of any size.
        line_limit: bytes that one line may have.

    Raises:
        Refused: not_json_lines, where the file as a whole is something else.
    """
    started = False
    for number, raw in enumerate(_split(_pieces(stream), line_limit), start=1):
        if raw is None:
            words = f"The line is longer than {line_limit:,} bytes."
            yield Line(number, error=Refused("line_too_long", words, line=number))
            continue
        text = (raw.removeprefix(_BOM) if number == 1 else raw).strip(b" \t\r\n")
        if text:
            if not started:
                _refuse_foreign(text)
            started = True
            yield _parsed(number, text)


def strict_loads(data: bytes) -> Any:
    """One JSON value.

    Raises:
        Refused: not_utf8, not_json, too_deep, duplicate_key, bad_number, bad_string.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused("not_utf8", "The text is not UTF-8.") from None
    _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Refused("not_json", f"This is not JSON: {error.msg} at character {error.pos + 1}.") from None
    if "\\u" in text:
        _check_strings(value)
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON in the order of the keys, without a line end; NaN is written as null."""
    return orjson.dumps(value)


def _parsed(number: int, raw: bytes) -> Line[dict[str, Any]]:
    try:
        value = strict_loads(raw)
    except Refused as error:
        return Line(number, error=Refused(error.code, error.message, line=number))
    if not isinstance(value, dict):
        return Line(number, error=Refused("not_an_object", "The line is not a JSON object.", line=number))
    return Line(number, value)


def _pieces(stream: BinaryIO | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(stream, Iterable) and not hasattr(stream, "read"):
        return stream
    return iter(lambda: stream.read(_CHUNK), b"")


def _split(pieces: Iterable[bytes], limit: int) -> Iterator[bytes | None]:
    """Lines with their ends; None for one that is too long, whose bytes are let go while they arrive."""
    pending, too_long = b"", False
    for piece in pieces:
        # For bytes, splitlines knows exactly LF, CRLF and CR. A CR at the end of a piece may be half of a
        # CRLF.
        lines = (pending + piece).splitlines(keepends=True)
        pending = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            yield None if too_long or len(line) > limit + 2 else line
            too_long = False
        if too_long or len(pending) > limit + 2:
            too_long, pending = True, pending[-1:]
    if pending:
        yield None if too_long else pending


def _refuse_foreign(start: bytes) -> None:
    for magic, words in _FOREIGN:
        if start.startswith(magic):
            raise Refused("not_json_lines", f"The file is not JSON lines. {words}", line=1)


def _check_depth(text: str) -> None:
    """The parser recurses, so depth is counted first; most texts have too few brackets to need it."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused("too_deep", f"The JSON is nested deeper than {MAX_DEPTH} levels.")
        elif sign in "]}":
            depth -= 1


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if _BAD_CHARACTER.search(value):
            raise Refused("bad_string", "A string holds a NUL or half a character.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_strings(key)
            _check_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_strings(inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Refused("duplicate_key", f"The key {twice[:80]!r} stands twice in one object.")
    return found


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _bad_number()
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**63:
        raise _bad_number()
    return value


def _constant(name: str) -> float:
    raise _bad_number()


def _bad_number() -> Refused:
    return Refused("bad_number", "A number is not finite or too large.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant)
