"""`manage.py check_counts`: holds the counters of all datasets against their samples."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from datasets import counters
from datasets.models import Dataset


class Command(BaseCommand):
    help = "Counts the samples of all datasets and says where a counter differs; changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, as_json: bool, **options: object) -> None:
        datasets = list(Dataset.objects.order_by("id"))
        differences = [
            {"dataset": dataset.name, **asdict(difference)}
            for dataset in tqdm(datasets, unit="dataset", disable=not sys.stderr.isatty())
            for difference in counters.check(dataset)
        ]
        if as_json:
            self.stdout.write(json.dumps({"datasets": len(datasets), "differences": differences}))
        else:
            for row in differences:
                self.stdout.write("{dataset}, {status}, hard {hard}: counter {counted}, samples {actual}".format(**row))
            self.stdout.write(f"{len(datasets)} datasets checked, {len(differences)} counters differ.")
        if differences:
            raise CommandError("Counters differ from samples.")
