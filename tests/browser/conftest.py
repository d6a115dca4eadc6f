"""A served Hardmine with its demonstration, and a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
START_SECONDS = 300


@dataclass(frozen=True)
class Served:
    """A running server: its address, and the password it printed."""

    address: str
    password: str
    data: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`manage.py serve --demonstration` in a data directory of its own, until the tests are done."""
    data = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_"))},
        "HARDMINE_SECRET_KEY": os.environ["HARDMINE_SECRET_KEY"],
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
        password = _password(server, log)
        address = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(f"{address}/admin/login/", timeout=30)  # noqa: S310  our own server
        yield Served(address, password, data)
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Without one the test is skipped, unless HARDMINE_BROWSER_REQUIRED says that it must run."""
    if CHROMIUM is None:
        if os.environ.get("HARDMINE_BROWSER_REQUIRED"):
            pytest.fail("No Chromium is installed, and HARDMINE_BROWSER_REQUIRED is set.")
        pytest.skip("no Chromium is installed: the browser test is skipped (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def _password(server: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = re.search(r"password (\S+)", log.read_text())
        if found:
            return found[1]
        assert server.poll() is None, log.read_text()
        time.sleep(0.3)
    raise AssertionError(f"The server was not ready after {START_SECONDS} s:\n{log.read_text()}")
