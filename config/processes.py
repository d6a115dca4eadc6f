"""The process manager: web, worker and sweeper as children, restarted when they die, until Ctrl-C."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings

from config import environment

log = logging.getLogger("hardmine.processes")

GRACE_SECONDS = 10
LAST_SECONDS = 4
_BACKOFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
_PR_SET_PDEATHSIG = 1


def commands(*, bind: str) -> dict[str, list[str]]:
    """The command line of each process, by its name.

    Args:
        bind: where the web server listens, "127.0.0.1:8000".
    """
    python = sys.executable
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    return {
        "web": [
            *(python, "-m", "gunicorn", "config.wsgi:application", "--bind", bind, "--worker-class", "gthread"),
            *("--workers", str(environment.number("WEB_PROCESSES", default=2, least=1, most=64)), "--threads", "4"),
            *("--graceful-timeout", "8", "--log-level", "warning", "--no-control-socket"),
        ],
        "worker": [
            # pages come first: on a small machine a run takes every core, and a click would wait behind it
            *("nice", "-n", "10", python, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker"),
            *("--loglevel", "WARNING"),
            *("--concurrency", str(settings.WORKER_PROCESSES), "--without-gossip", "--without-mingle"),
        ],
        "sweeper": [python, manage, "sweep", "--forever"],
    }


@dataclass
class _Child:
    name: str
    command: list[str]
    process: subprocess.Popen | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0


@dataclass
class Supervisor:
    """Starts processes, restarts what dies, stops all. Use it as a context manager; call `watch` often.

    Attributes:
        names: which of `commands` to run.
        bind: where the web server listens.
    """

    names: tuple[str, ...]
    bind: str = "127.0.0.1:8000"
    _children: list[_Child] = field(default_factory=list)

    def __enter__(self) -> "Supervisor":
        lines = commands(bind=self.bind)
        self._children = [_Child(name, lines[name]) for name in self.names]
        self.watch()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def watch(self) -> None:
        """Starts what does not run; what died is started again, later each time it dies soon after its start."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                log.warning("The %s ended with %s; it is started again.", child.name, child.process.returncode)
                child.deaths = 0 if now - child.started_at > 60 else child.deaths + 1
                child.restart_at = now + _BACKOFF_SECONDS[min(child.deaths, len(_BACKOFF_SECONDS) - 1)]
                child.process = None
            if child.process is None and now >= child.restart_at:
                child.started_at = now
                child.process = _spawn(child.command)

    def stop(self) -> None:
        """Asks all to end with what they have in hand, then to end at once, and kills what still has not."""
        running = [child.process for child in self._children if child.process]
        running = _ended(running, signal.SIGTERM, within=GRACE_SECONDS)
        running = _ended(running, signal.SIGQUIT, within=LAST_SECONDS)  # Celery's and gunicorn's word for at once
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._children = []


def run_until_stopped(supervisor: Supervisor, *, ready: Callable[[], None]) -> None:
    """Watches until SIGINT or SIGTERM. `ready` is called once all have been started."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    ready()
    while not stopping:
        supervisor.watch()
        time.sleep(0.5)


def _ended(processes: list[subprocess.Popen], number: signal.Signals, *, within: float) -> list[subprocess.Popen]:
    """Sends a signal to those that run, and returns those that run still when the time is over."""
    for process in processes:
        process.send_signal(number)  # does nothing to one that has ended
    end = time.monotonic() + within
    while (running := [each for each in processes if each.poll() is None]) and time.monotonic() < end:
        time.sleep(0.05)
    return running


def _spawn(command: list[str]) -> subprocess.Popen:
    # one thread per native library: parallelism is by processes, and a fork after a parallel region hangs
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Celery's word about root is about pickled messages; ours are JSON
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env={**quiet, **os.environ, **one_thread},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
