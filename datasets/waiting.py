"""Commands do the long work themselves and show how far it is, on a terminal alone."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import connection
from tqdm import tqdm

from config.leases import LeasedWork


@contextmanager
def progress(
    words: str, look: Callable[[], tuple[int, int | None]], *, every: float = 0.5, unit: str = "image"
) -> Iterator[None]:
    """Shows a progress bar on standard error while the body works, where that is a terminal.

    Args:
        words: what is being done.
        look: how much is done, of how much; asked from a thread of its own.
        every: seconds between two looks.
        unit: what is counted.
    """
    ended = Event()

    def watch() -> None:
        with tqdm(desc=words, unit=unit) as bar:
            while not ended.wait(every):
                bar.n, bar.total = look()
                bar.refresh()
        connection.close()

    if not sys.stderr.isatty():
        yield
        return
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def until_ended(row: LeasedWork, execute: Callable[[int], None], *, every: float = 0.5) -> None:
    """Works on a row until it has ended; while a worker has it, waits, and takes over should that one die.

    Args:
        row: fresh from the database when this returns.
        execute: goes on with the row of an id; does nothing where somebody else works on it.
        every: seconds between two tries.
    """
    execute(row.pk)
    row.refresh_from_db()
    while row.status in row.WORKING:  # type: ignore[attr-defined]
        time.sleep(every)
        execute(row.pk)
        row.refresh_from_db()
