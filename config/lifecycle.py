"""State moves: one conditional UPDATE, the same on SQLite and PostgreSQL.

The legal moves of a model stand as one literal dict, target -> sources, under its TextChoices. Whoever loses a race
sees a count of 0 and nothing is half changed; there is no lock to hold.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from config.refusals import Refused

Moves = Mapping[Any, frozenset[Any]]  # keys and sources are TextChoices, whose type mappings do not vary in


def move(rows: QuerySet, *, moves: Moves, to: str, changes: Mapping[str, Any] | None = None) -> int:
    """Moves every row whose status allows it to `to`.

    Args:
        rows: the rows that may move, usually one: `Model.objects.filter(pk=pk)`.
        moves: for each status the statuses it may be reached from.
        to: the new status.
        changes: other columns set in the same statement.

    Returns:
        How many rows moved.
    """
    return rows.filter(status__in=moves[to]).update(status=to, **(changes or {}))


def move_one(rows: QuerySet, *, moves: Moves, to: str, changes: Mapping[str, Any] | None = None) -> None:
    """Like `move` for exactly one row. Raises Refused "illegal_status_change" (409) where it may not."""
    if move(rows, moves=moves, to=to, changes=changes) != 1:
        status = rows.values_list("status", flat=True).first()
        name = rows.model._meta.verbose_name
        raise Refused(
            "illegal_status_change",
            f"This {name} is {status or 'gone'} and cannot become {to}. Reload the page to see what changed.",
            status=409,
        )
