"""Rows by their ids, many at once."""

import json
from collections.abc import Sequence

from django.db import connection
from django.db.models.expressions import RawSQL


def of(ids: Sequence[int]) -> RawSQL:
    """The ids as one parameter, for `filter(pk__in=of(ids))`: Django prepares those of a list one by one, which costs
    more than finding their rows."""
    if connection.vendor == "sqlite":
        return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(ids)])
    return RawSQL("SELECT unnest(%s::bigint[])", [list(ids)])
