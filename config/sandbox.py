"""Runs functions of ours on hostile bytes in one limited child process, kept for many calls.

The child is a fresh interpreter (never a fork), without secrets in its environment, in an empty directory of
its own, without network where the kernel allows that, with one thread, a limit on its memory and files; it
dies with the thread that started it and is killed at the deadline. What it answers is read as if a stranger
had written it.

    with Sandbox(imports=["datasets.images"], memory=2**30, noun="image") as sandbox:
        for outcome in sandbox.each(inspect, images, deadline_each=20):
            ...

The child ends with the thread that started it, and the next call starts another: in a worker, use the main thread.
"""

import logging
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from config.frames import BadFrame, Buffer, pack, unpack
from config.refusals import Refused

logger = logging.getLogger(__name__)

START_DEADLINE = 120.0
LOG_TAIL = 2000
CHUNK = 2**20
PLACES = ("field", "line", "item", "file")
KEPT = ("LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
ROOT = Path(__file__).resolve().parent.parent

type Function = Callable[..., Any] | str


@dataclass(frozen=True)
class Outcome:
    """What became of one item of `Sandbox.each`: a value, or the error that it cost."""

    index: int
    value: Any = None
    error: Refused | None = None


class Sandbox:
    """One limited child process, started at its first use and again whenever it died.

    Args:
        imports: modules that the child imports before its memory is limited.
        memory: bytes that the child may take beyond what it holds after its imports.
        noun: what the work is about; names the codes `<noun>_timeout`, `<noun>_crashed` and `<noun>_memory`.
    """

    def __init__(self, *, imports: Iterable[str] = (), memory: int = 2**30, noun: str = "work") -> None:
        self.imports = tuple(imports)
        self.memory = memory
        self.noun = noun
        self._child: _Child | None = None
        self._prepared: dict[str, tuple[tuple[Any, ...], float]] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child, if there is one. The next call starts another."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child = None

    def prepare(self, function: Function, *args: Any, deadline: float) -> Any:
        """As `call`, and again after every restart of the child: what later calls rely on, such as a loaded
        model.

        Preparing the same function once more replaces the earlier preparation.
        """
        with self._lock:
            value = self.call(function, *args, deadline=deadline)
            self._prepared[_name(function)] = (args, deadline)
            return value

    def forget(self) -> None:
        """Drops all that was prepared; a restarted child begins empty."""
        self._prepared.clear()

    def call(self, function: Function, *args: Any, deadline: float) -> Any:
        """Runs a function in the child and returns its result.

        Args:
            function: a function at the top of a module, or its name as `module:function`.
            args: what `config.frames.pack` can carry; the result as well.
            deadline: seconds after which the child is killed.

        Raises:
            Refused: what the function refused; `<noun>_timeout`, `<noun>_crashed` or `<noun>_memory` when the
                child did not survive or had too little memory; `unexpected_error` for any other exception;
                `sandbox_failed` when no child could be started.
        """
        with self._lock:
            return self._ask(self._ready(), _name(function), args, deadline)

    def each(self, function: Function, items: Iterable[Any], *, deadline_each: float) -> Iterator[Outcome]:
        """Runs a function on one item after another, and yields each outcome as soon as it is known.

        An item that kills the child costs itself alone: the child is started and prepared again for the next.

        Args:
            function: takes one item; else as in `call`.
            deadline_each: seconds for one item.

        Raises:
            Refused: the child could not be started or prepared again; the items so far have their outcomes.
        """
        name = _name(function)
        for index, item in enumerate(items):
            with self._lock:
                child = self._ready()
                try:
                    outcome = Outcome(index, value=self._ask(child, name, (item,), deadline_each))
                except Refused as error:
                    outcome = Outcome(index, error=error)
            yield outcome

    def _ready(self) -> "_Child":
        """The living child, prepared."""
        if self._child is not None and not self._child.lives():
            self.close()
        if self._child is None:
            self._child = _Child(self.imports, self.memory)
            for name, (args, deadline) in self._prepared.items():
                self._ask(self._child, name, args, deadline)
        return self._child

    def _ask(self, child: "_Child", name: str, args: tuple[Any, ...], deadline: float) -> Any:
        request = pack({"function": name, "args": list(args)})
        try:
            answer = child.ask(request, deadline)
        except TimeoutError:
            self.close()
            raise Refused(
                f"{self.noun}_timeout",
                f"The {self.noun} took longer than {deadline:g} seconds and was stopped.",
            ) from None
        except (EOFError, BadFrame):
            child.log_end()
            self.close()
            raise Refused(f"{self.noun}_crashed", f"The {self.noun} crashed the process that worked on it.") from None
        except BaseException:
            self.close()  # else the next call would read the answer to this one
            raise
        match answer:
            case {"value": value}:
                return value
            case {"memory": True}:
                raise Refused(f"{self.noun}_memory", f"The {self.noun} needs more memory than it may have.")
            case {
                "refused": {
                    "code": str(code),
                    "message": str(message),
                    "status": int(status),
                    "where": dict(where),
                }
            }:
                known = {place: where[place] for place in PLACES if isinstance(where.get(place), str | int)}
                raise Refused(code[:64], message[:1000], status=status, **known)
            case {"unexpected": str(kind)} if re.fullmatch(r"\w{1,64}", kind):
                child.log_end()
                raise Refused("unexpected_error", f"The {self.noun} stopped on an unexpected error ({kind}).")
        self.close()
        raise Refused(f"{self.noun}_crashed", f"The {self.noun} crashed the process that worked on it.")


def _name(function: Function) -> str:
    return function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"


class _Child:
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
        try:
            ready = self._read_answer(time.monotonic() + START_DEADLINE)
        except (EOFError, TimeoutError, BadFrame):
            ready = None
        if ready != {"value": "ready"}:
            self.log_end()
            self.kill()
            raise Refused("sandbox_failed", "The limited process for foreign data could not be started.", status=503)

    def lives(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, request: list[Buffer], seconds: float) -> Any:
        """Sends a request, returns the answer. Raises TimeoutError, EOFError (it died) or BadFrame."""
        end = time.monotonic() + seconds
        try:
            for piece in request:
                self._write(memoryview(piece), end)
        except BrokenPipeError:
            pass  # it may have answered before it died
        return self._read_answer(end)

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

    def _write(self, piece: memoryview, end: float) -> None:
        while piece:
            _wait(self.requests, select.POLLOUT, end)
            piece = piece[os.write(self.requests, piece[:CHUNK]) :]

    def _read_answer(self, end: float) -> Any:
        def read(length: int) -> bytearray:
            buffer = bytearray(length)
            rest = memoryview(buffer)
            while rest:
                _wait(self.answers, select.POLLIN, end)
                count = os.readv(self.answers, [rest[:CHUNK]])
                if count == 0:
                    raise EOFError
                rest = rest[count:]
            return buffer

        return unpack(read)


def _pipe(stream: IO[bytes] | None) -> int:
    assert stream is not None  # noqa: S101  Popen was asked for both pipes
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _wait(descriptor: int, event: int, end: float) -> None:
    """Returns when the pipe is ready or broken; raises TimeoutError at the end."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
        raise TimeoutError


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
