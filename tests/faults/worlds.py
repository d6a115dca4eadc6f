"""Where a round of faults takes place: a database, a broker and storages that can be broken and mended."""

import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psycopg
import redis

from tests.faults.gate import Gate
from tests.servers import private

DISK_MIB = 256
LEASE_SECONDS = 3

type Fault = Callable[[random.Random], AbstractContextManager[None]]
"""Breaks something on its way in and mends it on its way out."""


class World:
    """What both worlds share: a small disk, orders to die, and the variables that each process gets.

    Attributes:
        disk: the directory of what is kept on this machine; a file system of its own where that can be mounted.
        deaths: where `config.steps` finds at which step to die.
        environment: the variables of every process of the product.
        faults: name -> what can be broken here.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.disk = stack.enter_context(_small_disk())
        self.mounted = self.disk.is_mount()
        self.deaths = self.disk / "deaths"
        self.deaths.mkdir()
        self.temporary = self.disk / "temporary"
        self.temporary.mkdir()
        own = ("HARDMINE_", "DJANGO_", "AWS_")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(own)},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "HARDMINE_SECRET_KEY": secrets.token_urlsafe(60),
            "HARDMINE_DEATHS": str(self.deaths),
            "HARDMINE_LEASE_SECONDS": str(LEASE_SECONDS),
            "HARDMINE_WORKER_PROCESSES": "1",
            "TMPDIR": str(self.temporary),
        }
        self.faults: dict[str, Fault] = {"disk full": self.disk_full} if self.mounted else {}

    def data_of(self, number: int) -> Path:
        """The data directory of worker `number`."""
        raise NotImplementedError

    @contextmanager
    def disk_full(self, chance: random.Random) -> Iterator[None]:
        """Not one byte is left on the disk."""
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    if file.write(b"\0" * size) < size:
                        raise OSError
                except OSError:
                    size //= 2
        try:
            yield
        finally:
            ballast.unlink()


class Files(World):
    """As `manage.py serve` has it: SQLite, directories, a broker of files; all on the small disk."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self.data = self.disk / "data"
        self.database = self.data / "hardmine.sqlite3"
        self.environment |= {
            "HARDMINE_DATA_DIR": str(self.data),
            "HARDMINE_DATABASE_URL": f"sqlite:///{self.database}?timeout=1",
        }
        self.faults |= {
            "database locked": self.database_locked,
            "storage unreadable": self.storage_unreadable,
            "broker stopped": self.broker_stopped,
            "broker flushed": self.broker_flushed,
        }

    def data_of(self, number: int) -> Path:
        return self.data

    @contextmanager
    def database_locked(self, chance: random.Random) -> Iterator[None]:
        """Somebody holds the one lock for writing, for longer than others wait for it."""
        with closing(sqlite3.connect(self.database, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    @contextmanager
    def storage_unreadable(self, chance: random.Random) -> Iterator[None]:
        """Nobody may enter the directory of a storage."""
        name = chance.choice(private.STORAGES[:4])
        with _closed(self.data / name):
            yield

    @contextmanager
    def broker_stopped(self, chance: random.Random) -> Iterator[None]:
        """Nobody may enter the directory of messages."""
        with _closed(self.data / "broker" / "messages"):
            yield

    @contextmanager
    def broker_flushed(self, chance: random.Random) -> Iterator[None]:
        """All messages are lost."""
        for message in (self.data / "broker" / "messages").iterdir():
            message.unlink(missing_ok=True)
        yield


class Servers(World):
    """PostgreSQL, Redis and S3; each worker keeps a data directory of its own."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        place = stack.enter_context(private.directory())
        self.postgresql = stack.enter_context(private.postgresql(place / "postgresql"))
        self.redis = stack.enter_context(private.redis_server(place / "redis"))
        storage = stack.enter_context(private.s3(place / "s3"))
        self.gate = stack.enter_context(Gate(storage.environment["AWS_ENDPOINT_URL"]))
        self.environment |= {
            **self.postgresql.environment,
            **self.redis.environment,
            **storage.environment,
            "AWS_ENDPOINT_URL": self.gate.address,
            "AWS_MAX_ATTEMPTS": "2",
        }
        self.faults |= {
            "connections killed": self.connections_killed,
            "PostgreSQL crashed": self.postgresql_crashed,
            "storage away": self.storage_away,
            "Redis stopped": self.redis_stopped,
            "Redis flushed": self.redis_flushed,
        }

    def data_of(self, number: int) -> Path:
        return self.disk / f"data{number}"

    @contextmanager
    def connections_killed(self, chance: random.Random) -> Iterator[None]:
        """The server ends every connection."""
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename <> ''"
        with psycopg.connect(self.postgresql.environment["HARDMINE_DATABASE_URL"]) as connection:
            connection.execute(kill)
        yield

    @contextmanager
    def postgresql_crashed(self, chance: random.Random) -> Iterator[None]:
        """The server ends at once, in the middle of everything, and recovers."""
        self.postgresql.stop(signal.SIGQUIT)
        try:
            yield
        finally:
            self.postgresql.start()

    @contextmanager
    def storage_away(self, chance: random.Random) -> Iterator[None]:
        """Nothing answers at the address of S3, and what goes on there is cut."""
        self.gate.close()
        try:
            yield
        finally:
            self.gate.open()

    @contextmanager
    def redis_stopped(self, chance: random.Random) -> Iterator[None]:
        """Redis is gone, and comes back empty."""
        self.redis.stop(signal.SIGKILL)
        try:
            yield
        finally:
            self.redis.start()

    @contextmanager
    def redis_flushed(self, chance: random.Random) -> Iterator[None]:
        """All messages are lost."""
        with closing(redis.Redis.from_url(self.redis.environment["HARDMINE_BROKER_URL"])) as client:
            client.flushall()
        yield


WORLDS: dict[str, type[World]] = {"files": Files, "servers": Servers}


@contextmanager
def _closed(directory: Path) -> Iterator[None]:
    mode = directory.stat().st_mode
    directory.chmod(0)
    try:
        yield
    finally:
        directory.chmod(mode)


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A directory, where the kernel lets us one that is a file system of a few MiB."""
    place = Path(tempfile.mkdtemp(prefix="hardmine-faults-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0711", "tmpfs", str(place)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield place
    finally:
        if mounted:
            _unmount(place)
        shutil.rmtree(place, ignore_errors=True)


def _unmount(place: Path) -> None:
    for _ in range(50):
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", str(place)], check=True, capture_output=True)
            return
        time.sleep(0.1)
    subprocess.run(["umount", "--lazy", str(place)], check=True)
