"""What a person sees while the demonstration loads: seconds, progress bars, one line per step."""

import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from config.leases import LeasedWork
from config.refusals import Refused

Watch = Callable[[], None]


class Phases:
    """Seconds per phase, and a word on the terminal for each."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def wait(
    row: LeasedWork,
    words: str,
    *,
    watch: Watch,
    done: Callable[[], int] = lambda: 0,
    total: Callable[[], int | None] = lambda: None,
) -> None:
    """Waits for a long work with a progress bar.

    Raises:
        Refused: the work failed.
    """
    with bar(words) as shown:
        row.refresh_from_db()
        while row.status in row.WORKING:  # type: ignore[attr-defined]
            watch()
            time.sleep(0.2)
            row.refresh_from_db()
            shown.total, shown.n = total() or None, done()
            shown.refresh()
    if row.error:
        raise Refused(row.error_code, f"{words}: {row.error}", status=409)


def bar(words: str, numbers: Collection[int] | None = None) -> tqdm:
    """A progress bar where somebody looks, else one line that says what is being done."""
    if not sys.stderr.isatty():
        sys.stderr.write(f"{words} ...\n")
    return tqdm(numbers, desc=f"{words:26}", unit="", file=sys.stderr, disable=None)
