"""What the one door for files promises: what lies inside a named storage, all of it, and nothing beside it."""

import datetime
import io
import os
import socket
import threading
from pathlib import Path

import pytest
from django.core.files.storage import storages
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets import locations, stores
from datasets.locations import Location
from datasets.stores import BucketStore, FolderStore
from tests.corpus import paths

CHANGED = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


class BackendError(Exception):
    """As botocore's ClientError looks to us."""

    def __init__(self, code: str) -> None:
        super().__init__("AccessDenied at https://s3.internal/secret-bucket")
        self.response = {"Error": {"Code": code}}


class Bucket:
    """As much of a bucket as the S3 client shows to us: pages of sorted keys, and bodies."""

    page = 2
    fails = False
    hiccups = 0

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests = 0

    def get_paginator(self, verb: str) -> "Bucket":
        assert verb == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str):
        keys = sorted((key for key in self.objects if key.startswith(Prefix)), key=str.encode)
        for start in range(0, max(1, len(keys)), self.page):
            self._answer()
            found = [
                {
                    "Key": key,
                    "Size": len(self.objects[key]),
                    "ETag": '"etag"',
                    "LastModified": CHANGED,
                }
                for key in keys[start : start + self.page]
            ]
            yield {"Contents": found} if found else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict:
        self._answer()
        if Key not in self.objects:
            raise BackendError("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key])}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict:
        self._answer()
        return {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **parameters: str) -> None:
        self._answer()
        assert parameters == {"ServerSideEncryption": "AES256"}
        self.objects[Key] = Body

    def head_object(self, *, Bucket: str, Key: str) -> dict:
        self._answer()
        if Key not in self.objects:
            raise BackendError("404")
        return {"ContentLength": len(self.objects[Key])}

    def upload_fileobj(self, stream, Bucket: str, Key: str, *, ExtraArgs: dict, Config: object) -> None:
        self.put_object(Bucket=Bucket, Key=Key, Body=stream.read(), **ExtraArgs)

    def _answer(self) -> None:
        self.requests += 1
        if self.fails:
            raise BackendError("AccessDenied")
        if self.hiccups:
            self.hiccups -= 1
            raise BackendError("SlowDown")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, settings) -> Bucket:
    """The alias `bucket:` is an S3 storage below the prefix `tenant/` whose client is this."""
    client = Bucket()
    settings.STORAGES = {
        **settings.STORAGES,
        "bucket": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": "b",
                "location": "tenant",
                "object_parameters": {"ServerSideEncryption": "AES256"},
                "access_key": "x",
                "secret_key": "x",
                "region_name": "eu-west-1",
            },
        },
    }
    monkeypatch.setattr(BucketStore, "client_of", staticmethod(lambda storage: client))
    return client


