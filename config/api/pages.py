"""Pages of lists."""

import base64
import binascii
import json
import math
import re
from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from config.refusals import Refused

PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
_CURSOR_LENGTH = 200
_INTEGER_LIMIT = 2**63


class Pages(BasePagination):
    """Pages by the last row seen, so that page 10,000 costs what the first does and nothing is counted.

    The door gives the order: field names, the last one unique, each with or without "-".
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.name, self.order = view.order()
        size = self._size()
        self.rows = self._after(queryset, self._cursor(), size + 1)
        self.more = len(self.rows) > size
        self.rows = self.rows[:size]
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE}
        parameters = [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "required": False, "schema": size},
        ]
        if len(view.orders) > 1:
            words = {"type": "string", "enum": list(view.orders), "default": next(iter(view.orders))}
            parameters.append({"name": "ordering", "in": "query", "required": False, "schema": words})
        return parameters

    def _size(self) -> int:
        text = self.request.query_params.get("page_size", str(PAGE_SIZE))
        if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) or int(text) > MAX_PAGE_SIZE:
            words = f"page_size is a whole number from 1 to {MAX_PAGE_SIZE}."
            raise Refused("invalid_page_size", words, field="page_size")
        return int(text)

    def _cursor(self) -> list[float] | None:
        text = self.request.query_params.get("cursor")
        if text is None:
            return None
        wrong = Refused(
            "invalid_cursor", "This cursor is not one of this list; start from the first page.", field="cursor"
        )
        if len(text) > _CURSOR_LENGTH:
            raise wrong
        try:
            name, *values = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, TypeError):
            raise wrong from None
        if name != self.name or len(values) != len(self.order) or not all(map(_is_number, values)):
            raise wrong
        return values

    def _next(self) -> str | None:
        if not self.more:
            return None
        last = [getattr(self.rows[-1], field.lstrip("-")) for field in self.order]
        cursor = base64.urlsafe_b64encode(json.dumps([self.name, *last]).encode()).decode()
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    def _after(self, queryset: QuerySet, seen: list[float] | None, count: int) -> list[Any]:
        """The rows that follow, one query per field of the order: each is one walk along an index, also where many
        rows have the same coefficient."""
        if seen is None:
            return list(queryset.order_by(*self.order)[:count])
        rows: list[Any] = []
        for fixed in reversed(range(len(self.order))):
            same = {field.lstrip("-"): value for field, value in zip(self.order[:fixed], seen, strict=False)}
            field = self.order[fixed]
            past = {f"{field[1:]}__lt" if field.startswith("-") else f"{field}__gt": seen[fixed]}
            if len(rows) < count:
                rows += queryset.filter(**same, **past).order_by(*self.order[fixed:])[: count - len(rows)]
        return rows


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) < _INTEGER_LIMIT
