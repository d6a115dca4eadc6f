"""Two workers and the sweeper as real processes, started again whenever they end; and how they are killed."""

import ctypes
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.worlds import World
from tests.servers.private import die_with_parent
from tests.serving import ROOT

WORKERS = 2
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
WORKER = [
    *(sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--loglevel", "INFO"),
    *("--concurrency", "1", "--without-gossip", "--without-mingle"),
]
SWEEPER = [sys.executable, "manage.py", "sweep", "--forever", "--every", "0.5"]


@dataclass
class Member:
    """One process that is kept running."""

    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    starts: int = 0
    process: subprocess.Popen | None = field(default=None, init=False)

    def tend(self) -> None:
        """Starts it where it does not run."""
        if self.process is not None and self.process.poll() is None:
            return
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_as_anybody,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


def _as_anybody() -> None:
    """Dies with the loop; is refused by permissions as everybody is who is not root."""
    die_with_parent()
    for power in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, power)


class Crew:
    """The processes of a world, from the start of the first round to the end of the last.

    Args:
        world: where they work.
        logs: the directory of what they say.
    """

    def __init__(self, world: World, logs: Path) -> None:
        self.workers = [
            Member(WORKER, self._environment(world, number), logs / f"worker{number}.log") for number in range(WORKERS)
        ]
        self.sweeper = Member(SWEEPER, self._environment(world, 0), logs / "sweeper.log")
        kills = {
            "child killed": self.child_killed,
            "worker's process killed": self.process_killed,
            "worker killed": self.worker_killed,
            "worker stopped": self.worker_stopped,
        }
        world.faults |= kills | ({} if "disk full" in world.faults else {"disk full": self.files_limited})

    @staticmethod
    def _environment(world: World, number: int) -> dict[str, str]:
        return {**world.environment, "HARDMINE_DATA_DIR": str(world.data_of(number))}

    def __enter__(self) -> "Crew":
        self.tend()
        return self

    def __exit__(self, *exception: object) -> None:
        for member in (*self.workers, self.sweeper):
            if member.process is not None:
                os.killpg(member.pid, signal.SIGKILL)
                member.process.wait()

    def tend(self) -> None:
        """Starts again what has ended."""
        for member in (*self.workers, self.sweeper):
            member.tend()

    def pause(self, seconds: float) -> None:
        """Time passes, and what ends meanwhile is started again."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(left, 0.05))

    @contextmanager
    def child_killed(self, chance: random.Random) -> Iterator[None]:
        """SIGKILL for the limited child of a worker."""
        for process in _children(chance.choice(self.workers).pid):
            for child in _children(process):
                _kill(child)
        yield

    @contextmanager
    def process_killed(self, chance: random.Random) -> Iterator[None]:
        """SIGKILL for the process of a worker that does its work."""
        for process in _children(chance.choice(self.workers).pid):
            _kill(process)
        yield

    @contextmanager
    def worker_killed(self, chance: random.Random) -> Iterator[None]:
        """SIGKILL for a whole worker, or for its first process alone."""
        worker = chance.choice(self.workers)
        processes = _children(worker.pid) if chance.random() < 0.5 else []
        for process in (worker.pid, *processes):
            _kill(process)
        yield

    @contextmanager
    def worker_stopped(self, chance: random.Random) -> Iterator[None]:
        """SIGTERM, as a machine that is shut down says it."""
        with suppress(ProcessLookupError):
            os.kill(chance.choice(self.workers).pid, signal.SIGTERM)
        yield

    @contextmanager
    def files_limited(self, chance: random.Random) -> Iterator[None]:
        """No worker can make a file longer: what a full disk is where no file system can be mounted."""
        processes = [pid for worker in self.workers for pid in (worker.pid, *_children(worker.pid))]
        _limit(processes, 0)
        try:
            yield
        finally:
            _limit(processes, resource.RLIM_INFINITY)


def _limit(processes: Sequence[int], size: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size if size == 0 else hard, hard))


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found
