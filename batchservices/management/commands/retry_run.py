"""`manage.py retry_run`: goes on with a run that has ended, for what has no prediction."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from batchservices import running, waiting
from batchservices.models import ACTIVE_RUN, BatchRun
from config.refusals import Refused


class Command(BaseCommand):
    help = "Tries again the inputs of an ended run that have no prediction. One that goes on already is left to run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="the number of the run, the newest of its service")
        parser.add_argument("--wait", action="store_true", help="wait until the run and its filtering have ended")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, run: int, wait: bool, as_json: bool, **options: object) -> None:
        found = BatchRun.objects.select_related("service").filter(pk=run).first()
        if found is None:
            raise CommandError(f"There is no run {run}.")
        if found.status not in ACTIVE_RUN:
            try:
                running.retry(run=found, by=None)
            except Refused as error:
                raise CommandError(error.message) from None
        told: dict[str, Any] = {"run": run, "ok": True, "status": "started", "message": f"{found} goes on."}
        if wait:
            told |= waiting.wait_for_run(run, name=found.service.name, terminal=self.stderr)
        self.stdout.write(json.dumps(told) if as_json else told["message"])
        if not told["ok"]:
            raise CommandError(f"Not all went well: {found.service.name} ({told['status']}).")
