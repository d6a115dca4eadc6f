"""`manage.py auto_group`: sorts what is unlabeled in a dataset into groups, from cron or by hand."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refused
from datasets.waiting import progress, until_ended
from labeling import auto_grouping, auto_work
from labeling.auto_grouping import MEASURES
from labeling.auto_words import progress_of
from labeling.management.named import dataset_of, look, model_of, user_of
from labeling.models import AutoLabelingStatus


class Command(BaseCommand):
    help = (
        "Sorts the unlabeled samples of a dataset into groups of images that look alike, as a sample attribute. Waits "
        "to the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("--by", required=True, help="name of the user who starts it")
        parser.add_argument("--groups", type=int, help="2 to 200; else as many as there seem to be")
        parser.add_argument("--attribute", default="group", help="name of the sample attribute")
        parser.add_argument("--model", help='a classifier to compare by, with or without its version: "lights 2"')
        besides = "what counts as much as all else together; may be given again"
        parser.add_argument("--measure", action="append", default=[], choices=list(MEASURES), help=besides)
        waiting = "--no-wait only starts it, and leaves the rest to workers"
        parser.add_argument("--wait", action=BooleanOptionalAction, default=True, help=waiting)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, wait: bool, as_json: bool, **chosen: Any) -> None:
        try:
            task = auto_grouping.start_auto_grouping(
                dataset=dataset_of(chosen["dataset"]),
                attribute=chosen["attribute"],
                by=user_of(chosen["by"]),
                groups=chosen["groups"],
                model=model_of(chosen["model"]) if chosen["model"] else None,
                measures=chosen["measure"],
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
            "attribute": task.attribute,
            "groups": {told["value"]: told["count"] for told in task.groups},
            "message": words,
        }
        self.stdout.write(json.dumps(result) if as_json else words)
        if task.status in (AutoLabelingStatus.FAILED, AutoLabelingStatus.STOPPED):
            raise CommandError(words)
