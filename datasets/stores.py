"""How files are listed, read and written in each kind of storage. Only `datasets.locations` may call this.

Paths arrive here checked. What is checked here is what lies on the disk: a link, a pipe or a device in a
folder that other people can write to is never followed and never waited for.
"""

import contextlib
import errno
import io
import logging
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast
from weakref import WeakKeyDictionary

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage

from config.refusals import Refused
from config.steps import step

logger = logging.getLogger(__name__)

Found = tuple[str, int, str]
"""Name below what was listed, size in bytes, etag; the etag is empty for what is no plain file."""

MAX_DEPTH = 64
_PIECE = 1 << 20

_clients: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_making_client = threading.Lock()

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MISSING = (errno.ENOENT, errno.ENAMETOOLONG)
_NOT_REGULAR = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR)


class Store(Protocol):
    """One kind of storage."""

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


def store_for(storage: Storage) -> Store:
    """The fitting kind for a storage of `settings.STORAGES`."""
    if isinstance(storage, FileSystemStorage):
        return FolderStore(storage)
    # django-storages' S3 storage, known by its bucket: importing boto3 to ask would cost every process half a
    # second.
    if hasattr(storage, "bucket_name"):
        return BucketStore(storage)
    return OtherStore(storage)


class FolderStore:
    """A folder of this machine, walked by open folders, so that no link is followed at any depth."""

    def __init__(self, storage: FileSystemStorage) -> None:
        self.storage = storage

    def walk(self, prefix: str) -> Iterator[Found]:
        try:
            folder = self._open_folder(prefix.split("/") if prefix else [])
        except OSError as error:
            if error.errno in (*_MISSING, *_NOT_REGULAR):
                return
            raise _unavailable(error) from None
        yield from _walk_folder(folder, "", MAX_DEPTH)

    def open(self, path: str) -> BinaryIO:
        *folders, name = path.split("/")
        try:
            folder = self._open_folder(folders)
            try:
                file = os.open(name or ".", _FILE, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _unreadable(error) from None
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise _not_regular_file()
        if status.st_nlink > 1:
            os.close(file)
            words = "This file has a second name elsewhere (a hard link); only plain files are read. Copy it instead."
            raise Refused("not_regular_file", words)
        return os.fdopen(file, "rb")

    def size(self, path: str) -> int | None:
        try:
            with self.open(path) as file:
                return os.fstat(file.fileno()).st_size
        except Refused as refused:
            if refused.code == "source_not_found":
                return None
            raise

    def read(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except OSError as error:
            raise _unavailable(error) from None

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        *folders, name = path.split("/")
        temporary = f".{secrets.token_hex(8)}.part"
        try:
            os.makedirs(self.storage.location, exist_ok=True)
            folder = self._open_folder(folders, create=True)
            try:
                file = os.open(temporary, _NEW, self.storage.file_permissions_mode or 0o644, dir_fd=folder)
                try:
                    with os.fdopen(file, "wb") as stream:
                        shutil.copyfileobj(_stream(data), stream, _PIECE)
                        stream.flush()
                        os.fsync(file)
                    step("file.before_rename")
                    os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                    step("file.renamed")
                except BaseException:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(temporary, dir_fd=folder)
                    raise
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in _NOT_REGULAR:
                raise _not_regular_file() from None
            raise _unavailable(error) from None

    def _open_folder(self, parts: list[str], *, create: bool = False) -> int:
        folder = os.open(self.storage.location, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            try:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, self.storage.directory_permissions_mode or 0o755, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        return folder


class BucketStore:
    """A bucket of S3's kind, listed by pages: a million keys are a thousand requests, however deep they
    lie."""

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

    def walk(self, prefix: str) -> Iterator[Found]:
        start = self.root + (f"{prefix}/" if prefix else "")
        pages = iter(self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start))
        while True:
            try:
                page = next(pages, None)
            except Exception as error:
                raise _unavailable(error) from None
            if page is None:
                return
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(start)
                if not name.endswith("/") and not _hidden(name):
                    yield name, item["Size"], item["ETag"].strip('"')

    def open(self, path: str) -> BinaryIO:
        try:
            return cast(BinaryIO, self.client.get_object(Bucket=self.bucket, Key=self.root + path)["Body"])
        except Exception as error:
            raise _unreadable(error) from None

    def size(self, path: str) -> int | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=self.root + path)["ContentLength"]
        except Exception as error:
            refused = _unreadable(error)
            if refused.code == "source_not_found":
                return None
            raise refused from None

    def read(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except Exception as error:
            raise _unavailable(error) from None

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
            raise _unavailable(error) from None


class OtherStore:
    """Any other storage, by Django's own interface."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def walk(self, prefix: str) -> Iterator[Found]:
        try:
            folders, files = self.storage.listdir(prefix)
        except FileNotFoundError:
            return
        except Exception as error:
            raise _unavailable(error) from None
        for name in sorted([*(f"{folder}/" for folder in folders), *files]):
            path = f"{prefix}/{name}" if prefix else name
            if _hidden(name):
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
            raise _unreadable(error) from None

    def size(self, path: str) -> int | None:
        try:
            return self.storage.size(path)
        except Exception as error:
            refused = _unreadable(error)
            if refused.code == "source_not_found":
                return None
            raise refused from None

    def read(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except Exception as error:
            raise _unavailable(error) from None

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        try:
            if self.storage.exists(path):
                self.storage.delete(path)
            self.storage.save(path, File(_stream(data)))
        except Refused:
            raise
        except Exception as error:
            raise _unavailable(error) from None


def _walk_folder(folder: int, above: str, depth: int) -> Iterator[Found]:
    """Takes over and closes `folder`. A folder sorts as its name with "/", which makes the whole order that
    of the keys."""
    try:
        with os.scandir(folder) as entries:
            inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in sorted((f"{name}/" if is_folder else name, is_folder) for name, is_folder in inside):
            if _hidden(name):
                continue
            try:
                if not is_folder:
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                        yield above + name, 0, ""
                    else:
                        yield above + name, status.st_size, f"{status.st_mtime_ns:x}-{status.st_size:x}"
                elif depth:
                    yield from _walk_folder(os.open(name[:-1], _FOLDER, dir_fd=folder), above + name, depth - 1)
            except FileNotFoundError:
                continue  # removed since it was listed
    except OSError as error:
        raise _unavailable(error) from None
    finally:
        os.close(folder)


class _Kept:
    """A stream that stays open: uploads in parts close what they have read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read


def _stream(data: bytes | BinaryIO) -> BinaryIO:
    return io.BytesIO(data) if isinstance(data, bytes) else data


def _hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


def _unreadable(error: Exception) -> Refused:
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    number = getattr(error, "errno", None)
    if isinstance(error, FileNotFoundError) or number in _MISSING or code in ("NoSuchKey", "404"):
        return Refused("source_not_found", "There is no such file.", status=404)
    if number in _NOT_REGULAR:
        return _not_regular_file()
    if isinstance(error, PermissionError):  # of one file; a storage that lets nobody in has no errno
        return Refused("not_readable", "The service has no permission to read this file.")
    return _unavailable(error)


def _not_regular_file() -> Refused:
    return Refused("not_regular_file", "This is a folder, a link or a device; only plain files are read.")


def _unavailable(error: Exception) -> Refused:
    """The backend's own words stay in the log: they name hosts, buckets and paths."""
    logger.error("Storage failed: %s", error, exc_info=error)
    return Refused("storage_unavailable", "The storage does not answer as it should; try again later.", status=503)
