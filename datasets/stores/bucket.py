"""A bucket of S3's kind."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, cast
from weakref import WeakKeyDictionary

from config.refusals import Refused
from datasets.stores.refusals import hidden, unavailable, unreadable

_AT_ONCE = 8  # each waits for the network; a client keeps ten connections
_clients: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_making_client = threading.Lock()


class BucketStore:
    """A bucket of S3's kind, listed by pages: a million keys are a thousand requests, however deep they
    lie."""

    etags_tell = True

    def __init__(self, storage: Any) -> None:
        self.client = self.client_of(storage)
        self.bucket = storage.bucket_name
        self.root = f"{storage.location.strip('/')}/".lstrip("/")
        self.storage = storage

    @staticmethod
    def client_of(storage: Any) -> Any:
        """The one client of a storage. django-storages makes one for each thread, which costs a tenth of a second;
        clients, unlike its other objects, may be shared."""
        with _making_client:
            if storage not in _clients:
                _clients[storage] = storage.connection.meta.client
            return _clients[storage]

    def answers(self) -> bool:
        try:
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.root, MaxKeys=1)
        except Exception as error:
            unavailable(error)
            return False
        return True

    def walk(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        start = self.root + (f"{prefix}/" if prefix else "")
        pages = iter(self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start))
        while True:
            try:
                page = next(pages, None)
            except Exception as error:
                raise unavailable(error) from None
            if page is None:
                return
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(start)
                if not name.endswith("/") and not hidden(name):
                    # the hash alone comes back with the content of before, which was away meanwhile
                    changed = item["LastModified"].timestamp()
                    yield name, item["Size"], f"{item['ETag'].strip('"')}-{changed:.3f}"

    def open(self, path: str) -> BinaryIO:
        try:
            return cast(BinaryIO, self.client.get_object(Bucket=self.bucket, Key=self.root + path)["Body"])
        except Exception as error:
            raise unreadable(error) from None

    def size(self, path: str) -> int | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=self.root + path)["ContentLength"]
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
        key = self.root + path
        settings = self.storage.get_object_parameters(key)
        try:
            if isinstance(data, bytes):
                self.client.put_object(Bucket=self.bucket, Key=key, Body=data, **settings)
            else:  # in parts: it may be larger than one request, and be no file that could be read twice
                self.client.upload_fileobj(
                    _Kept(data), self.bucket, key, ExtraArgs=settings, Config=self.storage.transfer_config
                )
        except Refused:
            raise  # the stream's own words
        except Exception as error:
            raise unavailable(error) from None

    def write_all(self, files: Mapping[str, bytes | BinaryIO]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for written in [pool.submit(self.write, path, data) for path, data in files.items()]:
                written.result()

    def delete(self, path: str) -> None:
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self.root + path)
        except Exception as error:
            raise unavailable(error) from None


class _Kept:
    """A stream that stays open: uploads in parts close what they have read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read
