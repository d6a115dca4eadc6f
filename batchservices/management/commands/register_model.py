"""`manage.py register_model`: takes an ONNX file in, tries it, and says what became of it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from batchservices import registration, samples
from batchservices.class_names import names_in
from batchservices.models import InferenceModel, ModelStatus
from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads
from datasets.waiting import until_ended


class Command(BaseCommand):
    help = "Registers an ONNX file and tries it. It is ready when it passes, or waits to be accepted with --look."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the model; one that is there gets its next version")
        parser.add_argument("file", help="the ONNX file: a path of this machine, or alias:path")
        parser.add_argument("--by", required=True, metavar="USER", help="name of the user who registers")
        parser.add_argument("--profile", metavar="FILE", help="the profile as JSON; else one is proposed from the file")
        parser.add_argument("--classes", metavar="FILE", help="the class names: one per line, or JSON")
        parser.add_argument(
            "--samples", metavar="LOCATION", action="append", default=[], help="images to try it on, as alias:path"
        )
        parser.add_argument("--look", action="store_true", help="somebody looks at the dry run and accepts the model")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def handle(self, *, name: str, file: str, by: str, as_json: bool, **options: Any) -> None:
        user = get_user_model().objects.filter(username=by).first()
        if user is None:
            raise CommandError(f"There is no user {by!r}.")
        lies = file.partition(":")[0] in settings.LOCATIONS and ":" in file
        try:
            model = registration.register_model(
                name=name,
                by=user,
                data=None if lies else _bytes(file),
                location=file if lies else "",
                profile=strict_loads(_bytes(options["profile"])) if options["profile"] else None,
                class_names=names_in(_bytes(options["classes"]).decode()) if options["classes"] else None,
                sample_images=[each for place in options["samples"] for each in samples.of_location(place)],
                at_once=not options["look"],
            )
        except Refused as refused:
            raise CommandError(str(refused)) from None
        until_ended(model, registration.execute_check)
        self.stdout.write(json.dumps(_said(model)) if as_json else _words(model))
        if model.status == ModelStatus.REFUSED:
            raise CommandError(f"{model} is refused: {model.error}")


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def _said(model: InferenceModel) -> dict[str, Any]:
    trial = model.report.get("dry_run", {})
    return {
        "model": model.pk,
        "name": model.name,
        "version": model.version,
        "status": model.status,
        "error": model.error,
        "sha256": model.sha256,
        "seconds": trial.get("seconds"),
        "deterministic": trial.get("deterministic"),
        "images": trial.get("images"),
    }


def _words(model: InferenceModel) -> str:
    words = f"{model}: {model.get_status_display().lower()}."
    if model.status == ModelStatus.TRIED:
        words += " Look at what it says, and accept it."
    return words
