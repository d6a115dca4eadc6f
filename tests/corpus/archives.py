"""ZIP archives made in memory: those that people upload, and row I28."""

import io
import stat
import struct
import zipfile

END = b"PK\x05\x06"


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these names and contents, in this order, names twice included."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in entries:
            made.writestr(name, data)
    return file.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    """A member that is a link or a device on the machine that packed it."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def link(name: str) -> zipfile.ZipInfo:
    return special(name, stat.S_IFLNK)


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with a name that `zipfile` would not write."""
    assert len(old) == len(new)
    return data.replace(old, new)


def encrypted() -> bytes:
    """The flag of encryption in both places where an archive keeps it."""
    data = bytearray(archive(("secret.jpg", b"x")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def damaged() -> bytes:
    """Two files, the first with a byte turned over inside its pixels."""
    data = bytearray(archive(("a.jpg", b"abcdefgh" * 40), ("b.jpg", b"good"), method=zipfile.ZIP_STORED))
    data[60] ^= 1
    return bytes(data)


def bomb(members: int) -> bytes:
    """Members of 25 MB in one color all over: a thousand bytes out per byte in."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for part in range(members):
            made.writestr(f"{part}.bmp", bytes(25_000_000))
    return file.getvalue()


def lying(size: int) -> bytes:
    """An archive that says its member is small, and holds more."""
    data = bytearray(archive(("a.jpg", b"x" * size)))
    data[22:26] = struct.pack("<L", 10)
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<L", 10)
    return bytes(data)


def promising(entries: int, directory: int) -> bytes:
    """An end record that promises a directory of this many entries and bytes."""
    return b"PK\x03\x04" + bytes(40) + END + struct.pack("<HHHHLLH", 0, 0, min(entries, 65_535), min(entries, 65_535),
                                                         directory, 0, 0)  # fmt: skip


def many(entries: int) -> bytes:
    return archive(*((f"{index}.jpg", b"") for index in range(entries)), method=zipfile.ZIP_STORED)


def long_form() -> bytes:
    """The 64-bit locator before the end record, as huge archives have it."""
    data = archive(("a.jpg", b"x"))
    at = data.index(END)
    return data[:at] + b"PK\x06\x07" + bytes(16) + data[at:]
