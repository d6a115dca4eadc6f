"""ZIP archives that people upload: their files one after the other, with every limit checked before it is needed.

Nothing is ever written to disk under a name from an archive, so that names cannot lead anywhere; bad ones are left
out all the same, with the reason, since they are no images that somebody meant. Archives inside archives stay closed.
"""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from config.refusals import Refused

MAX_ENTRIES = 10_000
MAX_TOTAL = 4_000_000_000
MAX_MEMBER = 25_000_000
MAX_RATIO = 200
"""Bytes out per byte in, where an archive unpacks to more than 100 MB; images hardly shrink, bombs reach 1,000."""

_RATIO_FREE = 100_000_000
_END = struct.Struct("<4s4xHHL")  # signature, disks, entries here and in all, bytes of the directory
_END_SEARCH = 22 + 65_535
_ENCRYPTED = 0x1
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_BAD_NAME = re.compile(r"^[/~]|^[A-Za-z]:|\\|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f]")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name as written there (text, never a path); its bytes, or why it was left out."""

    name: str
    data: bytes | None = None
    error: Refused | None = None


def members(
    stream: BinaryIO,
    *,
    max_entries: int = MAX_ENTRIES,
    max_total: int = MAX_TOTAL,
    max_member: int = MAX_MEMBER,
) -> Iterator[Member]:
    """The files of a ZIP archive in their order there; one file is in memory at a time.

    A bad member is reported in its place and reading goes on. Folders and the files that macOS adds are skipped.

    Args:
        stream: the archive, seekable.
        max_entries, max_total, max_member: limits on the number of entries and on unpacked bytes, together and each.

    Raises:
        Refused: not_a_zip, too_many_entries, too_large, suspicious_ratio.
    """
    seen: set[str] = set()
    with _opened(stream, max_entries) as archive:
        _check_totals(archive.infolist(), _size(stream), max_entries, max_total)
        for info in archive.infolist():
            name = info.orig_filename
            if info.is_dir() or name.startswith("__MACOSX/"):
                continue
            error = _refusal(info, seen, max_member)
            seen.add(name)
            yield Member(name, error=error) if error else _extracted(archive, info)


def _opened(stream: BinaryIO, max_entries: int) -> zipfile.ZipFile:
    _check_directory(stream, max_entries)
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, NotImplementedError, struct.error):
        raise _not_a_zip() from None


def _check_directory(stream: BinaryIO, max_entries: int) -> None:
    """The end record tells how large the directory is, before `zipfile` makes an object of every entry.

    The 64-bit form exists for archives beyond our limits only, and could contradict the plain one.
    """
    size = _size(stream)
    stream.seek(max(0, size - _END_SEARCH - 20))
    tail = stream.read()
    start = tail.rfind(b"PK\x05\x06")
    if start < 0 or len(tail) - start < _END.size:
        raise _not_a_zip()
    _, _, entries, directory_bytes = _END.unpack_from(tail, start)
    long_form = tail[max(0, start - 20) : start].startswith(b"PK\x06\x07")
    if long_form or entries > max_entries or directory_bytes > max_entries * 512:
        raise _too_many(max_entries)


def _check_totals(entries: list[zipfile.ZipInfo], packed: int, max_entries: int, max_total: int) -> None:
    if len(entries) > max_entries:
        raise _too_many(max_entries)
    total = sum(info.file_size for info in entries)
    if total > max_total:
        raise Refused("too_large", f"The archive unpacks to more than {max_total:,} bytes.", status=413)
    if total > _RATIO_FREE and total > packed * MAX_RATIO:
        raise Refused("suspicious_ratio", "The archive unpacks to far more than images do.", status=413)


def _refusal(info: zipfile.ZipInfo, seen: set[str], max_member: int) -> Refused | None:
    name, kind = info.orig_filename, info.external_attr >> 16
    if _BAD_NAME.search(name):
        return _left_out("path_not_allowed", "The name leads out of the archive.", name)
    if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
        return _left_out("not_regular_file", "It is a link or a device.", name)
    if info.flag_bits & _ENCRYPTED:
        return _left_out("encrypted", "It is encrypted.", name)
    if info.compress_type not in _METHODS:
        return _left_out("unsupported_compression", "Only plain and deflated files are read.", name)
    if name.lower().endswith(_ARCHIVES):
        return _left_out("nested_archive", "Archives inside archives are not opened.", name)
    if info.file_size > max_member:
        return _left_out("too_large", f"It has more than {max_member:,} bytes.", name)
    if name in seen:
        return _left_out("duplicate_name", "Another file of the archive has this name.", name)
    return None


def _extracted(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.orig_filename
    try:
        return Member(name, archive.read(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error):
        return Member(name, error=_left_out("corrupt_member", "It is damaged inside the archive.", name))


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, io.SEEK_END)


def _left_out(code: str, words: str, name: str) -> Refused:
    return Refused(code, words, file=name[:200])


def _too_many(max_entries: int) -> Refused:
    return Refused("too_many_entries", f"At most {max_entries:,} files are taken in one archive.", status=413)


def _not_a_zip() -> Refused:
    return Refused("not_a_zip", "The file is not a readable ZIP archive.")
