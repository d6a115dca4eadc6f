"""Commands do the long work themselves and show how far it is, on a terminal alone."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import connection
from tqdm import tqdm


@contextmanager
def progress(words: str, look: Callable[[], tuple[int, int | None]], *, every: float = 0.5) -> Iterator[None]:
    """Shows a progress bar on standard error while the body works, where that is a terminal.

    Args:
        words: what is being done.
        look: how much is done, of how much; asked from a thread of its own.
        every: seconds between two looks.
    """
    ended = Event()

    def watch() -> None:
        with tqdm(desc=words, unit="image") as bar:
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
