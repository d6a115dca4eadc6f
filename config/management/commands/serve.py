"""`manage.py serve`: the admin, the worker and the sweeper, until Ctrl-C."""

import io
import socket
import sys
from argparse import ArgumentParser

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import environment
from config.demonstration import administrator, forest, loading
from config.processes import Supervisor, run_until_stopped
from config.refusals import Refused


class Command(BaseCommand):
    help = "Serves the admin, the worker and the sweeper, and restarts what dies, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default=environment.text("BIND", "127.0.0.1:8000"), metavar="HOST:PORT")
        parser.add_argument("--demonstration", action="store_true", help="load the demonstration first, once")
        parser.add_argument("--seed", type=int, default=1, help="the demonstration's random seed")

    def handle(self, *, bind: str, demonstration: bool, seed: int, **options: object) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # a log shows the password at once, as a terminal does
        _check_free(bind)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if password := administrator.create_once():
            # before all else: a start that is broken off must not take the only copy with it
            self.stdout.write(f"\n  User {administrator.NAME}, password {password}")
            self.stdout.write("  (printed this once; change it under your name)\n")
        try:
            with Supervisor(("web", "worker", "sweeper"), bind=bind) as supervisor:
                if demonstration:
                    self._demonstrate(seed, supervisor)
                run_until_stopped(supervisor, ready=lambda: self.stdout.write(_where(bind)))
        except KeyboardInterrupt:
            pass  # Ctrl-C while the demonstration is loaded: the next start goes on where this one was
        self.stdout.write("Stopped. All work goes on at the next start.")

    def _demonstrate(self, seed: int, supervisor: Supervisor) -> None:
        try:
            self.stdout.write(loading.summary(loading.load(seed=seed, watch=supervisor.watch)))
            self.stdout.write(forest.summary(forest.load(watch=supervisor.watch)))
        except Refused as refused:
            self.stderr.write(f"The demonstration is not complete: {refused.message}")


def _check_free(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    if not port.isdigit():
        raise CommandError(f"--bind is {bind!r}; write HOST:PORT, for example 127.0.0.1:9000.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Nothing can listen at {bind} ({error}). Stop what does, or choose another place: "
                "make run BIND=127.0.0.1:9000"
            ) from None


def _where(bind: str) -> str:
    port = bind.rpartition(":")[2]
    host = bind.rpartition(":")[0]
    address = f"{host if host.startswith(('127.', 'localhost')) else 'localhost'}:{port}"
    lines = [
        f"\n  Hardmine serves at http://{address}/admin/",
        f"  Put images into inputs: {loading.inputs_place()}",
        "  Stop with Ctrl-C.\n",
    ]
    return "\n".join(lines)
