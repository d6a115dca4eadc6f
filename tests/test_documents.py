"""What the documents tell people to type is what the commands take."""

import json
import re
import shlex

import pytest
from django.core.management import get_commands, load_command_class
from drf_spectacular.generators import SchemaGenerator

from batchservices.profile import KINDS, Profile
from tests.serving import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = [
    line
    for document in DOCUMENTS
    for line in re.findall(r"^ {4}manage\.py (\S.*?)(?: {2,}#.*)?$", document.read_text(), re.M)
]


def test_the_documents_name_commands() -> None:
    """Otherwise the next test would show nothing."""
    assert len(LINES) >= 5


@pytest.mark.parametrize("line", LINES)
def test_a_documented_command_is_understood(line: str) -> None:
    """Its name, its arguments and its options exist, and none that it needs is missing."""
    name, *words = shlex.split(line)
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    command.create_parser("manage.py", name).parse_args(words)


PROFILES = [
    json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", (ROOT / "docs/models.md").read_text(), re.M | re.S)
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile["output"]["kind"])
def test_a_documented_profile_is_valid(profile: dict) -> None:
    assert Profile.from_dict(profile).as_dict()["class_names"] == profile["class_names"]


def test_the_documents_show_a_profile_of_nearly_every_kind() -> None:
    """The binary kinds differ in one word."""
    assert {profile["output"]["kind"] for profile in PROFILES} >= KINDS.keys() - {"binary_logit"}


def test_every_address_of_the_api_is_documented_with_its_methods() -> None:
    """And none that is not there."""
    text = (ROOT / "docs/api.md").read_text().partition("## Addresses")[2].partition("\n## ")[0]
    documented = {
        (address, method)
        for address, methods in re.findall(r"^ {4}(\S+/) +((?:[A-Z]+ )*[A-Z]+)(?= |$)", text, re.M)
        for method in methods.split()
    }
    described = {
        (re.sub(r"{\w+}", "<id>", path.removeprefix("/api/v1/")), verb.upper())
        for path, verbs in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        for verb in verbs
    }
    assert documented == described
