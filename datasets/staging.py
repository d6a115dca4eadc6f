"""What waits to be imported, in the storage `staging`: uploads as they came, and the frozen list of what to import.

The web process only copies bytes here; names are data in `index.json`, files have numbers. A worker decodes them.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings

from config.refusals import Refused
from datasets import locations
from datasets.formats import jsonlines
from datasets.locations import Location

MAX_FILES = 100_000
_INDEX_LIMIT = 2**31  # lists of our own: a million keys of 1,024 bytes are half of it


@dataclass(frozen=True)
class Staged:
    """An upload: where it lies, and the name that the person gave it."""

    location: Location
    name: str


def stage(uploads: Iterable[tuple[str, BinaryIO]]) -> Location:
    """Copies uploads, piece by piece, and lists them. Returns their folder.

    Raises:
        Refused: nothing_to_import, too_large (413), too_many_files (413), storage_unavailable.
    """
    folder = Location("staging", f"imports/{secrets.token_hex(16)}")
    names: list[str] = []
    limit = settings.UPLOAD_LIMIT_MIB * 2**20
    total = 0
    try:
        for name, file in uploads:
            if len(names) >= MAX_FILES:
                raise Refused("too_many_files", f"At most {MAX_FILES:,} files are taken at once.", status=413)
            counted = _Counted(file, limit - total)
            locations.write(_place(folder, len(names)), counted, own=True)  # type: ignore[arg-type]
            total += counted.count
            names.append(name[:1000])
        if not names:
            raise Refused("nothing_to_import", "Choose at least one file.", field="uploads")
        locations.write(folder.join("index.json"), jsonlines.dumps({"names": names}), own=True)
    except BaseException:
        for number in range(len(names) + 1):
            locations.remove(_place(folder, number))
        raise
    return folder


def staged(folder: Location) -> list[Staged]:
    """The uploads of a folder in their order."""
    index = jsonlines.strict_loads(locations.read(folder.join("index.json"), limit=_INDEX_LIMIT))
    return [Staged(_place(folder, number), name) for number, name in enumerate(index["names"])]


def freeze(folder: Location, names: Sequence[str]) -> None:
    """Keeps the list of what an import takes, so that it stays the same whatever happens to the source."""
    locations.write(folder.join("list.json"), jsonlines.dumps({"names": list(names)}), own=True)


def frozen(folder: Location) -> list[str] | None:
    """The list that was frozen; None where there is none yet."""
    try:
        return jsonlines.strict_loads(locations.read(folder.join("list.json"), limit=_INDEX_LIMIT))["names"]
    except Refused as refused:
        if refused.code != "source_not_found":
            raise
        return None


def clear(folder: Location) -> None:
    """Removes a folder's files; again is harmless. The index goes last, so that a crash leaves nothing unlisted."""
    entries = [entry.location for entry in locations.list_files(folder)]
    for location in sorted(entries, key=lambda location: location.name == "index.json"):
        locations.remove(location)


def _place(folder: Location, number: int) -> Location:
    return folder.join(f"{number:06}")


class _Counted:
    """A stream that counts its bytes and stops at a limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file = file
        self.limit = limit
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.count += len(piece)
        if self.count > self.limit:
            words = f"At most {settings.UPLOAD_LIMIT_MIB:,} MiB can be uploaded at once."
            raise Refused("too_large", words, status=413)
        return piece
