"""`manage.py start_due`: starts the services whose schedule says that it is time, from cron."""

import json
from argparse import ArgumentParser
from dataclasses import asdict

from django.core.management.base import BaseCommand
from django.utils import timezone

from batchservices.schedules import start_due


class Command(BaseCommand):
    help = (
        "Starts the batch services that are due by their schedule. Run it every minute where no sweeper runs; "
        "any number of hosts may."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, as_json: bool, **options: object) -> None:
        found = start_due(now=timezone.now())
        if as_json:
            self.stdout.write(json.dumps({"due": [asdict(due) for due in found]}))
        for due in () if as_json else found:
            self.stdout.write(f"{due.service}: {due.words}")
