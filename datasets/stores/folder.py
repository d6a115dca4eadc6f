"""A folder of this machine. What lies there may be a link, a pipe or a device in a folder that other people can write
to: it is never followed and never waited for."""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from django.core.files.storage import FileSystemStorage

from config.refusals import Refused
from config.steps import step
from datasets.stores.refusals import MISSING, NOT_REGULAR, hidden, not_regular_file, stream_of, unavailable, unreadable

MAX_DEPTH = 64
_PIECE = 1 << 20
_NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)  # kernels and file systems differ

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderStore:
    """A folder of this machine, walked by open folders, so that no link is followed at any depth."""

    etags_tell = True

    def __init__(self, storage: FileSystemStorage) -> None:
        self.storage = storage

    def answers(self) -> bool:
        try:
            with os.scandir(self.storage.location) as entries:
                next(entries, None)
        except OSError as error:
            unavailable(error)
            return False
        return True

    def walk(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        try:
            folder = self._open_folder(prefix.split("/") if prefix else [])
        except OSError as error:
            if error.errno in (*MISSING, *NOT_REGULAR):
                return
            raise unavailable(error) from None
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
            raise unreadable(error) from None
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise not_regular_file()
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
            # room for what is there, not for what may be: that costs more than reading a photograph
            return file.read(min(size, os.fstat(file.fileno()).st_size + 1))
        except OSError as error:
            raise unavailable(error) from None

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        self.write_all({path: data})

    def write_all(self, files: Mapping[str, bytes | BinaryIO]) -> None:
        folders: dict[str, dict[str, bytes | BinaryIO]] = {}
        for path, data in files.items():
            above, _, name = path.rpartition("/")
            folders.setdefault(above, {})[name] = data
        try:
            os.makedirs(self.storage.location, exist_ok=True)
            for above, inside in folders.items():
                self._write_into(above.split("/") if above else [], inside)
        except OSError as error:
            if error.errno in NOT_REGULAR:
                raise not_regular_file() from None
            raise unavailable(error) from None

    def _write_into(self, folders: list[str], files: Mapping[str, bytes | BinaryIO]) -> None:
        folder = self._open_folder(folders, create=True)
        try:
            with contextlib.ExitStack() as opened:
                mode = self.storage.file_permissions_mode or 0o644
                new = {name: opened.enter_context(_new_file(folder, mode)) for name in files}
                for name, data in files.items():
                    shutil.copyfileobj(stream_of(data), new[name].stream, _PIECE)
                    new[name].stream.flush()
                for each in new.values():  # when all are written: the first one's wait brings most of the others along
                    os.fsync(each.stream.fileno())
                for name, each in new.items():
                    step("file.before_rename")
                    each.put(name)
                    step("file.renamed")
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, path: str) -> None:
        *folders, name = path.split("/")
        try:
            folder = self._open_folder(folders)
            try:
                if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise not_regular_file()
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unreadable(error) from None

    def _open_folder(self, parts: list[str], *, create: bool = False) -> int:
        try:
            folder = os.open(self.storage.location, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise  # nothing was ever written to it
        except OSError as error:
            raise unavailable(error) from None
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


def _etag(status: os.stat_result) -> str:
    """Of a file's times only the last change of its inode cannot be set back: a copy may bring its own modification
    time."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ctime_ns:x}"


class _New:
    """A file that is being written, at first without a name, so that nothing stays of it where its writer is killed;
    with a hidden one where the file system knows no such files."""

    def __init__(self, folder: int, mode: int) -> None:
        self.folder = folder
        self.hidden = ""
        try:
            file = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
            self.hidden = _hidden_name()
            file = os.open(self.hidden, _NEW, mode, dir_fd=folder)
        self.stream = os.fdopen(file, "wb")

    def put(self, name: str) -> None:
        """Gives it its name; another file of that name is replaced in one step."""
        if not self.hidden:
            this = f"/proc/self/fd/{self.stream.fileno()}"
            try:
                os.link(this, name, dst_dir_fd=self.folder)
                return
            except FileExistsError:
                self.hidden = _hidden_name()
                os.link(this, self.hidden, dst_dir_fd=self.folder)
        os.replace(self.hidden, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self.hidden = ""


@contextlib.contextmanager
def _new_file(folder: int, mode: int) -> Iterator[_New]:
    new = _New(folder, mode)
    try:
        with new.stream:
            yield new
    finally:
        if new.hidden:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new.hidden, dir_fd=folder)


def _hidden_name() -> str:
    return f".{secrets.token_hex(8)}.part"


def _walk_folder(folder: int, above: str, depth: int) -> Iterator[tuple[str, int, str]]:
    """Takes over and closes `folder`. A folder sorts as its name with "/", which makes the whole order that
    of the keys."""
    try:
        with os.scandir(folder) as entries:
            inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in sorted((f"{name}/" if is_folder else name, is_folder) for name, is_folder in inside):
            if hidden(name):
                continue
            try:
                if not is_folder:
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                        yield above + name, 0, ""
                    else:
                        yield above + name, status.st_size, _etag(status)
                elif depth:
                    yield from _walk_folder(os.open(name[:-1], _FOLDER, dir_fd=folder), above + name, depth - 1)
            except FileNotFoundError:
                continue  # removed since it was listed
    except OSError as error:
        raise unavailable(error) from None
    finally:
        os.close(folder)
