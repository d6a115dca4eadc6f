"""The database engine `config.sqlite`: Django's own, with other ways to wait for the write lock.

SQLite asks again after 1, 2, 5, ... 50, and then every 100 ms. A worker that commits chunk after chunk pauses for a
fifth of that, so whoever waits for it misses most pauses: the longer it waited, the more. Here it asks every 2 ms.
"""

import sqlite3
import time

from django.db import OperationalError
from django.db.backends.sqlite3 import base

ASK_AGAIN_SECONDS = 0.002


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to an SQLite file."""

    def _start_transaction_under_autocommit(self) -> None:
        most = float(self.settings_dict["OPTIONS"]["timeout"])
        last = time.monotonic() + most
        self._wait_by_sqlite(0)
        try:
            while not self._begun(last):
                time.sleep(ASK_AGAIN_SECONDS)
        finally:
            self._wait_by_sqlite(most)

    def _begun(self, last: float) -> bool:
        """Whether the transaction has begun; False where another one writes, until the moment `last`."""
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's own, not in its stubs
        except OperationalError as error:
            busy = isinstance(error.__cause__, sqlite3.OperationalError) and (
                error.__cause__.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            )
            if not busy or time.monotonic() >= last:
                raise
            return False
        return True

    def _wait_by_sqlite(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
