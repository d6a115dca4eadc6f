"""What the description of the API says of all its operations."""

from typing import Any

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


def with_errors(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """The description, with the one shape of errors at each operation; a hook of drf-spectacular."""
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    error = {"description": "What was wrong, and where.", "content": content}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["4XX"] = error
    return result
