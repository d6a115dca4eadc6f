"""Models that run on another system: what a service of one must name, and how one is registered."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max

from batchservices.foreign_results import files_of, folder_of, is_results
from batchservices.models import BatchService, InferenceModel, ModelStatus
from batchservices.profile import MAX_CLASSES
from config.refusals import Refused
from datasets import locations
from datasets.models import Task

NAME_LENGTH = 100
CLASS_LENGTH = 256


def register_elsewhere(*, name: str, task: str, class_names: Sequence[str], by: User | None) -> InferenceModel:
    """A model that runs elsewhere: ready at once, since there is nothing to try.

    What is said about one version must come from one model: another model is another version.

    Args:
        name: 1 to 100 characters; a name that is there already gets its next version.
        task: "image_classification" or "object_detection".
        class_names: those that its predictions may name.
        by: who registers it.

    Raises:
        Refused: bad_name, bad_value.
    """
    name, classes = name.strip(), [each.strip() for each in class_names]
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise Refused("bad_name", f"A name has 1 to {NAME_LENGTH} printable characters.", field="name")
    if task not in Task.values:
        raise Refused("bad_value", f"The task is one of {', '.join(Task.values)}.", field="task")
    if not 1 <= len(classes) <= MAX_CLASSES or len(set(classes)) < len(classes):
        raise Refused("bad_value", f"Name 1 to {MAX_CLASSES:,} classes, each once.", field="class_names")
    if not all(1 <= len(each) <= CLASS_LENGTH and each.isprintable() for each in classes):
        words = f"A class has 1 to {CLASS_LENGTH} printable characters."
        raise Refused("bad_value", words, field="class_names")
    while True:
        latest = InferenceModel.objects.filter(name=name).aggregate(latest=Max("version"))["latest"] or 0
        profile = {"task": task, "class_names": classes, "elsewhere": f"{name} {latest + 1}"}
        try:
            with transaction.atomic():
                return InferenceModel.objects.create(
                    name=name,
                    version=latest + 1,
                    task=task,
                    size=0,
                    elsewhere=True,
                    class_names=classes,
                    profile=profile,
                    status=ModelStatus.READY,
                    created_by=by,
                )
        except IntegrityError:
            if not InferenceModel.objects.filter(name=name, version=latest + 1).exists():
                raise


def check_place(model: InferenceModel, results_location: str, output_location: str) -> None:
    """That a service names a place for results where its model runs elsewhere, and only there; and that it does not
    write its own results among those.

    Raises:
        Refused: no_results_location, not_elsewhere, same_place; scheme_not_allowed, path_not_allowed.
    """
    text = results_location.strip()
    if not model.elsewhere:
        if text:
            words = f"{model} runs here; only a service of a model that runs elsewhere takes in results."
            raise Refused("not_elsewhere", words, field="results_location")
        return
    if not text:
        words = f"{model} runs elsewhere. Name the place of its results."
        raise Refused("no_results_location", words, field="results_location")
    try:
        results, output = locations.parse(text), locations.parse(output_location.strip())
    except Refused as error:
        raise Refused(error.code, error.message, status=error.status, field="results_location") from None
    if output in (results, folder_of(results) if is_results(text) else results):
        words = "The results of this service would be mixed with those of the other system; write them elsewhere."
        raise Refused("same_place", words, field="output_location")


def check_results(service: BatchService) -> None:
    """That there are results to take in.

    Raises:
        Refused: no_results; as `batchservices.foreign_results.files_of`, and as `datasets.locations.open_file`, for
            the one file that is named.
    """
    found = files_of(service.results_location)
    if is_results(service.results_location):
        try:
            locations.open_file(found[0]).close()
        except Refused as error:
            words = f"The results {found[0]} cannot be read: {error.message}"
            raise Refused(error.code, words, status=error.status, field="results_location") from None
    if not found:
        words = f"There are no results in {service.results_location}: no infer-result manifest and no .jsonl."
        raise Refused("no_results", words, field="results_location")
