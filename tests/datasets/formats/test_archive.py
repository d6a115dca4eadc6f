"""What uploaded archives promise: their files one by one, every limit before its harm."""

import io
import stat
import zipfile

import pytest

from config.refusals import Refused
from datasets.formats import archive
from tests.corpus import archives as corpus
from tests.corpus.measured import measured


def read(data: bytes, **limits: int) -> list[tuple[str, bytes | str | None]]:
    return [
        (member.name, member.error.code if member.error else member.data)
        for member in archive.members(io.BytesIO(data), **limits)
    ]


def test_the_files_come_in_their_order_with_their_folders_as_name() -> None:
    data = corpus.archive(("z.jpg", b"z"), ("roses/", b""), ("roses/日本 1.jpg", b"rose"), ("__MACOSX/._z.jpg", b"m"))
    assert read(data) == [("z.jpg", b"z"), ("roses/日本 1.jpg", b"rose")]
    assert read(corpus.archive(("a", b"x"), method=zipfile.ZIP_STORED)) == [("a", b"x")]
    assert read(corpus.archive()) == []


BAD_MEMBERS = {
    "parent": (corpus.archive(("../x.jpg", b"")), "path_not_allowed"),
    "parent inside": (corpus.archive(("a/../../x.jpg", b"")), "path_not_allowed"),
    "absolute": (corpus.archive(("/etc/x.jpg", b"")), "path_not_allowed"),
    "drive": (corpus.archive(("C:/x.jpg", b"")), "path_not_allowed"),
    "backslash": (corpus.archive(("..\\x.jpg", b"")), "path_not_allowed"),
    "NUL": (corpus.renamed(corpus.archive(("a.jpg?.html", b"")), b"?", b"\0"), "path_not_allowed"),
    "link": (corpus.archive((corpus.link("link.jpg"), b"/etc/passwd")), "not_regular_file"),
    "device": (corpus.archive((corpus.special("null", stat.S_IFCHR), b"")), "not_regular_file"),
    "pipe": (corpus.archive((corpus.special("pipe", stat.S_IFIFO), b"")), "not_regular_file"),
    "encrypted": (corpus.encrypted(), "encrypted"),
    "another method": (corpus.archive(("a.jpg", b"x"), method=zipfile.ZIP_LZMA), "unsupported_compression"),
    "nested": (corpus.archive(("more.ZIP", corpus.archive(("a", b"")))), "nested_archive"),
    "nested, packed twice": (corpus.archive(("more.tar.gz", b"")), "nested_archive"),
    "lying about its size": (corpus.lying(100_000), "corrupt_member"),
}


@pytest.mark.parametrize(("data", "code"), BAD_MEMBERS.values(), ids=[f"I28 {name}" for name in BAD_MEMBERS])
def test_a_bad_member_is_left_out_with_its_reason(data: bytes, code: str) -> None:
    [(_, found)] = read(data)
    assert found == code


def test_one_bad_member_costs_itself() -> None:
    assert read(corpus.damaged()) == [("a.jpg", "corrupt_member"), ("b.jpg", b"good")]
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = corpus.archive(("a.jpg", b"1"), ("a.jpg", b"2"), ("b.jpg", b"3" * 9))
    assert read(data, max_member=8) == [("a.jpg", b"1"), ("a.jpg", "duplicate_name"), ("b.jpg", "too_large")]


BAD_ARCHIVES = {
    "nothing": (b"", "not_a_zip"),
    "no archive": (b"\xff\xd8\xff" + bytes(100), "not_a_zip"),
    "end record only": (corpus.promising(1, 60), "not_a_zip"),
    "cut off": (corpus.archive(("a.jpg", b"x" * 500), method=zipfile.ZIP_STORED)[:300], "not_a_zip"),
    "a million entries promised": (corpus.promising(1_000_000, 60_000_000), "too_many_entries"),
    "a directory too long for its number": (corpus.promising(1, 60_000_000), "too_many_entries"),
    "64-bit form": (corpus.long_form(), "too_many_entries"),
}


@pytest.mark.parametrize(("data", "code"), BAD_ARCHIVES.values(), ids=[f"I28 {name}" for name in BAD_ARCHIVES])
def test_a_bad_archive_is_refused_before_it_is_opened(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(data)
    assert refusal.value.code == code


def test_limits_hold_before_anything_is_unpacked() -> None:
    with pytest.raises(Refused, match="At most 10 files"):
        read(corpus.many(11), max_entries=10)
    assert len(read(corpus.many(10), max_entries=10)) == 10
    with pytest.raises(Refused) as refusal:
        read(corpus.archive(("a", b"x" * 60), ("b", b"x" * 60)), max_total=100)
    assert (refusal.value.code, refusal.value.status) == ("too_large", 413)


def test_a_bomb_costs_neither_time_nor_memory() -> None:
    cost = measured(
        "import io; from datasets.formats import archive; from config.refusals import Refused\n"
        "from tests.corpus import archives as corpus\n"
        "bomb = corpus.bomb(5)",
        "try: result = len(list(archive.members(io.BytesIO(bomb))))\nexcept Refused as refusal: result = refusal.code",
    )
    assert cost["result"] == "suspicious_ratio"
    assert cost["seconds"] < 1
    assert cost["bytes"] < 32 * 2**20
    assert not cost["django"]
