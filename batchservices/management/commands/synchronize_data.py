"""`manage.py synchronize_data`: brings the inputs of a service into a dataset, from cron or by hand."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from batchservices import collection
from batchservices.models import BatchService, CollectionStatus, CollectionTask
from config.refusals import Refused
from datasets.models import Dataset
from datasets.waiting import progress, until_ended


class Command(BaseCommand):
    help = (
        "Brings all inputs of a batch service into a dataset, unlabeled. Again adds only what is new. Waits to the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", help="name of the batch service")
        parser.add_argument("--dataset", required=True, help="name of the dataset")
        parser.add_argument("--create", action="store_true", help="make the dataset where there is none of that name")
        waiting = "--no-wait only begins, and leaves the rest to workers"
        parser.add_argument("--wait", action=BooleanOptionalAction, default=True, help=waiting)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, service: str, dataset: str, create: bool, wait: bool, as_json: bool, **options: object) -> None:
        task = _begin(service, dataset, create=create)
        if wait:
            self._work(task)
        result = _result(task)
        self.stdout.write(json.dumps(result) if as_json else result["message"])
        if task.status in (CollectionStatus.FAILED, CollectionStatus.STOPPED):
            raise CommandError(result["message"])

    def _work(self, task: CollectionTask) -> None:
        try:
            with progress(f"{task.service}, synchronizing", lambda: _look(task.pk)):
                until_ended(task, collection.execute)
        except Refused as refused:
            raise CommandError(str(refused)) from None


def _look(pk: int) -> tuple[int, int | None]:
    return CollectionTask.objects.values_list("cursor", "total").get(pk=pk)


def _begin(name: str, dataset_name: str, *, create: bool) -> CollectionTask:
    service = BatchService.objects.select_related("model").filter(name=name).first()
    if service is None:
        raise CommandError(f"There is no batch service {name!r}.")
    dataset = Dataset.objects.filter(name=dataset_name).first()
    if dataset is None and not create:
        raise CommandError(f"There is no dataset {dataset_name!r}; --create makes it.")
    try:
        if dataset is None:
            return collection.synchronize(service=service, dataset_name=dataset_name, by=None)
        return collection.synchronize(service=service, dataset=dataset, by=None)
    except Refused as error:
        if error.code == "already_synchronizing":
            return CollectionTask.objects.get(pk=error.where["item"])
        raise CommandError(str(error)) from None


def _result(task: CollectionTask) -> dict[str, Any]:
    task.refresh_from_db()
    return {
        "service": task.service.name,
        "dataset": task.dataset.name,
        "task": task.pk,
        "status": task.status,
        "added": task.added,
        "already_there": task.already_there,
        "failed": task.failed,
        "message": task.words or f"Task {task.pk} is {task.get_status_display().lower()}.",
    }
