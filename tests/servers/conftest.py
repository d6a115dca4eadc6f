"""Private PostgreSQL, Redis and S3 servers on loopback, made for one session of tests and gone after it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "hardmine"
START_SECONDS = 120
NEEDED = {
    "initdb": "Debian: apt-get install postgresql",
    "redis-server": "Debian: apt-get install redis-server",
    "moto_server": "uv tool install 'moto[server]'",
}


def program(name: str) -> str | None:
    """Where a program is; Debian keeps PostgreSQL's own beside the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return shutil.which(name) or (str(beside[-1]) if beside else None)


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, str]]:
    """The environment variables that name the three servers. Where a program is not installed the test is skipped,
    unless HARDMINE_SERVERS_REQUIRED says that it must run."""
    for name, way in NEEDED.items():
        if program(name) is None:
            words = f"{name} is not installed ({way})"
            if os.environ.get("HARDMINE_SERVERS_REQUIRED"):
                pytest.fail(f"{words}, and HARDMINE_SERVERS_REQUIRED is set.")
            pytest.skip(f"{words}: the test on PostgreSQL, Redis and S3 is skipped")
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="hardmine-servers-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o711)  # PostgreSQL refuses root: its own user must get to its directory
        yield {
            **stack.enter_context(postgresql(directory / "postgresql")),
            **stack.enter_context(redis_server(directory / "redis")),
            **stack.enter_context(s3(directory / "s3")),
        }


@contextmanager
def postgresql(directory: Path) -> Iterator[dict[str, str]]:
    """A cluster of its own, with a password."""
    directory.mkdir()
    password, port = secrets.token_hex(16), free_port()
    secret = directory / "password"
    secret.write_text(password)
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for path in (directory, secret):
            shutil.chown(path, "postgres", "postgres")
    data = directory / "data"
    make = ["--pgdata", data, "--username=hardmine", "--pwfile", secret, "--auth=scram-sha-256", "--encoding=UTF8"]
    subprocess.run(
        [program("initdb"), *make, "--no-sync", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/", **user
    )
    options = [*("-c", "listen_addresses=127.0.0.1"), *("-c", "unix_socket_directories="), *("-c", "fsync=off")]
    url = f"postgres://hardmine:{password}@127.0.0.1:{port}/postgres"
    with running([program("postgres"), "-D", data, "-p", str(port), *options], directory, signal.SIGINT, **user):
        wait_for(lambda: psycopg.connect(url).close(), psycopg.OperationalError)
        yield {"HARDMINE_DATABASE_URL": url}


@contextmanager
def redis_server(directory: Path) -> Iterator[dict[str, str]]:
    """A Redis that keeps nothing, with a password."""
    directory.mkdir()
    password, port = secrets.token_hex(16), free_port()
    settings = directory / "redis.conf"
    settings.write_text(f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {directory}\nsave ''\n")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with running([program("redis-server"), settings], directory):
        with closing(redis.Redis.from_url(url)) as client:
            wait_for(client.ping, redis.ConnectionError)
        yield {"HARDMINE_BROKER_URL": url}


@contextmanager
def s3(directory: Path) -> Iterator[dict[str, str]]:
    """A server that speaks S3, with one bucket; each storage is a prefix of it."""
    directory.mkdir()
    port = free_port()
    address = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-central-1",
    }
    with running([program("moto_server"), "-H", "127.0.0.1", "-p", str(port)], directory):
        client = boto3.client(
            "s3",
            endpoint_url=address["AWS_ENDPOINT_URL"],
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name=address["AWS_REGION"],
        )
        place = {"LocationConstraint": address["AWS_REGION"]}
        wait_for(
            lambda: client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place), (BotoCoreError, ClientError)
        )
        names = ("inputs", "outputs", "datasets", "models", "staging")
        yield {**address, **{f"HARDMINE_STORAGE_{name.upper()}": f"s3://{BUCKET}/{name}" for name in names}}


@contextmanager
def running(
    command: list[Any], directory: Path, end: signal.Signals = signal.SIGTERM, **options: Any
) -> Iterator[None]:
    """A server, from its start to its end; what it says is in `log`."""
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=directory, **options
        )
    try:
        yield
    finally:
        server.send_signal(end)
        with suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()
        server.wait()


def wait_for(call: Callable[[], object], errors: type[Exception] | tuple[type[Exception], ...]) -> None:
    """Calls until the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            call()
            return
        except errors:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
