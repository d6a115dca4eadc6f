"""Named steps of long work: before and after each commit, rename and doorbell.

A step does nothing, unless HARDMINE_DEATHS names a directory, as the fault tests do. Where that holds a file of the
step's name, the process takes the file away and kills itself, as an out-of-memory killer would; a number in the file
says at which pass.
"""

import os
import signal
from pathlib import Path

_deaths = os.environ.get("HARDMINE_DEATHS", "")


def step(name: str) -> None:
    """Marks that the work has come to the step `name`."""
    if _deaths and _dies(Path(_deaths, name)):
        os.kill(os.getpid(), signal.SIGKILL)


def _dies(order: Path) -> bool:
    """Whether this process is the one that dies: of all that come, the one that takes the order away."""
    try:
        left = int(order.read_text() or 1) - 1
        if left:
            order.write_text(str(left))
            return False
        order.unlink()
    except (FileNotFoundError, ValueError):  # no order; or another process writes into it just now
        return False
    return True
