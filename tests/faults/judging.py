"""What must hold after any faults: each item has one result, and every row and file has what belongs to it."""

import json
from collections.abc import Iterator
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages

from batchservices.models import BatchRun, CollectionTask, InferenceModel, ItemStatus, RunItem
from batchservices.predictions import manifest_name, result_name
from config.leases import LeasedWork
from datasets import blobs, counters, locations
from datasets.locations import Location
from datasets.models import Blob, Dataset, Hold, Sample
from hardexamples.models import Mining
from tests import loop
from tests.faults.sizes import IMAGES
from tests.servers.private import STORAGES

LEASED: tuple[type[LeasedWork], ...] = (BatchRun, CollectionTask, InferenceModel)


def judge(run: BatchRun) -> list[str]:
    """A line about each thing that is wrong with this run, and with the whole world around it."""
    run.refresh_from_db()
    return [*_of_run(run), *_of_results(run), *_of_collection(run), *_of_blobs(), *_of_all()]


def _of_run(run: BatchRun) -> Iterator[str]:
    if (run.status, run.total, run.done, run.failed) != ("finished", IMAGES, IMAGES, 0):
        yield f"run {run.status}: total {run.total}, done {run.done}, failed {run.failed}: {run.error}"
    items = RunItem.objects.filter(run=run)
    if (count := items.count()) != IMAGES or items.values("name").distinct().count() != IMAGES:
        yield f"{count} items"
    if lacking := items.exclude(status=ItemStatus.DONE).count():
        yield f"{lacking} items without a prediction"


def _of_results(run: BatchRun) -> Iterator[str]:
    folder = locations.parse(run.output_location)
    found = {entry.name for entry in locations.list_files(folder)}
    predicted = {result_name(item.name): item.prediction for item in run.items.all()}
    manifest = manifest_name(run.pk)
    if superfluous := found - predicted.keys() - {manifest}:
        yield f"files without an item: {sorted(superfluous)[:3]}"
    if lacking := predicted.keys() - found:
        yield f"{len(lacking)} items without a result file"
    for name, prediction in predicted.items():
        if name in found and json.loads(loop.content(str(folder.join(name)))) != prediction:
            yield f"the result file {name} says something else than its row"
    if manifest in found and len(loop.content(str(folder.join(manifest))).splitlines()) != IMAGES:
        yield "the manifest does not have a line per item"
    if manifest not in found:
        yield "there is no manifest"


def _of_collection(run: BatchRun) -> Iterator[str]:
    tasks = list(run.collection_tasks.select_related("mining"))
    if len(tasks) != 1:
        yield f"{len(tasks)} collections"
        return
    task = tasks[0]
    mining = task.mining
    if task.status != "dataset_imported" or mining is None:
        yield f"collection {task.status}: {task.words} {task.error}"
        return
    if mining.items.count() != IMAGES or mining.status != "finished":
        yield f"mining {mining.status} with {mining.items.count()} items"
    expected = mining.items.filter(flagged=True).count() + mining.items.filter(control=True).count()
    if (mining.flagged + mining.controls, task.cursor, task.added, task.failed) != (expected, expected, expected, 0):
        yield f"{expected} picked, counted {mining.flagged} + {mining.controls}, added {task.added} of {task.cursor}"
    names = list(Sample.objects.filter(dataset=task.dataset).values_list("name", flat=True))
    if len(names) != expected or len(set(names)) != expected:
        yield f"{len(names)} samples of {len(set(names))} names for {expected} picked images"
    unlike = Sample.objects.filter(dataset=task.dataset).exclude(predictions__isnull=False)
    if lacking := unlike.count():
        yield f"{lacking} samples without their prediction"


def _of_blobs() -> Iterator[str]:
    """A file for each row, a row for each file."""
    rows = {str(blobs.location(blob)): blob.size for blob in Blob.objects.all()}
    files = {str(entry.location): entry.size for entry in locations.list_files(Location(blobs.STORAGE, "blobs"))}
    if rows != files:
        lost, superfluous = rows.keys() - files.keys(), files.keys() - rows.keys()
        yield f"{len(lost)} blobs without a file, {len(superfluous)} files without a blob"
    thumbnails = {entry.name[-68:-4] for entry in locations.list_files(Location(blobs.STORAGE, "thumbnails"))}
    if thumbnails != set(Blob.objects.values_list("sha256", flat=True)):
        yield "blobs and thumbnails are not the same"
    if unused := Blob.objects.filter(samples=None).count():
        yield f"{unused} blobs that no sample needs"


def _of_all() -> Iterator[str]:
    for model in LEASED:
        if held := model._default_manager.exclude(lease_token="").count():
            yield f"{held} leases on {model._meta.verbose_name_plural}"
    if held := RunItem.objects.exclude(lease_token="").count():
        yield f"{held} leases on items"
    for name in STORAGES:
        storage = storages[name]
        if isinstance(storage, FileSystemStorage) and (halves := list(Path(storage.location).rglob("*.part"))):
            yield f"{len(halves)} halves of files in {name}"
    if held := Hold.objects.count():
        yield f"{held} holds"
    if minings := Mining.objects.exclude(collection_task__isnull=False).count():
        yield f"{minings} minings that nobody asked for"
    for dataset in Dataset.objects.all():
        if wrong := counters.check(dataset):
            yield f"counters of {dataset}: {wrong}"
