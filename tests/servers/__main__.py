"""`make servers`: PostgreSQL, Redis, an S3 server, two workers as if on two hosts, and the web; until Ctrl-C.

All of it is private, listens on loopback alone, and is gone afterwards. Workers share nothing on disk.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.servers import private
from tests.serving import ROOT

WORKERS = 2
PASSWORD = "hardmine"  # of an administrator who lives as long as this command


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """A process of the product."""
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)


def end(processes: list[subprocess.Popen]) -> None:
    """Asks all to end; kills after a while what has not."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + 15
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def serve() -> None:
    """Starts all, says where it is, and waits."""
    with ExitStack() as stack:
        place = stack.enter_context(private.directory())
        servers = [
            stack.enter_context(make(place / make.__name__))
            for make in (private.postgresql, private.redis_server, private.s3)
        ]
        addresses = {name: value for server in servers for name, value in server.environment.items()}
        port = os.environ.get("PORT") or str(private.free_port())
        shared = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_"))},
            **addresses,
            "HARDMINE_SECRET_KEY": secrets.token_urlsafe(60),
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        }

        def of_host(name: str) -> dict[str, str]:
            return {**shared, "HARDMINE_DATA_DIR": str(place / name)}

        python, manage = sys.executable, str(Path(ROOT, "manage.py"))
        made = of_host("web") | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        for words in (
            ["migrate", "--verbosity", "0"],
            ["collectstatic", "--no-input", "--verbosity", "0"],
            ["createsuperuser", "--no-input", "--username", "admin", "--email", "admin@example.org"],
        ):
            subprocess.run([python, manage, *words], cwd=ROOT, env=made, check=True, stdout=subprocess.DEVNULL)
        worker = [python, "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--concurrency", "1"]
        processes: list[subprocess.Popen] = []
        stack.callback(end, processes)
        for number in range(1, WORKERS + 1):
            processes.append(start([*worker, "--without-gossip", "--without-mingle"], of_host(f"worker{number}")))
        processes.append(start([python, manage, "sweep", "--forever"], of_host("worker1")))
        web = [python, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
        processes.append(start([*web, "--worker-class", "gthread", "--log-level", "warning"], of_host("web")))
        for name, value in addresses.items():
            sys.stdout.write(f"  {name}={value}\n")
        sys.stdout.write(
            f"\n  Hardmine serves at http://127.0.0.1:{port}/admin/ (admin, {PASSWORD}), "
            f"{WORKERS} workers with separate data directories.\n  Stop with Ctrl-C; nothing is kept.\n"
        )
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    if lacking := private.missing():
        sys.exit("\n".join(lacking))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.write("Starting PostgreSQL, Redis, S3 ...\n")
    try:
        serve()
    except KeyboardInterrupt:
        sys.stdout.write("Stopped.\n")
