"""A folder of this machine: plain files alone, whole ones, and no way out of it."""

import os
import socket
import threading
from pathlib import Path

import pytest

from config.refusals import Refused
from datasets import locations, stores
from datasets.locations import Location
from datasets.stores import FolderStore
from tests.datasets.locations.conftest import code_of


def special_files(folder: Path, outside: Path) -> dict[str, str]:
    """I26: everything that is no plain file, in a folder; what reading each gives."""
    (folder / "deep").mkdir()
    (folder / "twin.jpg").write_bytes(b"x")
    (folder / "hard.jpg").hardlink_to(folder / "twin.jpg")
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "dangling.jpg").symlink_to(outside / "missing.jpg")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        place = os.getcwd()
        os.chdir(folder)  # the path of a socket may have 108 bytes
        listener.bind("socket.jpg")
        os.chdir(place)
    special = ["deep", "twin.jpg", "hard.jpg", "link.jpg", "dangling.jpg", "linked", "loop", "pipe.jpg", "socket.jpg"]
    return dict.fromkeys([*special, "linked/secret.jpg", "link.jpg/x"], "not_regular_file")


def test_links_pipes_and_devices_are_neither_read_nor_listed_nor_waited_for(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    expected = special_files(folder, outside)
    (folder / "deep" / "good.jpg").write_bytes(b"good")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    assert [entry.name for entry in locations.list_files(Location("inputs", ""))] == ["deep/good.jpg"]
    assert not locations.has_files(Location("inputs", "linked"))
    for name, code in expected.items():
        assert code_of(locations.read, Location("inputs", name), limit=99) == code, name


def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_bytes(b"kept")
    (folder / "linked").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "kept.txt")
    assert code_of(locations.write, Location("inputs", "linked/kept.txt"), b"new") == "not_regular_file"
    locations.write(Location("inputs", "link.txt"), b"new")
    assert (outside / "kept.txt").read_bytes() == b"kept"
    assert (folder / "link.txt").read_bytes() == b"new"
    assert not (folder / "link.txt").is_symlink()


def test_a_write_that_fails_leaves_what_was_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location("inputs", "a.txt")
    locations.write(place, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(os, "fsync", full)
    assert code_of(locations.write, place, b"new") == "storage_unavailable"
    monkeypatch.undo()
    assert (folder / "a.txt").read_bytes() == b"old"
    assert os.listdir(folder) == ["a.txt"]


def test_of_many_files_none_is_there_before_all_are_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = 3

    def fsync(_: int) -> None:
        nonlocal full
        full -= 1
        assert os.listdir(folder) == ["old.txt"]
        if not full:
            raise OSError(28, "No space left on device", str(folder))

    locations.write(Location("inputs", "old.txt"), b"old")
    files = {Location("inputs", f"{name}.txt"): b"new" for name in ("old", "second", "third")}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        assert code_of(locations.write_all, files) == "storage_unavailable"
    assert os.listdir(folder) == ["old.txt"]
    assert (folder / "old.txt").read_bytes() == b"old"
    locations.write_all(files)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(
        ("old.txt", "second.txt", "third.txt"), b"new"
    )


@pytest.mark.parametrize("nameless", [True, False])
def test_a_writer_that_is_killed_leaves_nothing_where_the_file_system_allows_it(
    nameless: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        stores.folder, "step", lambda name: seen.append(sorted(path.suffix for path in folder.iterdir()))
    )
    if not nameless:
        monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # as an older file system has it: a folder is no file
    for data in (b"new", b"newer"):
        locations.write(Location("inputs", "a.txt"), data)
        assert (folder / "a.txt").read_bytes() == data
    part = [] if nameless else [".part"]
    assert seen == [part, [".txt"], [*part, ".txt"], [".txt"]]
    assert os.listdir(folder) == ["a.txt"]
    assert (folder / "a.txt").stat().st_nlink == 1


def test_readers_see_one_whole_file_while_writers_replace_it(folder: Path) -> None:
    place = Location("inputs", "a.bin")
    contents = [bytes([sign]) * 100_000 for sign in range(4)]
    locations.write(place, contents[0])
    writers = [
        threading.Thread(target=lambda data=data: [locations.write(place, data) for _ in range(10)])
        for data in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert locations.read(place, limit=200_000) in contents
    assert os.listdir(folder) == ["a.bin"]


def test_a_file_that_cannot_be_read_costs_itself_and_no_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.jpg").write_bytes(b"on a bad sector")

    def bad(*_: object) -> bytes:
        raise Refused("storage_unavailable", "Input/output error", status=503)

    monkeypatch.setattr(FolderStore, "read", bad)
    monkeypatch.setattr(locations, "PAUSES", (0, 0))
    assert code_of(lambda: locations.read(Location("inputs", "a.jpg"), limit=99)) == "not_readable"


def test_a_folder_that_lets_nobody_in_is_a_storage_that_is_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.jpg").write_bytes(b"x")
    open_ = os.open

    def closed(path: str, *arguments: int, **options: int | None) -> int:
        if path == str(folder):
            raise PermissionError(13, "Permission denied", path)
        return open_(path, *arguments, **options)

    monkeypatch.setattr(os, "open", closed)
    monkeypatch.setattr(FolderStore, "answers", lambda store: False)
    assert code_of(lambda: locations.read(Location("inputs", "a.jpg"), limit=99)) == "storage_unavailable"
    assert code_of(lambda: list(locations.list_files(Location("inputs", "")))) == "storage_unavailable"
