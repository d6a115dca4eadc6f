"""`manage.py accept_at_once`: accepts what auto labeling is sure of, with a stated risk, from cron or by hand."""

import json
from argparse import ArgumentParser
from dataclasses import asdict

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refused
from datasets.models import Dataset
from datasets.waiting import until_ended
from labeling import accepting, selections
from labeling.auto.acceptance import BOUNDS
from labeling.models import AutoLabelingStatus, AutoLabelingTask, ReviewTaskStatus


class Command(BaseCommand):
    help = (
        "Says how many results of the latest auto labeling of a dataset could become Labeled without a look at each, "
        "and at what risk; with --at-most, makes them so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("--at-most", type=float, choices=BOUNDS, help="accept; the share of errors allowed")
        parser.add_argument("--by", help="name of the user who answers for it")
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="print the offers, or the result, as JSON"
        )

    def handle(self, *, dataset: str, at_most: float | None, by: str | None, as_json: bool, **options: object) -> None:
        task = _latest(dataset)
        if at_most is None:
            found = accepting.offers(task)
            told = [{**asdict(offer), "words": accepting.words_of(offer)} for offer in found]
            lines = [
                f"at most {100 * each['bound']:.0f} % wrong: {each['accepted']:,} ({each['words']})" for each in told
            ]
            self.stdout.write(
                json.dumps(told) if as_json else "\n".join(lines) or "There is nothing to accept at once."
            )
            return
        user = User.objects.filter(username=by).first() if by else None
        if user is None:
            raise CommandError(f"There is no user {by!r}." if by else "--by names who answers for it.")
        try:
            work = accepting.accept(task=task, bound=at_most, by=user)
            until_ended(work, selections.execute)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        if work.status != ReviewTaskStatus.FINISHED:
            raise CommandError(work.error or work.get_status_display())
        result = {"task": task.pk, "total": work.total, "changed": work.changed, "batch": work.batch}
        self.stdout.write(
            json.dumps(result) if as_json else f"{work.changed:,} of {work.total:,} samples are accepted."
        )


def _latest(name: str) -> AutoLabelingTask:
    dataset = Dataset.objects.filter(name=name).first()
    if dataset is None:
        raise CommandError(f"There is no dataset {name!r}.")
    labeled = dataset.auto_labeling_tasks.exclude(kind=AutoLabelingTask.Kind.AUTO_GROUPING)
    task = labeled.filter(status=AutoLabelingStatus.SUCCEEDED).order_by("-id").first()
    if task is None:
        raise CommandError(f"No auto labeling of {name} has succeeded yet.")
    return task
