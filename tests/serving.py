"""A served Hardmine with its demonstration, in a data directory of its own: for the browser and for benchmarks."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 600


@dataclass(frozen=True)
class Served:
    """A running server: its address, the password that it printed, its environment for commands."""

    address: str
    password: str
    environment: dict[str, str]

    def command(self, *words: str) -> str:
        """What `manage.py` prints for a command."""
        line = [sys.executable, "manage.py", *words]
        return subprocess.run(line, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """`manage.py serve --demonstration`, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_"))},
        "HARDMINE_SECRET_KEY": secrets.token_urlsafe(60),
        "HARDMINE_DATA_DIR": str(data),
    }
    log = data / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--demonstration", "--bind", f"127.0.0.1:{port}"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Served(f"http://127.0.0.1:{port}", _password(server, log), environment)
    finally:
        server.terminate()
        server.wait(30)


def _password(server: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        words = log.read_text()
        found = re.search(r"password (\S+)", words)
        if found and "Hardmine serves at" in words:
            return found[1]
        assert server.poll() is None, log.read_text()
        time.sleep(0.3)
    raise AssertionError(f"The server was not ready after {START_SECONDS} s:\n{log.read_text()}")