@pytest.fixture(params=["inputs", "bucket", "memory"])
def alias(request: pytest.FixtureRequest, settings, bucket: Bucket) -> str:
    settings.STORAGES = {
        **settings.STORAGES,
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.LOCATIONS = {alias: {"writable": True} for alias in ("inputs", "bucket", "memory")}
    return request.param


@pytest.fixture
def folder(settings) -> Path:
    settings.LOCATIONS = {"inputs": {"writable": True}}
    return Path(storages["inputs"].location)


def code_of(call, *arguments, **options) -> str:
    with pytest.raises(Refused) as refusal:
        call(*arguments, **options)
    for secret in ("/tmp", "s3.internal", "secret-bucket", "Traceback"):  # noqa: S108
        assert secret not in refusal.value.message
    return refusal.value.code


@pytest.mark.parametrize("path", paths.TRAVERSAL, ids=lambda path: f"M16 {ascii(path)[:40]}")
def test_a_path_that_may_lead_elsewhere_is_refused_everywhere(path: str, settings) -> None:
    settings.FOREIGN_LOCATIONS = {"obs://shop/in/": "inputs:"}
    root = Location("inputs", "")
    assert code_of(Location, "inputs", path) == "path_not_allowed"
    assert code_of(root.join, path) == "path_not_allowed"
    assert code_of(locations.parse, f"inputs:{path}") == "path_not_allowed"
    assert code_of(locations.resolve_source, f"obs://shop/in/{path}") == "path_not_allowed"
    assert code_of(locations.resolve_source, path) in ("path_not_allowed", "scheme_not_allowed")
    assert code_of(locations.resolve_source, path, base=root) in ("path_not_allowed", "scheme_not_allowed")


@pytest.mark.parametrize("text", paths.SCHEMES, ids=lambda text: f"M17 {ascii(text)[:40]}")
def test_only_our_own_aliases_are_places(text: str, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FOREIGN_LOCATIONS = {"obs://shop/in/": "inputs:"}
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    assert code_of(locations.resolve_source, text) == "scheme_not_allowed"
    assert code_of(locations.resolve_source, text, base=Location("inputs", "")) == "scheme_not_allowed"
    assert code_of(locations.parse, text) == "scheme_not_allowed"


@pytest.mark.parametrize("path", paths.HARMLESS)
def test_ordinary_names_are_places(path: str) -> None:
    location = locations.parse(f"inputs:{path}")
    assert (location.alias, location.path, str(location)) == ("inputs", path, f"inputs:{path}")
    assert locations.parse(str(location)) == location
    assert location.name == path.rpartition("/")[2]


def test_a_folder_may_end_with_a_slash_and_a_root_be_empty() -> None:
    assert locations.parse("inputs:a/b/") == Location("inputs", "a/b")
    assert locations.parse("inputs:") == Location("inputs", "")
    assert Location("inputs", "").join("a/b.jpg") == Location("inputs", "a/b.jpg")


@given(st.text(max_size=60))
def test_no_text_leads_out_of_the_folder(text: str) -> None:
    try:
        location = locations.parse(f"inputs:{text}")
    except Refused:
        return
    assert os.path.normpath(f"/root/{location.path}").startswith("/root")
    assert "\0" not in location.path


def test_foreign_sources_are_read_where_settings_map_them(settings) -> None:
    settings.FOREIGN_LOCATIONS = {"obs://shop/": "outputs:all", "obs://shop/in/": "inputs:", "/plain/x/": "inputs:y/"}
    resolve = locations.resolve_source
    for root in ("obs://", "s3://", "/"):
        assert resolve(f"{root}shop/in/a/b.jpg") == Location("inputs", "a/b.jpg")
        assert resolve(f"{root}shop/other/b.jpg") == Location("outputs", "all/other/b.jpg")
        assert resolve(f"{root}plain/x/c.jpg") == Location("inputs", "y/c.jpg")
    assert resolve("inputs:a.jpg") == Location("inputs", "a.jpg")
    assert resolve("a.jpg", base=Location("inputs", "x")) == Location("inputs", "x/a.jpg")
    assert code_of(resolve, "a.jpg") == "path_not_allowed"
    assert code_of(resolve, "/other/a.jpg") == "path_not_allowed"


def test_what_is_written_is_read_and_listed_in_one_order(alias: str) -> None:
    names = ["a.jpg", "b-c.jpg", "b.jpg", "b/x.jpg", "b/y/z.PNG", "b0.jpg", "é.jpg", "日/本.webp"]
    for name in reversed(names):
        locations.write(Location(alias, f"in/{name}"), name.encode())
    entries = list(locations.list_files(Location(alias, "in")))
    assert [entry.name for entry in entries] == names
    assert [str(entry.location) for entry in entries] == [f"{alias}:in/{name}" for name in names]
    assert [entry.size for entry in entries] == [len(name.encode()) for name in names]
    assert all(entry.etag for entry in entries)
    for entry in entries:
        assert locations.read(entry.location, limit=100) == entry.name.encode()
    chosen = locations.list_files(Location(alias, "in/b"), suffixes=(".png", ".webp"))
    assert [entry.name for entry in chosen] == ["y/z.PNG"]


def test_the_same_name_is_replaced(alias: str) -> None:
    place = Location(alias, "a/b.txt")
    for data in (b"longer than the next", b"", b"last"):
        locations.write(place, data)
        assert locations.read(place, limit=100) == data
    assert [entry.name for entry in locations.list_files(Location(alias, ""))] == ["a/b.txt"]


def test_a_place_knows_whether_it_holds_files(alias: str) -> None:
    assert not locations.has_files(Location(alias, ""))
    assert not locations.has_files(Location(alias, "missing"))
    locations.write(Location(alias, "in/deep/a.jpg"), b"x")
    assert locations.has_files(Location(alias, ""))
    assert locations.has_files(Location(alias, "in"))
    assert not locations.has_files(Location(alias, "i"))


def test_what_is_missing_or_too_large_is_said(alias: str) -> None:
    """M18"""
    place = Location(alias, "in/a.jpg")
    assert code_of(locations.read, place, limit=9) == "source_not_found"
    locations.write(place, b"0123456789")
    assert code_of(locations.read, place, limit=9) == "too_large"
    assert locations.read(place, limit=10) == b"0123456789"
    with locations.open_file(place) as file:
        assert file.read(4) == b"0123"


def test_only_writable_places_are_written_unless_the_system_writes_for_itself(settings) -> None:
    settings.LOCATIONS = {"inputs": {"writable": False}}
    assert code_of(locations.write, Location("inputs", "a"), b"x") == "location_read_only"
    assert code_of(locations.write, Location("models", "a"), b"x") == "location_read_only"
    assert code_of(locations.write, Location("inputs", ""), b"x", own=True) == "path_not_allowed"
    locations.write(Location("models", "a"), b"x", own=True)
    assert locations.read(Location("models", "a"), limit=1) == b"x"


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


def test_a_bucket_is_listed_by_pages_and_its_bad_keys_left_out(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    good = [f"{index:04}/{index}.jpg" for index in range(100)]
    bad = ["../../x", "/etc/x", "a//b", "a/./b", "..\\x", "folder/", "k" * 1025, ".hidden", "a/.b/c", "n\nl"]
    bucket.page = 50
    bucket.objects = {f"tenant/{key}": b"x" for key in [*good, *bad]} | {"other/x.jpg": b"x", "tenantx": b"x"}
    assert [entry.name for entry in locations.list_files(Location("bucket", ""))] == good
    assert bucket.requests == 3
    assert "'a//b'" in caplog.text


class Upload:
    """What a browser sends: it is read once, from its start to its end, and may turn out to be too much."""

    def __init__(self, *pieces: bytes | Refused) -> None:
        self.pieces = list(pieces)

    def read(self, size: int = -1) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Refused):
            raise piece
        return piece


def test_a_stream_is_stored_and_its_size_known(alias: str) -> None:
    place = Location(alias, "in/a")
    assert locations.size(place) is None
    locations.write(place, Upload(b"0123"))  # type: ignore[arg-type]
    assert locations.size(place) == 4
    assert locations.read(place, limit=4) == b"0123"


def test_a_stream_says_itself_why_it_ends(alias: str) -> None:
    too_much = Upload(Refused("too_large", "That is too much."))
    assert code_of(locations.write, Location(alias, "in/a"), too_much) == "too_large"


def test_threads_share_the_client_of_a_bucket(settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "far": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"bucket_name": "b", "access_key": "x", "secret_key": "x", "region_name": "eu-west-1"},
        },
    }
    clients = {id(BucketStore.client_of(storages["far"]))}

    def look() -> None:
        clients.add(id(BucketStore.client_of(storages["far"])))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert len(clients) == 1


def test_the_words_of_a_failing_storage_stay_in_the_log(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.fails = True
    place = Location("bucket", "a")
    for call in (
        lambda: list(locations.list_files(place)),
        lambda: locations.read(place, limit=9),
        lambda: locations.write(place, b"x", own=True),
    ):
        assert code_of(call) == "storage_unavailable"
    assert caplog.text.count("secret-bucket") >= 3


def test_a_file_is_read_again_where_its_storage_answers(bucket: Bucket) -> None:
    bucket.objects["tenant/a"] = b"bytes"
    bucket.hiccups = 1
    assert locations.read(Location("bucket", "a"), limit=9) == b"bytes"


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
