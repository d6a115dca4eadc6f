"""`manage.py sweep`: rings again for lost work; once from cron, or forever beside web and worker."""

import json
import time
from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from config.sweeper import sweep


class Command(BaseCommand):
    help = "Rings again for long work whose doorbell was lost or whose worker died."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--forever", action="store_true", help="sweep every few seconds until stopped")
        parser.add_argument("--every", type=float, default=3.0, metavar="SECONDS")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, forever: bool, every: float, json: bool, **options: object) -> None:
        rung = sweep()
        while forever:
            time.sleep(every)
            sweep()
        self.stdout.write(_as_json(rung) if json else f"{rung} bells rung.")


def _as_json(rung: int) -> str:
    return json.dumps({"rung": rung})
