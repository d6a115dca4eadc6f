"""Loads the part of the demonstration with boxes: one photograph is labeled, a detector looks at three others."""

import json
from collections.abc import Callable

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from batchservices import deployment, registration, running
from batchservices.models import (
    BatchRun,
    BatchService,
    CollectionKind,
    CollectionStatus,
    CollectionTask,
    InferenceModel,
)
from config.demonstration import trees
from config.demonstration.administrator import administrator
from config.demonstration.waiting import Phases, Watch, bar, wait
from datasets import creation, importing, publishing
from datasets.models import Dataset, DatasetVersion, ImportFormat, Status, Task

DATASET = "trees"
HARD_DATASET = "trees hard"
SERVICE = "trees nightly"
LABELED_FOLDER = "trees-labeled"
MANIFEST = f"{LABELED_FOLDER}/trees.manifest"
INPUT_FOLDER = "trees"


def load(*, watch: Watch, phases: Phases | None = None) -> CollectionTask:
    """Brings the trees to the point where people confirm, after the digits.

    Args:
        watch: called while waiting; keeps the worker alive.
        phases: takes the seconds per phase.

    Returns:
        The collection task that filled To Be Confirmed.

    Raises:
        Refused: a step failed; its words say why.
    """
    # people may have renamed the service and the datasets since
    ended = CollectionTask.objects.filter(kind=CollectionKind.FILTER, status=CollectionStatus.DATASET_IMPORTED)
    if finished := ended.filter(dataset__task=Task.OBJECT_DETECTION).order_by("pk").first():
        return finished
    phases = phases or Phases()
    by = administrator()
    with phases.phase("tiles"):
        write_labeled()
        write_inputs()
    with phases.phase("import tiles"):
        dataset = Dataset.objects.filter(name=DATASET).first() or creation.create_dataset(
            name=DATASET, task=Task.OBJECT_DETECTION, by=by, labels=[trees.LABEL]
        )
        task = dataset.import_tasks.first() or importing.start_import(
            dataset=dataset, location=f"inputs:{MANIFEST}", format=ImportFormat.MANIFEST, by=by
        )
        wait(task, "Importing tree crowns", watch=watch, done=lambda: task.cursor, total=lambda: task.total)
        version = dataset.versions.order_by("pk").first() or publishing.publish(dataset=dataset, by=by)
        wait(version, f"Publishing {version.name}", watch=watch)
    with phases.phase("find trees"):
        model = InferenceModel.objects.filter(name=DATASET).first() or registration.register_model(
            name=DATASET, data=trees.detector(trees.INPUTS[0]), profile=trees.PROFILE, by=by
        )
        wait(model, "Checking the detector", watch=watch)
        service = BatchService.objects.filter(name=SERVICE).first() or _deploy(model, version)
        run = service.runs.order_by("pk").first() or running.start(service=service, by=by)
        wait(run, "Finding trees", watch=watch, done=lambda: run.done + run.failed, total=lambda: run.total)
    with phases.phase("filter trees"):
        collection = CollectionTask.objects.get(run=run, kind=CollectionKind.FILTER)
        wait(collection, "Filtering hard tiles", watch=watch)
    return collection


def summary(collection: CollectionTask) -> str:
    """What stands now, by the names that things have now.

    Args:
        collection: what `load` returned.
    """
    run = BatchRun.objects.get(collection_tasks=collection)
    waiting = collection.dataset.samples.filter(status=Status.TO_BE_CONFIRMED).count()
    return (
        f"  {collection.service}: {run.done:,} of {run.total:,} tiles searched for trees; "
        f"{collection.dataset}: {waiting:,} wait in To Be Confirmed."
    )


def write_labeled() -> None:
    """Puts the labeled tiles, their VOC files and the manifest that names them into the input storage, once."""
    cuts = trees.tiles(trees.LABELED)
    for number in bar("Writing labeled tiles", range(len(cuts))):
        cut = cuts[number]
        _write(f"{LABELED_FOLDER}/{cut.name}.png", cut.png)
        _write(f"{LABELED_FOLDER}/{cut.name}.xml", cut.voc)
    _write(MANIFEST, lambda: "".join(map(_line, cuts)).encode())


def write_inputs() -> None:
    """Puts the tiles that the service predicts into the input storage, once."""
    cuts = trees.tiles(trees.INPUTS)
    for number in bar("Writing tiles", range(len(cuts))):
        _write(f"{INPUT_FOLDER}/{cuts[number].name}.png", cuts[number].png)


def _line(cut: trees.Cut) -> str:
    place = f"inputs:{LABELED_FOLDER}/{cut.name}"
    annotation = {
        "type": "modelarts/object_detection",
        "annotation-loc": f"{place}.xml",
        "annotation-format": "PASCAL VOC",
        "annotated-by": "human/demonstration",
    }
    return json.dumps({"source": f"{place}.png", "usage": "TRAIN", "annotation": [annotation]}) + "\n"


def _write(name: str, content: Callable[[], bytes]) -> None:
    storage = storages["inputs"]
    if not storage.exists(name):
        storage.save(name, ContentFile(content()))


def _deploy(model: InferenceModel, version: DatasetVersion) -> BatchService:
    return deployment.deploy(
        name=SERVICE,
        description="Finds tree crowns on aerial photographs and filters the hard tiles",
        model=model,
        input_location=f"inputs:{INPUT_FOLDER}/",
        output_location="outputs:trees-nightly/",
        filtering=True,
        training_manifest=version.manifest,
        output_dataset_name=HARD_DATASET,
        by=administrator(),
    )
