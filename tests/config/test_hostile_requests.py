"""Every operation of the described API gets random and hostile arguments: each is answered in words, none breaks.

The arguments are made from the API's own description, so that a new door is tested without a line here: most are almost
right, so that they come past the first check; the rest are what nobody would send by mistake.
"""

import json
import os
from functools import cache
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy
from rest_framework.test import APIClient

from batchservices.compared import ComparedInput, RunComparison
from batchservices.models import CollectionKind, CollectionStatus
from tests import factories, loop
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("HARDMINE_TEST_EXAMPLES", "15"))
NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**70, 10**30)
TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\ufeff", "a\u202eb", "é" * 5000, "inputs:", "inputs:street", ":", "../..",
    "/etc/passwd", "s3://bucket/key", "file:///etc/passwd", "inputs:../x", "=cmd()", "%00", "NaN", "9" * 400, "null",
    "* * * * *", "0 0 31 2 *", "predict_score_mining:1.0000", "hardexamples", "cat", "image_classification",
)  # fmt: skip
DEEP: Any = []
for _ in range(60):
    DEEP = [DEEP]
RAW = (
    b"", b"\x00", b"\xff\xfe", b"{", b"[]", b"null", b"NaN", b"1e999", b'"\\ud800"', b"[" * 5000, b"{}" * 3,
    b'{"a": 1, "a": 2}', b"\x1f\x8b\x08\x00",
)  # fmt: skip
KINDS = (
    "application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data", "",
    "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "x" * 300, "a/b; c=\x80", "*/*",
)  # fmt: skip

hostile: SearchStrategy[Any] = some.one_of(
    some.none(),
    some.booleans(),
    some.sampled_from(NUMBERS),
    some.sampled_from((1.5, -0.0, 1e308, float("nan"), float("inf"))),
    some.sampled_from(TEXTS),
    some.text(max_size=20),
    some.sampled_from(([], {}, DEEP, [[]], [None], [{}], {"": None}, {"id": 1}, {"__class__": {}}, [1] * 3000)),
)
texts = some.one_of(some.sampled_from(TEXTS), some.text(max_size=20))


@cache
def description() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations() -> list[Any]:
    found = description()["paths"].items()
    return [pytest.param(path, verb, id=f"{verb} {path}") for path, verbs in found for verb in verbs]


def almost(schema: dict[str, Any], known: tuple[int, ...]) -> SearchStrategy[Any]:
    """Values that a description allows, and now and then one that it does not.

    Args:
        schema: of OpenAPI.
        known: numbers that are those of rows.
    """
    return some.integers(0, 7).flatmap(lambda dice: hostile if dice == 0 else _allowed(schema, known))


def _allowed(schema: dict[str, Any], known: tuple[int, ...]) -> SearchStrategy[Any]:
    if "$ref" in schema:
        return _allowed(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], known)
    for joined in ("allOf", "oneOf", "anyOf"):
        if joined in schema:
            return some.one_of([_allowed(each, known) for each in schema[joined]])
    if "enum" in schema:
        return some.sampled_from(schema["enum"])
    match schema.get("type"):
        case "integer":
            return some.one_of(some.sampled_from(known), some.sampled_from(NUMBERS), some.integers(0, 50))
        case "number":
            return some.one_of(some.floats(0, 1), some.sampled_from((0, 1, -1, 1e308, 5e-324)))
        case "boolean":
            return some.booleans()
        case "string":
            return texts
        case "array":
            return some.lists(almost(schema["items"], known), max_size=4)
        case "object" if "properties" in schema:
            fields = {name: almost(each, known) for name, each in schema["properties"].items()}
            needed = set(schema.get("required", ()))
            optional = {name: each for name, each in fields.items() if name not in needed}
            return some.fixed_dictionaries({name: fields[name] for name in needed}, optional=optional)
        case "object":
            inner = schema.get("additionalProperties")
            values = almost(inner, known) if isinstance(inner, dict) and inner else hostile
            return some.dictionaries(texts, values, max_size=3)
    return hostile


def _as_form(body: Any) -> dict[str, Any]:
    """A body as fields of a form, files included."""
    fields = body if isinstance(body, dict) else {"": str(body)}
    file = SimpleUploadedFile("x\u202e.png", b"\x89PNG")
    return {
        str(name).encode(errors="replace").decode(): file if name in {"file", "files"} else _as_text(value)
        for name, value in fields.items()
    }


def _as_text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace").decode()


@pytest.fixture
def known() -> tuple[int, ...]:
    """The numbers of rows of every kind, which hang together as they would."""
    user = StaffFactory.create()
    dataset = factories.DatasetFactory.create()
    labels = [factories.LabelFactory.create(dataset=dataset, name=name) for name in ("cat", "dog")]
    samples = [factories.SampleFactory.create(dataset=dataset) for _ in range(3)]
    profile = loop.PROFILE | {"class_names": ["cat", "dog"]}
    model = factories.InferenceModelFactory.create(profile=profile)
    service = factories.FilteringServiceFactory.create(model=model, output_dataset=dataset)
    runs = [factories.BatchRunFactory.create(service=service, total=2, done=2) for _ in range(2)]
    for run in runs:
        for position in range(2):
            factories.RunItemFactory.create(run=run, position=position)
    mining = factories.MiningFactory.create(filter=service.filter)
    factories.MiningItemFactory.create(mining=mining, position=0)
    comparison = RunComparison.objects.create(run=runs[1], other=runs[0], created_by=user)
    ComparedInput.objects.create(comparison=comparison, change="moved", place=0, position=0, other_position=0)
    rows = [
        user, dataset, *samples, *labels, service, model, *runs, mining, comparison,
        factories.ReviewEventFactory.create(sample=samples[0]),
        factories.DatasetVersionFactory.create(dataset=dataset),
        factories.ImportTaskFactory.create(dataset=dataset),
        factories.AutoLabelingTaskFactory.create(dataset=dataset, created_by=user),
        factories.CollectionTaskFactory.create(service=service, dataset=dataset),
        factories.CollectionTaskFactory.create(
            service=service, dataset=dataset, run=runs[0], mining=mining, kind=CollectionKind.FILTER,
            status=CollectionStatus.DATASET_IMPORTED,
        ),
    ]  # fmt: skip
    return tuple(sorted({row.pk for row in rows}))


@pytest.mark.parametrize(("path", "verb"), operations())
def test_no_arguments_break_an_operation(path: str, verb: str, known: tuple[int, ...]) -> None:
    operation = description()["paths"][path][verb]
    content = operation.get("requestBody", {}).get("content", {})
    query = {each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    places = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"]
    client = APIClient()
    client.force_authenticate(StaffFactory.create())

    @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(some.data())
    def answered(data: Any) -> None:
        numbers = some.sampled_from(known * 5 + tuple(each for each in NUMBERS if each >= 0))
        address = path.format(**{name: data.draw(numbers, label=name) for name in places})
        asked = {
            name: str(data.draw(almost(schema, known), label=name)).encode(errors="replace").decode()
            for name, schema in query.items()
            if data.draw(some.booleans())
        }
        keys = some.sampled_from(("k", "", "é", "x" * 300, "a\tb"))
        headers = {"Idempotency-Key": data.draw(keys)} if data.draw(some.booleans()) else {}
        sent, kind = _body(data, content, known)
        with transaction.atomic():
            answer = client.generic(verb.upper(), address, sent, content_type=kind, query_params=asked, headers=headers)
            transaction.set_rollback(True)
        assert answer.status_code < 500, (answer.status_code, answer.content)
        if answer.status_code < 300:
            assert str(answer.status_code) in operation["responses"]
        else:
            told = answer.json()
            assert told["code"].isidentifier()
            assert told["message"].strip()
            assert "Traceback" not in told["message"]

    answered()


def _body(data: Any, content: dict[str, Any], known: tuple[int, ...]) -> tuple[Any, str]:
    """A body and its type."""
    form = data.draw(some.integers(0, 9), label="kind of body")
    if form == 0 or not content:
        return data.draw(some.sampled_from(RAW)), data.draw(some.sampled_from(KINDS))
    body = data.draw(almost(content["application/json"]["schema"], known), label="body")
    if form < 4 and "multipart/form-data" in content:
        encoder = APIClient()
        return encoder._encode_data(_as_form(body), format="multipart")
    return json.dumps(body), "application/json"
