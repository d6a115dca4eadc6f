"""The process manager starts what dies again, and leaves nothing behind when it stops."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from config import processes
from config.processes import Supervisor

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGQUIT, signal.SIG_IGN)\n"
    "time.sleep(60)",
]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Supervisor]:
    def supervisor(**lines: list[str]) -> Supervisor:
        monkeypatch.setattr(processes, "commands", lambda *, bind: lines)
        return Supervisor(tuple(lines))

    return supervisor


def ids(supervisor: Supervisor) -> list[int]:
    return [child.process.pid for child in supervisor._children if child.process]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def watch_until(supervisor: Supervisor, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        supervisor.watch()
        time.sleep(0.02)


def test_all_are_started_and_all_are_stopped(run: Callable[..., Supervisor]) -> None:
    with run(web=SLEEPS, worker=SLEEPS) as supervisor:
        started = ids(supervisor)
        assert len(started) == 2
        assert all(runs(pid) for pid in started)
    assert not any(runs(pid) for pid in started)


def test_what_dies_is_started_again_and_the_others_stay(
    run: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_BACKOFF_SECONDS", (0.05,))
    with run(web=SLEEPS, worker=SLEEPS) as supervisor:
        web, worker = ids(supervisor)
        os.kill(worker, signal.SIGKILL)
        watch_until(supervisor, lambda: len(ids(supervisor)) == 2 and ids(supervisor)[1] != worker)
        assert ids(supervisor)[0] == web


def test_what_dies_at_once_again_and_again_is_started_ever_later(
    run: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_BACKOFF_SECONDS", (0.0, 0.0, 0.0, 60.0))
    with run(worker=DIES) as supervisor:
        child = supervisor._children[0]
        watch_until(supervisor, lambda: child.deaths == 3)
        assert child.process is None
        assert child.restart_at > time.monotonic() + 30


def test_what_does_not_hear_is_killed(run: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(processes, "LAST_SECONDS", 0.2)
    with run(worker=STUBBORN) as supervisor:
        time.sleep(0.3)  # until it is deaf
        (started,) = ids(supervisor)
    assert not runs(started)
