"""Loads the demonstration: dataset, model, service, a run, its hard examples. Each step is done once, whatever dies."""

from collections.abc import Callable

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import QuerySet

from batchservices import deployment, registration, running
from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
)
from config.demonstration import training
from config.demonstration.administrator import administrator
from config.demonstration.digits import Digits, file_name
from config.demonstration.waiting import Phases, Watch, bar, wait
from datasets import creation, importing, publishing
from datasets.models import Dataset, DatasetVersion, ImportFormat, Status, Task

DATASET = "digits"
HARD_DATASET = "digits hard"
SERVICE = "digits nightly"
LABELED_FOLDER = "digits-labeled"
INPUT_FOLDER = "digits"


def load(*, seed: int, watch: Watch, phases: Phases | None = None) -> CollectionTask:
    """Brings the demonstration to the point where people confirm.

    Args:
        seed: decides which digits are labeled, predicted and held out.
        watch: called while waiting; keeps the worker alive.
        phases: takes the seconds per phase.

    Returns:
        The collection task that filled To Be Confirmed.

    Raises:
        Refused: a step failed; its words say why.
    """
    # the first that ever ended: people may have renamed the service and the datasets since
    ended = CollectionTask.objects.filter(kind=CollectionKind.FILTER, status=CollectionStatus.DATASET_IMPORTED)
    if finished := ended.order_by("pk").first():
        return finished
    phases = phases or Phases()
    digits = Digits(seed)
    by = administrator()
    with phases.phase("images"):
        _write(digits, digits.labeled, lambda number: f"{LABELED_FOLDER}/{digits.labels[number]}/{file_name(number)}")
        _write(digits, digits.inputs, lambda number: f"{INPUT_FOLDER}/{file_name(number)}")
    with phases.phase("import"):
        dataset = Dataset.objects.filter(name=DATASET).first() or creation.create_dataset(
            name=DATASET, task=Task.IMAGE_CLASSIFICATION, by=by, labels=training.CLASS_NAMES
        )
        task = dataset.import_tasks.first() or importing.start_import(
            dataset=dataset, location=f"inputs:{LABELED_FOLDER}/", format=ImportFormat.DIRECTORIES, by=by
        )
        wait(task, "Importing labeled digits", watch=watch, done=lambda: task.cursor, total=lambda: task.total)
    with phases.phase("publish"):
        version = dataset.versions.order_by("pk").first() or publishing.publish(dataset=dataset, by=by)
        wait(version, f"Publishing {version.name}", watch=watch)
    with phases.phase("train"):
        model = InferenceModel.objects.filter(name=DATASET).first() or registration.register_model(
            name=DATASET, data=_trained(digits, seed), profile=training.PROFILE, by=by
        )
        wait(model, "Checking the model", watch=watch)
    with phases.phase("predict"):
        service = BatchService.objects.filter(name=SERVICE).first() or _deploy(model, version)
        run = service.runs.order_by("pk").first() or running.start(service=service, by=by)
        wait(run, "Predicting", watch=watch, done=lambda: run.done + run.failed, total=lambda: run.total)
    with phases.phase("filter"):
        collection = CollectionTask.objects.get(run=run, kind=CollectionKind.FILTER)
        wait(collection, "Filtering hard examples", watch=watch)
    return collection


def summary(collection: CollectionTask) -> str:
    """What stands now, and where to click first; by the names that things have now.

    Args:
        collection: what `load` returned.
    """
    dataset = collection.dataset
    run = BatchRun.objects.get(collection_tasks=collection)
    waiting = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).count()
    job = dataset.labeling_jobs.get(is_default=True)
    return "\n".join(
        [
            "",
            f"  {collection.service}: {run.done:,} of {run.total:,} digits predicted.",
            f"  {dataset}: {waiting:,} wait in To Be Confirmed, the hardest first.",
            f"  Log in as {administrator()} and click first: Label Data > {job.name} > To Be Confirmed.",
        ]
    )


def inputs_place() -> str:
    """Where the default input location is, for people: a directory or a bucket."""
    storage = storages["inputs"]
    location = str(getattr(storage, "location", ""))
    bucket = getattr(storage, "bucket_name", "")
    return f"s3://{bucket}/{location}".rstrip("/") if bucket else location


def _write(digits: Digits, numbers: range, place: Callable[[int], str]) -> None:
    storage = storages["inputs"]
    for number in bar("Writing digits", numbers):
        if not storage.exists(place(number)):
            storage.save(place(number), ContentFile(digits.png(number)))


def _trained(digits: Digits, seed: int) -> bytes:
    numbers = list(digits.labeled)
    return training.export(training.train(digits.images[numbers], digits.labels[numbers].astype(str), seed=seed))


def _deploy(model: InferenceModel, version: DatasetVersion) -> BatchService:
    return deployment.deploy(
        name=SERVICE,
        description="Predicts new digits and filters the hard ones",
        model=model,
        input_location=f"inputs:{INPUT_FOLDER}/",
        output_location="outputs:digits-nightly/",
        filtering=True,
        training_manifest=version.manifest,
        output_dataset_name=HARD_DATASET,
        by=administrator(),
    )


def versions() -> QuerySet[DatasetVersion]:
    """The published versions of the demonstration's training set, first to last."""
    return DatasetVersion.objects.filter(dataset__name=DATASET).order_by("pk")
