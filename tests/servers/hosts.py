"""Two workers as if on two hosts: nothing in common but addresses and the key; the last line is JSON.

Says how many inputs of one run each of them settled.
"""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  after the setup

from batchservices import deployment, running  # noqa: E402
from batchservices.models import ACTIVE_RUN, ItemStatus  # noqa: E402
from tests import loop  # noqa: E402
from tests.serving import ROOT  # noqa: E402

IMAGES = 1000
SECONDS = 240


def host(name: str, data: Path, stack: ExitStack) -> Path:
    """A worker with a data directory of its own; returns its log."""
    log = data / f"{name}.log"
    worker = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--loglevel", "INFO"]
    process = subprocess.Popen(
        [*worker, "--concurrency", "1", "--without-gossip", "--without-mingle"],
        cwd=ROOT,
        env={**os.environ, "HARDMINE_DATA_DIR": str(data / name)},
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return log


def walk(data: Path) -> dict[str, object]:
    """One run, shared."""
    service = deployment.deploy(
        name="shared",
        model=loop.ready_model("shared"),
        input_location="inputs:shared",
        output_location="outputs:shared",
        by=None,
    )
    loop.put_digits("inputs:shared", first=300, count=IMAGES)
    with ExitStack() as stack:
        logs = [host(name, data, stack) for name in ("a", "b")]
        end = time.monotonic() + SECONDS
        while not all("ready" in log.read_text() for log in logs):
            assert time.monotonic() < end, "a worker did not start"
            time.sleep(0.1)
        run = running.start(service=service, by=None)
        while run.status in ACTIVE_RUN:
            assert time.monotonic() < end, f"{run}: {run.done} of {run.total}"
            time.sleep(0.1)
            run.refresh_from_db()
    settled = [sum(map(int, re.findall(r": (\d+) inputs were settled", log.read_text()))) for log in logs]
    return {
        "status": run.status,
        "done": run.items.filter(status=ItemStatus.DONE).count(),
        "parts": settled,
        "kept on disk": sorted(path.name for name in ("a", "b") for path in (data / name).iterdir()),
    }


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps(walk(Path(sys.argv[1]))) + "\n")
