"""`manage.py filter_run`: filters a run that has ended, from its kept predictions."""

import json
from argparse import ArgumentParser
from functools import partial

from django.core.management.base import BaseCommand, CommandError

from batchservices import filtering_again, waiting
from batchservices.models import BatchRun, CollectionStatus
from config.refusals import Refused


class Command(BaseCommand):
    help = "Filters a run that has ended, from its kept predictions, by the settings that its service has now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="the number of the run")
        parser.add_argument("--wait", action="store_true", help="wait until the hard examples are in the dataset")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, run: int, wait: bool, as_json: bool, **options: object) -> None:
        found = BatchRun.objects.select_related("service").filter(pk=run).first()
        if found is None:
            raise CommandError(f"There is no run {run}.")
        try:
            task = filtering_again.filter_run(run=found, by=None)
        except Refused as error:
            raise CommandError(error.message) from None
        if wait:
            waiting.wait(partial(waiting.of_collection, task.pk), words=f"{found}, filtering", terminal=self.stderr)
            task.refresh_from_db()
        message = task.words or f"{found} is being filtered into {task.dataset}: task {task.pk}."
        told = {"task": task.pk, "run": found.pk, "status": task.status, "message": message}
        self.stdout.write(json.dumps(told) if as_json else message)
        if task.status in (CollectionStatus.FAILED, CollectionStatus.STOPPED):
            raise CommandError(f"Task {task.pk} {task.status}.")
