"""Named steps of long work: before and after each commit, rename and doorbell.

A step does nothing, unless HARDMINE_KILL_AT names it ("run.chunk.committed", or "run.chunk.committed:3" for the third
time): then the process kills itself there, as an out-of-memory killer would. The fault tests walk through all of them.
"""

import os
import signal
from collections import Counter

_name, _, _count = os.environ.get("HARDMINE_KILL_AT", "").partition(":")
_wanted = int(_count or 1)
_seen: Counter[str] = Counter()


def step(name: str) -> None:
    """Marks that the work has come to the step `name`."""
    if name == _name:
        _seen[name] += 1
        if _seen[name] == _wanted:
            os.kill(os.getpid(), signal.SIGKILL)
