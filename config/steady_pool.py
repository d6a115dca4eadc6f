"""A pool of worker processes that goes on when one of them is killed.

For brokers that are polled, such as files: there Celery's pool hands out its jobs by one pipe and a lock that all of
its processes share. Who waits for work holds that lock: killed, it takes the lock along, and no process ever gets work
again. Who is killed while it reads leaves half of a message to the next one.
"""

import io
import os
import socket
import threading
import time
from typing import Any

from billiard.connection import Connection
from billiard.pool import Pool
from billiard.queues import _SimpleQueue  # type: ignore[attr-defined]  # not public

MOST_BYTES = 1 << 20  # of a message; the system's own limit is lower


class Packets(Connection):
    """An end of a socket by which a message is sent, and received, as a whole or not at all."""

    _handle: int

    def _send_bytes(self, buf: bytes) -> None:
        os.write(self._handle, buf)

    def _recv_bytes(self, maxsize: int | None = None) -> io.BytesIO:
        message = os.read(self._handle, MOST_BYTES)
        if not message:
            raise EOFError
        return io.BytesIO(message)


class PacketQueue(_SimpleQueue):
    """A queue between processes in which each message goes to one reader; nobody waits for another one's lock."""

    def __init__(self) -> None:
        reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reader = Packets(reader.detach(), writable=False)
        self._writer = Packets(writer.detach(), readable=False)
        self._rlock = threading.Lock()  # the pool takes it when it ends


class SteadyPool(Pool):
    """Celery's pool with queues of packets. A job that nobody has accepted when a process is killed may have been in
    the hands of that one: it is given up unless somebody accepts it soon, and does not keep its place for ever."""

    _cache: dict[int, Any]

    def _setup_queues(self) -> None:
        self._inqueue, self._outqueue = PacketQueue(), PacketQueue()
        self._quick_put, self._quick_get = self._inqueue._writer.send, self._outqueue._reader.recv
        self._doubted: set[Any] = set()

    def _poll_result(self, timeout: float) -> tuple[bool, Any]:
        if self._outqueue._reader.poll(timeout):
            return True, self._quick_get()
        return False, None

    def _join_exited_workers(self, shutdown: bool = False) -> Any:
        exited = super()._join_exited_workers(shutdown)  # type: ignore[misc]  # not public
        waiting = {job for job in list(self._cache.values()) if not job.accepted()}
        for job in self._doubted - waiting:
            job._worker_lost = None  # somebody has it
        self._doubted &= waiting
        if any(code is not None and code < 0 for code in exited):  # killed by a signal
            for job in waiting - self._doubted:
                job._worker_lost = time.monotonic(), 0
                self._doubted.add(job)
        return exited
