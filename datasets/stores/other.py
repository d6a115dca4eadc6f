"""Any other storage, by Django's own interface."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import Storage

from config.refusals import Refused
from datasets.stores.refusals import hidden, stream_of, unavailable, unreadable


class OtherStore:
    """A storage that is neither a folder nor a bucket."""

    etags_tell = False

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def answers(self) -> bool:
        try:
            self.storage.listdir("")
        except Exception as error:
            unavailable(error)
            return False
        return True

    def walk(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        try:
            folders, files = self.storage.listdir(prefix)
        except FileNotFoundError:
            return
        except Exception as error:
            raise unavailable(error) from None
        for name in sorted([*(f"{folder}/" for folder in folders), *files]):
            path = f"{prefix}/{name}" if prefix else name
            if hidden(name):
                continue
            if name.endswith("/"):
                yield from ((name + inner, size, etag) for inner, size, etag in self.walk(path.rstrip("/")))
            else:
                size = self.storage.size(path)
                yield name, size, f"{self.storage.get_modified_time(path).timestamp():.6f}-{size}"

    def open(self, path: str) -> BinaryIO:
        try:
            return cast(BinaryIO, self.storage.open(path, "rb"))
        except Exception as error:
            raise unreadable(error) from None

    def size(self, path: str) -> int | None:
        try:
            return self.storage.size(path)
        except Exception as error:
            refused = unreadable(error)
            if refused.code == "source_not_found":
                return None
            raise refused from None

    def read(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except Exception as error:
            raise unavailable(error) from None

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        try:
            if self.storage.exists(path):
                self.storage.delete(path)
            self.storage.save(path, File(stream_of(data)))
        except Refused:
            raise
        except Exception as error:
            raise unavailable(error) from None

    def write_all(self, files: Mapping[str, bytes | BinaryIO]) -> None:
        for path, data in files.items():
            self.write(path, data)

    def delete(self, path: str) -> None:
        try:
            self.storage.delete(path)
        except FileNotFoundError:
            return
        except Exception as error:
            raise unavailable(error) from None
