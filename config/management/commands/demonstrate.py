"""`manage.py demonstrate`: the whole loop in a directory of its own; the last line is one JSON object."""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demonstration import administrator, forest, judging, loading, waiting
from config.processes import Supervisor

_HERE = "HARDMINE_DEMONSTRATION"


class Command(BaseCommand):
    help = "Runs the demonstration to its end: load, confirm by the known labels, publish, retrain, count."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *, seed: int, **options: object) -> None:
        if _HERE in os.environ:
            self._run(seed)
        else:
            self._run_apart(seed)

    def _run_apart(self, seed: int) -> None:
        # its own database, storages and broker, made anew: what `make run` keeps is not touched
        directory = Path(settings.DATA_DIR) / "demo"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o750)
        storages = {name: "" for name in os.environ if name.startswith("HARDMINE_STORAGE_")}
        addresses = {"HARDMINE_DATABASE_URL": "", "HARDMINE_BROKER_URL": ""}
        environment = {**os.environ, **storages, **addresses, "HARDMINE_DATA_DIR": str(directory), _HERE: "1"}
        environment["HARDMINE_SECRET_KEY"] = settings.SECRET_KEY
        environment["OMP_NUM_THREADS"] = environment["OPENBLAS_NUM_THREADS"] = "1"  # the workers use the other cores
        try:
            subprocess.run(
                [sys.executable, "manage.py", "demonstrate", "--seed", str(seed)],
                cwd=settings.BASE_DIR,
                env=environment,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None

    def _run(self, seed: int) -> None:
        phases = waiting.Phases()
        with phases.phase("migrate"):
            call_command("migrate", verbosity=0)
        password = administrator.create_once()
        with Supervisor(("worker", "sweeper")) as supervisor:
            collection = loading.load(seed=seed, watch=supervisor.watch, phases=phases)
            self.stderr.write(loading.summary(collection))
            self.stderr.write(forest.summary(forest.load(watch=supervisor.watch)))
            self.stderr.write(f"  Its administrator: {administrator.NAME}, password {password}")
            self.stderr.write("  To look at it afterwards: make run HARDMINE_DATA_DIR=var/demo\n")
            result = judging.judge(collection, seed=seed, watch=supervisor.watch, phases=phases)
        self.stdout.write(json.dumps(result))
