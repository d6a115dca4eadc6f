"""What a place may be called: inside a named storage, and nowhere else."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from datasets import locations
from datasets.locations import Location
from tests.corpus import paths
from tests.datasets.locations.conftest import code_of


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
