"""The description of the API, held to its word: what a door answers must be what a generated client expects."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft4Validator
from rest_framework.test import APIClient

NOTHING = {"enum": [None]}


class DescribedClient(APIClient):
    """A client of the API to which no answer may come that the description does not describe."""

    def request(self, **environment: Any) -> Any:
        """The answer, after a look at it."""
        answer = super().request(**environment)
        check(environment["REQUEST_METHOD"], environment["PATH_INFO"], answer)
        return answer


def check(method: str, path: str, answer: Any) -> None:
    """Raises AssertionError where an answer of the API is none that the description knows."""
    described = next((each for pattern, each in operations(method.lower()) if pattern.fullmatch(path)), None)
    if described is None:
        assert answer.status_code >= 400, f"{method} {path} is not described"
        return
    status = f"{answer.status_code // 100}XX" if answer.status_code >= 400 else str(answer.status_code)
    assert status in described, f"{method} {path}: {answer.status_code} is not described"
    kinds = described[status]
    kind = answer.get("Content-Type", "").partition(";")[0]
    if kind != "application/json":
        known = {kind, kind.partition("/")[0] + "/*"} if kind else {""}
        assert known & (kinds.keys() or {""}), f"{method} {path}: {kind} is not described"
        return
    assert kind in kinds, f"{method} {path}: nothing was to come with {status}"
    wrong = next(kinds[kind].iter_errors(json.loads(answer.content)), None)
    assert wrong is None, f"{method} {path}: {'.'.join(map(str, wrong.absolute_path))}: {wrong.message}"


@cache
def operations(method: str) -> list[tuple[re.Pattern[str], dict[str, dict[str, Draft4Validator]]]]:
    """For each address with this method: by status and type of content, what an answer must look like."""
    description = SchemaGenerator().get_schema(request=None, public=True)
    definitions = plain(description["components"])
    found = []
    for path, methods in description["paths"].items():
        if method in methods:
            answers = {
                status: {
                    kind: Draft4Validator({**plain(each.get("schema", {})), "components": definitions})
                    for kind, each in answer.get("content", {}).items()
                }
                for status, answer in methods[method]["responses"].items()
            }
            found.append((re.compile(re.sub(r"{\w+}", r"[^/]+", path)), answers))
    return found


def plain(described: Any) -> Any:
    """OpenAPI 3.0 as JSON schema: what may be null, and objects that have what they declare and nothing else."""
    if isinstance(described, list):
        return [plain(each) for each in described]
    if not isinstance(described, Mapping):
        return described
    schema = {name: plain(each) for name, each in described.items()}
    if schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return {"anyOf": [schema, NOTHING]} if schema.pop("nullable", False) is True else schema
