"""`manage.py auto_label`: labels what is unlabeled in a dataset, from cron or by hand."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refused
from datasets.waiting import progress, until_ended
from labeling import auto_labeling, auto_work
from labeling.auto_labeling import Algorithm, Kind
from labeling.auto_words import progress_of
from labeling.management.named import dataset_of, look, model_of, user_of
from labeling.models import AutoLabelingStatus, AutoLabelingTask


class Command(BaseCommand):
    help = (
        "Labels the unlabeled samples of a dataset by active learning, or by a model; the results come to To Be "
        "Confirmed when it has ended. Waits to the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("--by", required=True, help="name of the user who starts it")
        parser.add_argument("--algorithm", choices=Algorithm.values, default=Algorithm.FAST.value)
        parser.add_argument("--pre-label", action="store_true", help="let the model label; else active learning")
        parser.add_argument(
            "--model", help='name of a model, with its version where that is not the newest: "lights 2"'
        )
        parser.add_argument(
            "--map", action="append", default=[], dest="mapped", metavar="CLASS=LABEL", help="where names differ"
        )
        waiting = "--no-wait only starts it, and leaves the rest to workers"
        parser.add_argument("--wait", action=BooleanOptionalAction, default=True, help=waiting)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, wait: bool, as_json: bool, **chosen: Any) -> None:
        try:
            task = _start(
                **{name: chosen[name] for name in ("dataset", "by", "algorithm", "pre_label", "model", "mapped")}
            )
            if wait:
                with progress(str(task), lambda: look(task.pk)):
                    until_ended(task, auto_work.execute)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        task.refresh_from_db()
        words = progress_of(task).words
        result = {
            "task": task.pk,
            "dataset": task.dataset.name,
            "status": task.status,
            "total": task.total,
            "proposed": task.proposed,
            "hard": task.hard,
            "passed_over": task.passed_over,
            "message": words,
        }
        self.stdout.write(json.dumps(result) if as_json else words)
        if task.status in (AutoLabelingStatus.FAILED, AutoLabelingStatus.STOPPED):
            raise CommandError(words)


def _start(
    *, dataset: str, by: str, algorithm: str, pre_label: bool, model: str | None, mapped: list[str]
) -> AutoLabelingTask:
    found, user = dataset_of(dataset), user_of(by)
    pairs = [pair.partition("=") for pair in mapped]
    if not all(name and label for name, _, label in pairs):
        raise CommandError("--map wants CLASS=LABEL.")
    return auto_labeling.start_auto_labeling(
        dataset=found,
        by=user,
        kind=Kind.PRE_LABELING if pre_label else Kind.ACTIVE_LEARNING,
        algorithm=algorithm,
        model=model_of(model) if model else None,
        label_mapping={name: label for name, _, label in pairs},
    )
