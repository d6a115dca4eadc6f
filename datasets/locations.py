"""The one door to files: turns the text `alias:path` that people write into bytes of a named storage.

An alias is one of `settings.LOCATIONS`; its storage is the one of that name in `settings.STORAGES`. People
and foreign
manifests never name a path, a URL or a bucket: what `settings.FOREIGN_LOCATIONS` maps to an alias is read
from there, everything else is refused. No network is touched to decide that.
"""

import logging
import re
import time
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.core.files.storage import storages

from config.refusals import Refused
from datasets.stores import Store, store_for

logger = logging.getLogger(__name__)

MAX_PATH_BYTES = 1024
PAUSES = (0.1, 0.5, 0)
"""Seconds after each try to read a file whose storage answers."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\")
_ENCODED = re.compile(r"%(25)*(2e|2f|5c|00|0a|0d|c0%a[ef]|c1%9c)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_FOREIGN_ROOT = re.compile(r"(?:obs|s3)://|/")


@dataclass(frozen=True, order=True)
class Location:
    """A file or a folder inside a named storage.

    Attributes:
        alias: a key of `settings.STORAGES`; one that people wrote is also one of `settings.LOCATIONS`.
        path: below the storage's root, parts divided by "/", neither at the start nor at the end; "" is the
            root.

    Raises:
        Refused: path_not_allowed, so that no Location with a bad path exists.
    """

    alias: str
    path: str

    def __post_init__(self) -> None:
        _check_path(self.path)

    def __str__(self) -> str:
        return f"{self.alias}:{self.path}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def join(self, name: str) -> "Location":
        """The location of `name` (which may have several parts) inside this one."""
        return Location(self.alias, f"{self.path}/{name}" if self.path else name)


@dataclass(frozen=True)
class Entry:
    """A file found by `list_files`: `name` is relative to what was listed, `size` in bytes, `etag` changes
    with the content."""

    name: str
    location: Location
    size: int
    etag: str


def parse(text: str) -> Location:
    """The location that a person wrote as `alias:path`; one "/" at the end, as folders have it, is dropped.

    Raises:
        Refused: scheme_not_allowed (not one of our aliases), path_not_allowed.
    """
    alias, colon, path = text.partition(":")
    if colon and alias in settings.LOCATIONS:
        return Location(alias, path.removesuffix("/"))
    if _SCHEME.match(text):
        raise _scheme_not_allowed()
    raise _path_not_allowed()


def resolve_source(text: str, *, base: Location | None = None) -> Location:
    """The location of a `source` of a manifest.

    Args:
        text: our own `alias:key`; or `obs://bucket/key`, `s3://bucket/key`, `/bucket/key` where
            `settings.FOREIGN_LOCATIONS` maps the bucket and prefix, whichever of the three forms it names; or
            a relative path, where a base is given.
        base: the folder that relative sources start from.

    Raises:
        Refused: scheme_not_allowed, path_not_allowed.
    """
    foreign = _FOREIGN_ROOT.match(text)
    if foreign and not text.startswith("//"):
        return _mapped(text[foreign.end() :], plain=foreign[0] == "/")
    if base is not None and not _SCHEME.match(text):
        _check_path(text)
        return base.join(text)
    return parse(text)


def to_source(location: Location) -> str:
    """How a manifest names a file, so that `resolve_source` finds it: as `obs://bucket/key` where
    `settings.FOREIGN_LOCATIONS` maps one to its folder, else as our own `alias:path`."""
    text = str(location)
    for prefix, target in sorted(settings.FOREIGN_LOCATIONS.items(), key=lambda item: len(item[1]), reverse=True):
        folder = target if target.endswith(":") else target.rstrip("/") + "/"
        if text.startswith(folder):
            bucket = prefix if _FOREIGN_ROOT.match(prefix) else f"obs://{prefix}"
            return bucket.rstrip("/") + "/" + text.removeprefix(folder)
    return text


def remove(location: Location) -> None:
    """Delete a file of our own; nothing happens where there is none."""
    storages[location.alias].delete(location.path)


def list_files(
    location: Location, *, suffixes: tuple[str, ...] | None = None, left_out: list[str] | None = None
) -> Iterator[Entry]:
    """All regular files below a location, by name in code-point order, the same order in every kind of
    storage.

    Hidden files, links, devices and keys that are no allowed path are left out; a folder that does not exist
    is empty.

    Args:
        suffixes: lower case, with dots; compared without case.
        left_out: takes the names of links, devices and keys that are left out; else the log does.

    Raises:
        Refused: storage_unavailable.
    """
    for name, size, etag in _store(location).walk(location.path):
        if suffixes and not name.lower().endswith(suffixes):
            continue
        try:
            found = location.join(name)
        except Refused:
            found = None
        if found and etag:
            yield Entry(name, found, size, etag)
        elif left_out is None:
            logger.warning("Left out of the listing of %s: %r is no plain file with a good name", location, name[:200])
        else:
            left_out.append(name.encode(errors="backslashreplace").decode())


def has_files(location: Location) -> bool:
    """Whether a location holds any file, be it one that cannot be read; stops at the first that can."""
    left_out: list[str] = []
    return next(list_files(location, left_out=left_out), None) is not None or bool(left_out)


def etags_tell(location: Location) -> bool:
    """Whether the etags that `list_files` gives are to be relied on: an equal one means an equal content."""
    return _store(location).etags_tell


def open_file(location: Location) -> BinaryIO:
    """A file opened for reading as a stream of bytes, to be closed by the caller.

    Raises:
        Refused: source_not_found, not_regular_file, not_readable, storage_unavailable.
    """
    return _store(location).open(location.path)


def read(location: Location, *, limit: int) -> bytes:
    """The whole content of a file of at most `limit` bytes.

    A file that cannot be read though its storage answers costs only itself: it is not_readable after a few tries.

    Raises:
        Refused: too_large, source_not_found, not_regular_file, not_readable, storage_unavailable.
    """
    store = _store(location)
    for pause in PAUSES:
        try:
            return _read_whole(store, location, limit)
        except Refused as refused:
            if refused.code != "storage_unavailable" or not store.answers():
                raise
        time.sleep(pause)
    raise Refused("not_readable", "This file cannot be read, though its storage answers.")


def _read_whole(store: Store, location: Location, limit: int) -> bytes:
    with store.open(location.path) as file:
        data = store.read(file, limit + 1)
    if len(data) > limit:
        raise Refused("too_large", f"{location.name} is larger than {limit:,} bytes.", status=413)
    return data


def size(location: Location) -> int | None:
    """Bytes of a file; None where there is none.

    Raises:
        Refused: not_regular_file, storage_unavailable.
    """
    return _store(location).size(location.path)


def write(location: Location, data: bytes | BinaryIO, *, own: bool = False) -> None:
    """Store a file, whole or not at all; one of the same name is replaced.

    Args:
        data: the bytes, or a stream of them, which is never in memory as a whole.
        own: the system writes for itself (blobs, models, staged uploads), also where people may not write.

    Raises:
        Refused: location_read_only, path_not_allowed, storage_unavailable.
    """
    _check_writable(location, own=own)
    _store(location).write(location.path, data)


def write_all(files: Mapping[Location, bytes]) -> None:
    """As `write`, many small files: a disk is waited for once, a network for several at a time.

    Raises:
        Refused: as `write`; some of the files may be there, each as a whole.
    """
    for location in files:
        _check_writable(location, own=False)
    stores = {location.alias: _store(location) for location in files}
    for alias, store in stores.items():
        store.write_all({location.path: data for location, data in files.items() if location.alias == alias})


def delete(location: Location) -> None:
    """Remove a file; nothing happens where there is none.

    Raises:
        Refused: location_read_only, path_not_allowed, not_regular_file, not_readable, storage_unavailable.
    """
    if not settings.LOCATIONS.get(location.alias, {}).get("deletable"):
        raise Refused("location_read_only", f"Nothing can be deleted from {location.alias}.")
    if not location.path:
        raise _path_not_allowed()
    _store(location).delete(location.path)


def _check_writable(location: Location, *, own: bool) -> None:
    if not own and not settings.LOCATIONS.get(location.alias, {}).get("writable"):
        raise Refused("location_read_only", f"Nothing can be written to {location.alias}.")
    if not location.path:
        raise _path_not_allowed()


def _store(location: Location) -> Store:
    # Our own code also names storages that people cannot; what people write went through `parse`.
    return store_for(storages[location.alias])


def _mapped(key: str, *, plain: bool) -> Location:
    """The most specific of `settings.FOREIGN_LOCATIONS` that holds `bucket/key`."""
    prefixes = sorted(settings.FOREIGN_LOCATIONS.items(), key=lambda item: len(item[0]), reverse=True)
    for prefix, target in prefixes:
        inside = _FOREIGN_ROOT.sub("", prefix, count=1).rstrip("/") + "/"
        if key.startswith(inside):
            _check_path(key)
            return parse(target).join(key.removeprefix(inside))
    raise _path_not_allowed() if plain else _not_mapped(key)


def _check_path(path: str) -> None:
    # Compatibility forms such as full-width dots and slashes must not become dangerous when something
    # normalizes them.
    folded = path if path.isascii() else unicodedata.normalize("NFKC", path)
    if path and (
        _CONTROL.search(path)
        or len(path.encode()) > MAX_PATH_BYTES
        or folded.count("/") != path.count("/")
        or "\\" in folded
        or path.startswith("~")
        or _DRIVE.match(path)
        or _ENCODED.search(path)
        or any(not part or part.startswith(".") or part != part.strip() for part in folded.split("/"))
    ):
        raise _path_not_allowed()


def _path_not_allowed() -> Refused:
    return Refused(
        "path_not_allowed",
        "This is not a place inside one of the locations; write alias:folder/file, "
        "without empty, hidden or dotted parts.",
    )


def _not_mapped(key: str) -> Refused:
    bucket = key.partition("/")[0][:63]
    words = (
        f"No location stands for the bucket {bucket}; whoever runs this server maps it by HARDMINE_FOREIGN_LOCATIONS."
    )
    return Refused("scheme_not_allowed", words)


def _scheme_not_allowed() -> Refused:
    known = ", ".join(f"{alias}:" for alias in sorted(settings.LOCATIONS))
    return Refused("scheme_not_allowed", f"Only these locations can be named here: {known}.")
