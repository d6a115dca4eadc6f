"""That this worker was asked to stop: its parent process says it, its children hear it between two chunks.

One byte of memory that is shared with every process forked after this module was imported, so that a stop needs no
signal that might interrupt a transaction.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def ask() -> None:
    """Asks this process and the children it forked to begin nothing more, and to give back what they have leased."""
    _flag[0] = 1


def asked() -> bool:
    """Whether that was asked."""
    return _flag[0] == 1
