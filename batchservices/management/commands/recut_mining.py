"""`manage.py recut_mining`: a mining is decided anew from its kept scores, without a new run."""

import json
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from batchservices import collection
from batchservices.models import CollectionStatus, CollectionTask
from batchservices.recutting import look, recut
from config.refusals import Refused
from datasets.waiting import progress, until_ended
from hardexamples.models import HardExampleFilter, Mining
from hardexamples.notation import parse_threshold
from hardexamples.recut import Preview, Wish, wish


class Command(BaseCommand):
    help = (
        "Shows what other weights, another threshold, cap or filter would change in a mining; with --apply it is done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("mining", type=int, help="number of the mining, as its page's address has it")
        parser.add_argument("--filter", dest="name", help="take the settings of this filter")
        parser.add_argument("--weights", help="algorithm:weight, joined by +")
        parser.add_argument("--threshold", type=_threshold, help="0 to 1")
        parser.add_argument("--fusion", choices=HardExampleFilter.Fusion.values)
        parser.add_argument("--cap", type=int, help="never more hard examples than this")
        parser.add_argument("--apply", action="store_true", help="do it")
        waiting = "--no-wait only begins, and leaves the rest to workers"
        parser.add_argument("--wait", action=BooleanOptionalAction, default=True, help=waiting)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, mining: int, name: str | None, apply: bool, wait: bool, as_json: bool, **options: Any) -> None:
        row = Mining.objects.select_related("filter").filter(pk=mining).first()
        if row is None:
            raise CommandError(f"There is no mining {mining}.")
        try:
            wanted = wish(mining=row, chosen=_filter(name), changes=_changes(options))
            shown = look(mining=row, wanted=wanted)
            task = _applied(row, wanted, wait=wait) if apply else None
        except Refused as refused:
            raise CommandError(str(refused)) from None
        words = task.words or f"Task {task.pk} has begun." if task else _words(shown)
        said = {**asdict(shown), "task": task.pk if task else None, "message": words}
        self.stdout.write(json.dumps(said) if as_json else words)
        if task and task.status in (CollectionStatus.FAILED, CollectionStatus.STOPPED):
            raise CommandError(words)


def _applied(row: Mining, wanted: Wish, *, wait: bool) -> CollectionTask:
    task = recut(mining=row, wanted=wanted, by=None)
    if wait:
        with progress(str(task), lambda: CollectionTask.objects.values_list("cursor", "total").get(pk=task.pk)):
            until_ended(task, collection.execute)
    task.refresh_from_db()
    return task


def _filter(name: str | None) -> HardExampleFilter | None:
    found = HardExampleFilter.objects.filter(name=name).first() if name is not None else None
    if name is not None and found is None:
        raise CommandError(f"There is no filter {name!r}.")
    return found


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    names = {
        "weights": "comprehensive_algo_config",
        "threshold": "algo_hard_threshold",
        "fusion": "fusion",
        "cap": "cap",
    }
    return {ours: options[given] for given, ours in names.items() if options[given] is not None}


def _words(shown: Preview) -> str:
    words = f"{shown.added:,} would become hard, {shown.dropped:,} would be hard no more, {shown.kept:,} would stay."
    if shown.decided:
        words += f" On {shown.decided:,} of them people have decided; their samples would stay as they are."
    return " ".join([words, *shown.notes])


def _threshold(text: str) -> float:
    try:
        return parse_threshold(text)
    except Refused as refused:
        raise ArgumentTypeError(refused.message) from None
