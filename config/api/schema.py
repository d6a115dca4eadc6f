"""What the description of the API says of all its operations."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from config.api.repeats import HEADER, LONGEST

ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "description": "For programs; it stays."},
        "message": {"type": "string", "description": "For people."},
        "field": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": True},
        "line": {"type": "integer"},
        "item": {
            "oneOf": [{"type": "integer"}, {"type": "string"}],
            "description": "A row's id, or the part of a text.",
        },
        "file": {"type": "string"},
    },
}


class Described(AutoSchema):
    """drf-spectacular's description of a view, with what is ours."""

    def get_override_parameters(self) -> list[Any]:
        """The key of requests that may come again."""
        if getattr(self.view, "action", None) not in getattr(self.view, "keyed", ()):
            return []
        words = f"At most {LONGEST} characters: the request is done once, however often it comes within a day."
        return [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=words)]

    def _get_paginator(self) -> Any:
        """Lists that are read come in pages; those that a verb answers with come whole."""
        return super()._get_paginator() if self.method == "GET" else None

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """What is read from a column may be null, or "" instead of a choice, where the column may: REST framework does
        not tell so of what is only read, and clients that are generated then break at the answer."""
        column = _column(field) if field.read_only else None
        if column is not None:
            field.allow_null = field.allow_null or column.null
            if isinstance(field, serializers.ChoiceField):
                field.allow_blank = column.blank
        return super()._map_serializer_field(field, direction, bypass_extensions)


def _column(field: serializers.Field) -> Field | None:
    """The column that a field of a model's serializer writes; None for what is computed or reached by way of another
    row."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    try:
        column = model._meta.get_field(field.source) if model and field.source else None
    except FieldDoesNotExist:
        return None
    return column if isinstance(column, Field) else None


def with_errors(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """The description, with the one shape of errors at each operation; a hook of drf-spectacular."""
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    error = {"description": "What was wrong, and where.", "content": content}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"] |= {"4XX": error, "5XX": error}
    return result
