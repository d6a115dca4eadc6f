"""`manage.py publish_dataset`: publishes the Labeled samples of a dataset, from cron or by hand."""

import json
from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refused
from datasets import publishing
from datasets.models import Dataset, DatasetVersion, Hold, VersionStatus
from datasets.waiting import progress, until_ended


class Command(BaseCommand):
    help = "Publishes the Labeled samples of a dataset as its next version. Unchanged content keeps its version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("--by", required=True, metavar="USER", help="name of the user who publishes")
        parser.add_argument("--name", default="", help="name of the version; else the next of V001, V002, ...")
        parser.add_argument("--description", default="")
        parser.add_argument("--train-ratio", type=float, metavar="SHARE", help="share of TRAIN, 0 to 1")
        parser.add_argument("--without-hardness", action="store_true", help="leave hardness and reasons out")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, dataset: str, by: str, name: str, as_json: bool, **options: object) -> None:
        user = get_user_model().objects.filter(username=by).first()
        found = Dataset.objects.filter(name=dataset).first()
        if user is None or found is None:
            raise CommandError(f"There is no user {by!r}." if user is None else f"There is no dataset {dataset!r}.")
        ratio = options["train_ratio"]
        try:
            version = self._there(found, name) or publishing.publish(
                dataset=found,
                by=user,
                name=name,
                description=str(options["description"]),
                hard_examples=not options["without_hardness"],
                train_ratio=ratio if isinstance(ratio, float) else None,
            )
            unchanged = version.status == VersionStatus.PUBLISHED
            with progress(str(version), lambda: _look(version.pk)):
                until_ended(version, publishing.execute)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        version.refresh_from_db()
        columns = ("name", "status", "manifest", "sha256", "sample_count", "hard_count", "error")
        result = {column: getattr(version, column) for column in columns}
        words = "{name} {status}: {sample_count} samples, {hard_count} hard, {manifest} {error}".format(**result)
        if unchanged:
            words = f"Nothing new to publish. {words}"
        told = {"dataset": dataset, "unchanged": unchanged, **result}
        self.stdout.write(json.dumps(told) if as_json else words.strip())
        if version.status == VersionStatus.FAILED:
            raise CommandError(version.error)

    def _there(self, dataset: Dataset, name: str) -> DatasetVersion | None:
        """A version that was asked for by its name and is there already: asking twice makes nothing new."""
        return DatasetVersion.objects.filter(dataset=dataset, name=name).first() if name else None


def _look(pk: int) -> tuple[int, int | None]:
    return Hold.objects.filter(key=f"version-{pk}").values_list("done", "total").first() or (0, None)
