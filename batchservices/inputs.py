"""What a batch service reads: the images below a folder, or the sources that a `.manifest` lists, one input each."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from config.refusals import Refused
from datasets import locations
from datasets.formats.manifest import read_manifest
from datasets.images import SUFFIXES
from datasets.locations import Location

# Images that the door refuses are inputs, too: whoever put them there is told why they were not predicted.
IMAGE_SUFFIXES = (*SUFFIXES, ".gif", ".tif", ".tiff", ".svg", ".heic", ".avif")
MANIFEST_SUFFIX = ".manifest"
NAME_LENGTH = 1000
SEEN_KIB = 32_768
"""What of the sources of a manifest may be in memory; the rest is on disk."""


@dataclass(frozen=True)
class Input:
    """One input of a run.

    Attributes:
        name: relative to what was listed, unique in it; results are named after it.
        location: where its bytes are, `alias:path`; "" where that cannot be said.
        etag: changes with its content; "" where the listing does not know.
        error: why it cannot be read, where that is known already.
        said: what another system said of it, as JSON; "" where nobody was asked.
    """

    name: str
    location: str
    etag: str = ""
    error: Refused | None = None
    said: str = ""


def is_manifest(text: str) -> bool:
    """Whether a location names a manifest and not a folder."""
    return text.lower().endswith(MANIFEST_SUFFIX)


def list_inputs(text: str) -> Iterator[Input]:
    """The inputs of a location, in an order that depends on the location's content alone.

    Args:
        text: `alias:folder` or `alias:some.manifest`.

    Raises:
        Refused: scheme_not_allowed, path_not_allowed, storage_unavailable; for a manifest also source_not_found,
            not_regular_file, not_json_lines.
    """
    location = locations.parse(text)
    found = _of_manifest(location) if is_manifest(text) else _of_folder(location)
    for each in found:
        if len(each.name) <= NAME_LENGTH:
            yield each
        else:
            yield Input(each.name[:NAME_LENGTH], "", error=Refused("name_too_long", "The name is too long."))


def has_inputs(text: str) -> bool:
    """Whether there is anything to predict. Raises as `list_inputs`."""
    return next(list_inputs(text), None) is not None


def _of_folder(location: Location) -> Iterator[Input]:
    """What has a name that cannot be read comes last, with the reason: nobody looks for it in a log."""
    left_out: list[str] = []
    for entry in locations.list_files(location, suffixes=IMAGE_SUFFIXES, left_out=left_out):
        yield Input(entry.name, str(entry.location), entry.etag)
    for name in left_out:
        words = "It is a link, or its name has a space at an end or a character that no location may have; rename it."
        yield Input(name, "", error=Refused("path_not_allowed", words))


def _of_manifest(location: Location) -> Iterator[Input]:
    """A source that the manifest names twice is one input; which were seen is kept on disk, since lines may be many."""
    base = Location(location.alias, location.path.rpartition("/")[0])
    with locations.open_file(location) as stream, closing(sqlite3.connect("", isolation_level=None)) as seen:
        for pragma in ("journal_mode = OFF", f"cache_size = -{SEEN_KIB}"):
            seen.execute(f"PRAGMA {pragma}")
        seen.execute("BEGIN")  # one transaction, never ended: nothing of this is kept
        seen.execute("CREATE TABLE seen (source TEXT PRIMARY KEY) WITHOUT ROWID")
        for line in read_manifest(stream):
            if line.value is None:
                yield Input(f"line {line.number}", "", error=line.error)
                continue
            try:
                source = locations.resolve_source(line.value.source, base=base)
            except Refused as error:
                yield Input(f"line {line.number}", "", error=error)
                continue
            if seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (str(source),)).rowcount:
                yield Input(name_of(base, source), str(source))


def name_of(base: Location, source: Location) -> str:
    """What an input is called: relative to the folder where sources start, or with the name of its own storage."""
    prefix = f"{base.path}/" if base.path else ""
    if source.alias != base.alias:
        return f"{source.alias}/{source.path}"
    return source.path.removeprefix(prefix)
