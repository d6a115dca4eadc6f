"""Bytes by their content address, in the storage `datasets`: first the bytes, then the row.

A file is written under a temporary name, synced and renamed, so that a name that is there has all its bytes. What a
crash leaves behind is at most a file without a row, which the next intake of the same bytes finds and uses.
"""

from collections.abc import Iterable

from config.refusals import Refused
from config.steps import step
from datasets import locations
from datasets.images import FORMATS
from datasets.locations import Location
from datasets.models import Blob
from datasets.preparation import Prepared

STORAGE = "datasets"


def keep(*, prepared: Prepared, data: bytes) -> None:
    """Stores an image and its thumbnail, outside of any transaction; again is harmless.

    Raises:
        Refused: storage_unavailable.
    """
    step("blob.before_write")
    _write(_thumbnail_location(prepared.sha256), prepared.thumbnail)
    _write(_location(prepared.sha256, prepared.format), data)
    step("blob.written")


def rows(prepared: Iterable[Prepared]) -> dict[str, Blob]:
    """The rows of stored images, made where they are missing: sha256 -> blob. A race makes no second row."""
    wanted = {item.sha256: item for item in prepared}
    found = Blob.objects.in_bulk(list(wanted), field_name="sha256")
    if missing := [item for sha256, item in wanted.items() if sha256 not in found]:
        Blob.objects.bulk_create(
            (
                Blob(sha256=item.sha256, size=item.size, width=item.width, height=item.height, format=item.format)
                for item in sorted(
                    missing, key=lambda item: item.sha256
                )  # one order for all, lest two wait for each other
            ),
            ignore_conflicts=True,
        )
        found |= Blob.objects.in_bulk([item.sha256 for item in missing], field_name="sha256")
    return found


def location(blob: Blob) -> Location:
    """Where the bytes are: `datasets:blobs/ab/cd/<sha256>.png`."""
    return _location(blob.sha256, blob.format)


def read(blob: Blob) -> bytes:
    """The image's bytes, as they came.

    Raises:
        Refused: source_not_found, storage_unavailable.
    """
    return locations.read(location(blob), limit=blob.size)


def thumbnail(blob: Blob) -> bytes:
    """A JPEG of at most 256 pixels a side.

    Raises:
        Refused: source_not_found, storage_unavailable.
    """
    return locations.read(_thumbnail_location(blob.sha256), limit=1_000_000)


def media_type(blob: Blob) -> str:
    """The media type of `read`, by the content and not by any name."""
    return FORMATS[blob.format][1]


def _location(sha256: str, image_format: str) -> Location:
    return Location(STORAGE, f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}{FORMATS[image_format][0]}")


def _thumbnail_location(sha256: str) -> Location:
    return Location(STORAGE, f"thumbnails/{sha256[:2]}/{sha256[2:4]}/{sha256}.jpg")


def _write(place: Location, data: bytes) -> None:
    if locations.size(place) == len(data):
        return
    locations.write(place, data, own=True)
    if locations.size(place) != len(data):
        raise Refused("storage_unavailable", "The storage did not keep all bytes of an image; try again.", status=503)
