"""Many rows by one prepared statement: a third of what `bulk_create` costs, and a tenth of an UPDATE for each row.

Inside the caller's transaction. Fields are named as the model names them; values are what the model would take.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model, QuerySet


def insert(
    model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Inserts rows.

    Args:
        fields: all that have no default in the database.
        rows: the values of the fields, in their order.
        ignore_conflicts: what is there already stays.
    """
    known = [_field(model, name) for name in fields]
    columns, marks = ", ".join(map(_column, known)), ", ".join(["%s"] * len(known))
    statement = f"INSERT INTO {_table(model)} ({columns}) VALUES ({marks})"  # noqa: S608  our own names
    _execute(statement + (" ON CONFLICT DO NOTHING" if ignore_conflicts else ""), known, rows)


def insert_from(model: type[Model], fields: Sequence[str], rows: QuerySet) -> None:
    """Inserts what a query finds, without a way through this process.

    Args:
        fields: as of `insert`.
        rows: a query by `values_list`, its columns in the order of the fields.
    """
    columns = ", ".join(_column(_field(model, name)) for name in fields)
    found, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {_table(model)} ({columns}) {found}", values)


def update(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Updates rows by their primary key.

    Args:
        rows: the values of the fields, in their order, and then the primary key.
    """
    known = [_field(model, name) for name in (*fields, "pk")]
    assignments = ", ".join(f"{_column(field)} = %s" for field in known[:-1])
    statement = f"UPDATE {_table(model)} SET {assignments} WHERE {_column(known[-1])} = %s"  # noqa: S608  our own names
    _execute(statement, known, rows)


def _execute(statement: str, fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> None:
    prepared = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    if prepared:
        with connection.cursor() as cursor:
            cursor.executemany(statement, prepared)


def _field(model: type[Model], name: str) -> Field:
    found = model._meta.pk if name == "pk" else model._meta.get_field(name)
    assert isinstance(found, Field)  # noqa: S101  a caller's slip: a relation from elsewhere has no column
    return found


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(field: Field) -> str:
    return connection.ops.quote_name(str(field.column))
