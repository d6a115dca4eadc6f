"""What every database must be able to take; the tests themselves mostly run on SQLite."""

from django.apps import apps

POSTGRESQL = {"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"}
"""Columns that PostgreSQL keeps for itself (its documentation, 5.6 System Columns)."""


def test_no_column_has_a_name_that_postgresql_keeps_for_itself() -> None:
    columns = {(model.__name__, field.column) for model in apps.get_models() for field in model._meta.local_fields}
    assert not [each for each in columns if each[1] in POSTGRESQL]
