"""The process of a sandbox as its owner sees it: started, asked, listened to, killed. Stdlib and numpy only.

Requests may be sent ahead of their answers, which come in the same order: the pipe holds the next ones while the
process works, so that it never waits for its owner. Neither end waits for the other while its own pipe is full.
"""

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

from config.frames import BadFrame, Buffer, unpack
from config.refusals import Refused

logger = logging.getLogger("config.sandbox")

START_DEADLINE = 120.0
LOG_TAIL = 2000
CHUNK = 2**20
PIPE = 2**20
"""Bytes of requests that wait in the pipe: two photographs. It is the most that Linux grants to everybody."""

KEPT = ("LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
ROOT = Path(__file__).resolve().parent.parent


class LimitedProcess:
    """The process, its pipes, its log and its directory."""

    def __init__(self, imports: tuple[str, ...], memory: int) -> None:
        self.owner = os.getpid()
        self.directory = tempfile.mkdtemp(prefix="sandbox-")
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the child
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "config.confined", str(self.owner), str(memory), *imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            bufsize=0,
            env=_environment(self.directory),
            cwd=self.directory,
            start_new_session=True,
        )
        self.requests = _pipe(self.process.stdin)
        self.answers = _pipe(self.process.stdout)
        self.outgoing: deque[Buffer] = deque()
        with contextlib.suppress(PermissionError):  # this user has many pipes: a small one is slower, that is all
            fcntl.fcntl(self.requests, fcntl.F_SETPIPE_SZ, PIPE)
        try:
            ready = self.answer(time.monotonic() + START_DEADLINE)
        except (EOFError, TimeoutError, BadFrame):
            ready = None
        if ready != {"value": "ready"}:
            self.log_end()
            self.kill()
            raise Refused("sandbox_failed", "The limited process for foreign data could not be started.", status=503)

    def lives(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def send(self, request: list[Buffer]) -> None:
        """Sends a request as far as the pipe takes it; what is left goes while answers are waited for."""
        self.outgoing.extend(request)
        self._flush()

    def speaks(self, seconds: float) -> bool:
        """Whether an answer has begun, or the process has died, within so many seconds."""
        try:
            self._wait(time.monotonic() + seconds)
        except TimeoutError:
            return False
        return True

    def answer(self, end: float) -> Any:
        """The next answer. Raises TimeoutError at the end (of `time.monotonic`), EOFError (it died) or BadFrame."""

        def read(length: int) -> bytearray:
            buffer = bytearray(length)
            rest = memoryview(buffer)
            while rest:
                try:
                    count = os.readv(self.answers, [rest[:CHUNK]])
                except BlockingIOError:
                    self._wait(end)
                    continue
                if count == 0:
                    raise EOFError
                rest = rest[count:]
            return buffer

        return unpack(read)

    def kill(self) -> None:
        """Ends the process with all it started and removes its traces; in a fork of the owner only lets go."""
        if self.owner == os.getpid():
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            shutil.rmtree(self.directory, ignore_errors=True)
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream is not None:
                stream.close()

    def log_end(self) -> None:
        """Writes the end of the child's own log into ours: for operators, never for users."""
        size = os.fstat(self.log.fileno()).st_size
        tail = os.pread(self.log.fileno(), LOG_TAIL, max(0, size - LOG_TAIL))
        logger.warning(
            "sandbox: exit status %s, end of its log: %s", self.process.poll(), tail.decode(errors="replace")
        )

    def _wait(self, end: float) -> None:
        """Returns when there is something to read, or nothing will ever be; requests go out meanwhile."""
        while True:
            poll = select.poll()
            poll.register(self.answers, select.POLLIN)
            if self.outgoing:
                poll.register(self.requests, select.POLLOUT)
            ready = poll.poll(max(0.0, end - time.monotonic()) * 1000)
            if not ready:
                raise TimeoutError
            if any(descriptor == self.answers for descriptor, _ in ready):
                return
            self._flush()

    def _flush(self) -> None:
        while self.outgoing:
            piece = memoryview(self.outgoing[0])
            try:
                written = os.write(self.requests, piece[:CHUNK])
            except BlockingIOError:
                return
            except BrokenPipeError:  # it may have answered before it died
                self.outgoing.clear()
                return
            if written < len(piece):
                self.outgoing[0] = piece[written:]
            else:
                self.outgoing.popleft()


def _pipe(stream: IO[bytes] | None) -> int:
    assert stream is not None  # noqa: S101  Popen was asked for both pipes
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _environment(directory: str) -> dict[str, str]:
    """Built from nothing, so that no secret of ours is in it; threads would compete with other workers."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": directory,
        "TMPDIR": directory,
        "PYTHONPATH": str(ROOT),
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime reports to its maker by default
        "MALLOC_ARENA_MAX": "1",  # each further arena would reserve 64 MiB of the address space
        **dict.fromkeys(threads, "1"),
        **{name: os.environ[name] for name in KEPT if name in os.environ},
    }
