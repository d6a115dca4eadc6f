"""What every storage does alike: files are written, read and listed, or it is said why not."""

from config.refusals import Refused
from datasets import locations
from datasets.locations import Location
from tests.datasets.locations.conftest import code_of


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


def test_many_files_are_written_as_one_is(alias: str, settings) -> None:
    names = ["c.txt", "in/a.txt", "in/b.txt", "in/deeper/a.txt"]
    for round_ in (b"old", b"new"):
        locations.write_all({Location(alias, name): name.encode() + round_ for name in names})
    entries = list(locations.list_files(Location(alias, "")))
    assert [entry.name for entry in entries] == names
    assert [locations.read(entry.location, limit=100) for entry in entries] == [
        name.encode() + b"new" for name in names
    ]
    settings.LOCATIONS = {alias: {"writable": False}}
    assert code_of(locations.write_all, {Location(alias, "c.txt"): b""}) == "location_read_only"
    locations.write_all({})


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
