"""Private PostgreSQL, Redis and S3 servers on loopback, made for one session and gone after it."""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psycopg
import redis
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "hardmine"
STORAGES = ("inputs", "outputs", "datasets", "models", "staging")
START_SECONDS = 120
_PR_SET_PDEATHSIG = 1
NEEDED = {
    "initdb": "Debian: apt-get install postgresql",
    "redis-server": "Debian: apt-get install redis-server",
    "moto_server": "uv tool install 'moto[server]'",
}


def program(name: str) -> str | None:
    """Where a program is; Debian keeps PostgreSQL's own beside the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return shutil.which(name) or (str(beside[-1]) if beside else None)


def missing() -> list[str]:
    """A line about each program that is not installed, with the way to get it."""
    return [f"{name} is not installed ({way})" for name, way in NEEDED.items() if program(name) is None]


@dataclass
class Server:
    """A server that can be stopped and started again at the same address.

    Attributes:
        command: its command line.
        directory: where it works; what it says is in `log` there.
        ready: returns once it answers, else raises one of `errors`.
        environment: the variables that name its address.
        end: the signal that ends it in order.
        owner: as whom it runs, as `subprocess.Popen` takes it.
    """

    command: list[Any]
    directory: Path
    ready: Callable[[], object]
    errors: tuple[type[Exception], ...]
    environment: dict[str, str]
    end: signal.Signals = signal.SIGTERM
    owner: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(self.end)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,  # a Ctrl-C is for who started it
                preexec_fn=die_with_parent,
                **self.owner,
            )
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ready()
                return
            except self.errors:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def stop(self, how: signal.Signals) -> None:
        """Ends it by a signal, and by force where that does not help."""
        if self.process is None:
            return
        self.process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self.process = None


def die_with_parent() -> None:
    """Asks the kernel to kill this process when the one that started it is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for servers, gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="hardmine-servers-"))
    made.chmod(0o711)  # PostgreSQL refuses root: its own user must get to its directory
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def postgresql(place: Path) -> Server:
    """A cluster of its own, with a password."""
    place.mkdir()
    password, port = secrets.token_hex(16), free_port()
    secret = place / "password"
    secret.write_text(password)
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for path in (place, secret):
            shutil.chown(path, "postgres", "postgres")
    data = place / "data"
    make = ["--pgdata", data, "--username=hardmine", "--pwfile", secret, "--auth=scram-sha-256", "--encoding=UTF8"]
    subprocess.run(
        [program("initdb"), *make, "--no-sync", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/", **owner
    )
    options = [*("-c", "listen_addresses=127.0.0.1"), *("-c", "unix_socket_directories="), *("-c", "fsync=off")]
    url = f"postgres://hardmine:{password}@127.0.0.1:{port}/postgres"
    return Server(
        [program("postgres"), "-D", data, "-p", str(port), *options],
        place,
        lambda: psycopg.connect(url).close(),
        (psycopg.OperationalError,),
        {"HARDMINE_DATABASE_URL": url},
        signal.SIGINT,
        owner,
    )


def redis_server(place: Path) -> Server:
    """A Redis that keeps nothing, with a password."""
    place.mkdir()
    password, port = secrets.token_hex(16), free_port()
    settings = place / "redis.conf"
    settings.write_text(f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {place}\nsave ''\n")
    url = f"redis://:{password}@127.0.0.1:{port}/0"

    def ready() -> None:
        with closing(redis.Redis.from_url(url)) as client:
            client.ping()

    return Server(
        [program("redis-server"), settings], place, ready, (redis.ConnectionError,), {"HARDMINE_BROKER_URL": url}
    )


def s3(place: Path) -> Server:
    """A server that speaks S3, with one bucket; each storage is a prefix of it. It forgets all when it ends."""
    place.mkdir()
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-central-1",
        **{f"HARDMINE_STORAGE_{name.upper()}": f"s3://{BUCKET}/{name}" for name in STORAGES},
    }

    def ready() -> None:
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        location = {"LocationConstraint": environment["AWS_REGION"]}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)

    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return Server(command, place, ready, (BotoCoreError, ClientError), environment)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
