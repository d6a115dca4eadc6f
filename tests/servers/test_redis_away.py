"""Redis may be away just when a worker has begun what it was told to do."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import private
from tests.serving import ROOT

SECONDS = 60
WORKER = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--loglevel", "INFO"]


@pytest.fixture
def known(addresses: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of who has a database of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_", "AWS_"))}
    own |= {"HARDMINE_SECRET_KEY": secrets.token_urlsafe(60), "HARDMINE_DATA_DIR": str(tmp_path / "data")}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=own, check=True)
    return own


@pytest.fixture
def redis(tmp_path: Path, known: dict[str, str]) -> Iterator[private.Server]:
    with private.redis_server(tmp_path / "redis") as server:
        known |= server.environment
        yield server


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


@pytest.mark.servers
def test_a_worker_goes_on_that_could_not_tell_redis_that_it_has_begun(
    redis: private.Server, known: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"

    def tell(number: int) -> None:
        words = f"from config.celery import app; app.send_task('batchservices.execute_run', args=[{number}])"
        subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=known, check=True)

    def said(words: str) -> int:
        return log.read_text().count(words)

    line = [*WORKER, "--concurrency", "1", "--without-gossip", "--without-mingle"]
    with log.open("w") as file, subprocess.Popen(line, cwd=ROOT, env=known, stdout=file, stderr=file) as worker:
        try:
            wait(lambda: said("ready."))
            tell(1)
            wait(lambda: said("succeeded"))
            [process] = map(int, Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split())
            os.kill(process, signal.SIGSTOP)
            tell(2)
            wait(lambda: said("received") == 2)
            redis.stop(signal.SIGTERM)
            os.kill(process, signal.SIGCONT)
            wait(lambda: said("succeeded") == 2)
            redis.start()
            tell(3)
            wait(lambda: said("succeeded") == 3)
        finally:
            worker.kill()
