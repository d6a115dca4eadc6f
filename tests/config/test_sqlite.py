"""Waiting for the write lock of SQLite."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config.leases import PAUSE_SECONDS
from config.sqlite.base import DatabaseWrapper

pytestmark = pytest.mark.django_db


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., BaseDatabaseWrapper]]:
    """Makes connections to one file, which wait so many seconds at most; closes them."""
    made: list[BaseDatabaseWrapper] = []

    def connect(*, timeout: float) -> BaseDatabaseWrapper:
        options = {"transaction_mode": "IMMEDIATE", "timeout": timeout, "init_command": "PRAGMA journal_mode=WAL;"}
        settings = {**connections["default"].settings_dict, "NAME": str(tmp_path / "file.sqlite3"), "OPTIONS": options}
        made.append(DatabaseWrapper(settings, alias="other"))
        made[-1].ensure_connection()
        return made[-1]

    yield connect
    for each in made:
        each.close()


def begin(other: BaseDatabaseWrapper) -> None:
    other.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def test_who_waits_asks_again_several_times_in_a_pause(connect, monkeypatch) -> None:
    worker, page = connect(timeout=30), connect(timeout=30)
    begin(worker)
    asked: list[float] = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 100:
            worker.rollback()

    monkeypatch.setattr(time, "sleep", sleep)
    begin(page)
    assert len(asked) == 100  # long after SQLite itself would ask ten times a second only
    assert max(asked) <= PAUSE_SECONDS / 4
    page.rollback()


def test_who_waits_too_long_is_told(connect) -> None:
    worker, page = connect(timeout=30), connect(timeout=0.05)
    begin(worker)
    with pytest.raises(OperationalError, match="locked"):
        begin(page)
    worker.rollback()
