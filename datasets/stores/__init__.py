"""How files are listed, read and written in each kind of storage. Only `datasets.locations` may call this.

Paths arrive here checked.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol

from django.core.files.storage import FileSystemStorage, Storage

from datasets.stores.bucket import BucketStore
from datasets.stores.folder import FolderStore
from datasets.stores.other import OtherStore

__all__ = ["BucketStore", "FolderStore", "Found", "OtherStore", "Store", "store_for"]

Found = tuple[str, int, str]
"""Name below what was listed, size in bytes, etag; the etag is empty for what is no plain file."""


class Store(Protocol):
    """One kind of storage. `etags_tell`: whether a file's etag is another one whenever its content has changed, or was
    written again."""

    etags_tell: bool

    def answers(self) -> bool:
        """Whether the storage can be listed now; where it can, what fails is the fault of one file."""

    def walk(self, prefix: str) -> Iterator[Found]:
        """Files below a folder, sorted by name; nothing where there is no such folder."""

    def open(self, path: str) -> BinaryIO:
        """A regular file, for reading."""

    def size(self, path: str) -> int | None:
        """Bytes of a regular file; None where there is none."""

    def read(self, file: BinaryIO, size: int) -> bytes:
        """At most `size` bytes of an opened file."""

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        """Store a file, replacing one of the same name; a stream is read to its end, piece by piece."""

    def write_all(self, files: Mapping[str, bytes | BinaryIO]) -> None:
        """As `write`, many files with fewer waits than one by one; where it raises, some may be there."""

    def delete(self, path: str) -> None:
        """Remove a regular file; nothing happens where there is none."""


def store_for(storage: Storage) -> Store:
    """The fitting kind for a storage of `settings.STORAGES`."""
    if isinstance(storage, FileSystemStorage):
        return FolderStore(storage)
    # django-storages' S3 storage, known by its bucket: importing boto3 to ask would cost every process half a
    # second.
    if hasattr(storage, "bucket_name"):
        return BucketStore(storage)
    return OtherStore(storage)
