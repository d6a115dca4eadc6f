"""What the description of the API says of all its operations."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

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
        "item": {"type": "integer"},
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


def with_errors(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """The description, with the one shape of errors at each operation; a hook of drf-spectacular."""
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    error = {"description": "What was wrong, and where.", "content": content}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["4XX"] = error
    return result
