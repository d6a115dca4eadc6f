"""`manage.py import_data`: takes a folder or a manifest into a dataset, from cron or by hand."""

import json
from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config.refusals import Refused
from datasets import importing
from datasets.creation import create_dataset
from datasets.models import Dataset, ImportFormat, ImportTask, Task, TaskStatus
from datasets.waiting import progress, until_ended


class Command(BaseCommand):
    help = "Takes a folder or a manifest into a dataset. Again adds only what is new."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("location", help="a folder, or a manifest, as alias:path")
        parser.add_argument("--by", required=True, metavar="USER", help="name of the user who imports")
        parser.add_argument("--format", choices=ImportFormat.values, default=ImportFormat.IMAGES.value)
        parser.add_argument("--create", choices=Task.values, metavar="TASK", help="make the dataset if it is missing")
        parser.add_argument("--to-be-confirmed", action="store_true", help="annotated samples go to To Be Confirmed")
        parser.add_argument("--difficult-only", action="store_true", help="of a manifest, only what is hard")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, dataset: str, location: str, by: str, as_json: bool, **options: object) -> None:
        user = get_user_model().objects.filter(username=by).first()
        if user is None:
            raise CommandError(f"There is no user {by!r}.")
        found = Dataset.objects.filter(name=dataset).first()
        if found is None and not options["create"]:
            raise CommandError(f"There is no dataset {dataset!r}; --create TASK makes it.")
        try:
            with transaction.atomic():  # a refused import leaves no empty dataset
                task = importing.start_import(
                    dataset=found or create_dataset(name=dataset, task=str(options["create"]), by=user),
                    by=user,
                    location=location,
                    format=str(options["format"]),
                    final_annotation=not options["to_be_confirmed"],
                    difficult_only=bool(options["difficult_only"]),
                )
            with progress(str(task), lambda: _look(task.pk)):
                until_ended(task, importing.execute)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        task.refresh_from_db()
        result = {name: getattr(task, name) for name in ("status", "added", "already_there", "failed", "error")}
        words = "{status}: {added} added, {already_there} already there, {failed} failed. {error}".format(**result)
        self.stdout.write(json.dumps({"task": task.pk, "dataset": dataset, **result}) if as_json else words.strip())
        if task.status in (TaskStatus.FAILED, TaskStatus.STOPPED):
            raise CommandError(task.error or "The import was stopped.")


def _look(pk: int) -> tuple[int, int | None]:
    return ImportTask.objects.values_list("cursor", "total").get(pk=pk)
