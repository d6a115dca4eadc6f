"""`manage.py run_batch_services`: starts services now, for scripts that go on with the results.

What shall start at its time has a schedule, and `start_due` starts it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from batchservices import running, waiting
from batchservices.models import BatchService
from config.refusals import Refused


class Command(BaseCommand):
    help = "Starts the named batch services now. A service that is running already is left to run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="+", help="names of services")
        parser.add_argument("--again", action="store_true", help="infer everything again, also what has not changed")
        parser.add_argument("--wait", action="store_true", help="wait until the runs and their filtering have ended")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, names: list[str], again: bool, wait: bool, as_json: bool, **options: object) -> None:
        results = [_start(service, again=again) for service in _services(names)]
        if wait:
            for result in results:
                if result["run"] is not None:
                    result |= waiting.wait_for_run(result["run"], name=result["service"], terminal=self.stderr)
        for result in results:
            if not as_json:
                self.stdout.write(f"{result['service']}: {result['message']}")
        if as_json:
            self.stdout.write(json.dumps({"services": results}))
        failed = ["{service} ({status})".format(**result) for result in results if not result["ok"]]
        if failed:
            raise CommandError(f"Not all went well: {', '.join(failed)}.")


def _services(names: list[str]) -> list[BatchService]:
    services = list(BatchService.objects.filter(name__in=names).order_by("name"))
    unknown = set(names) - {service.name for service in services}
    if unknown:
        raise CommandError(f"There is no batch service {sorted(unknown)[0]!r}.")
    return services


def _start(service: BatchService, *, again: bool) -> dict[str, Any]:
    try:
        run = running.start(service=service, by=None, again=again)
    except Refused as error:
        going_on = error.code == "already_running"
        return {
            "service": service.name,
            "run": error.where.get("item") if going_on else None,
            "status": error.code,
            "ok": going_on,
            "message": error.message,
        }
    return {
        "service": service.name,
        "run": run.pk,
        "status": run.status,
        "ok": True,
        "message": f"Started run {run.pk}.",
    }
