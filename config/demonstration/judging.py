"""Goes on where a person would: confirms by the known labels, publishes, retrains, and counts what it was worth."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from django.core.files.storage import storages

from batchservices.models import BatchRun, CollectionTask, RunItem
from config.demonstration import training
from config.demonstration.administrator import administrator
from config.demonstration.digits import Digits
from config.demonstration.loading import DATASET, versions
from config.demonstration.waiting import Phases, wait
from datasets import locations, publishing, review, transfer
from datasets.formats.manifest import read_manifest
from datasets.images import open_image
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, DatasetVersion, Sample, Status
from hardexamples.models import MiningItem

RETRAININGS = 3


def judge(collection: CollectionTask, *, seed: int, watch: Callable[[], None], phases: Phases) -> dict[str, Any]:
    """Confirms the hard examples, adds them to the training set, publishes V002, retrains and counts.

    Returns:
        What `make demo` prints as JSON: counts, the model's errors and where they were found, held-out accuracies.
    """
    digits = Digits(seed)
    by = administrator()
    run = BatchRun.objects.get(collection_tasks=collection)
    hard = Dataset.objects.get(pk=collection.dataset_id)
    waiting = hard.samples.filter(status=Status.TO_BE_CONFIRMED)
    counted = _count_errors(run, collection, digits) | {
        "hard": waiting.filter(hard=True).count(),
        "to_be_confirmed": waiting.count(),
    }
    with phases.phase("confirm"):
        for sample in waiting.order_by("-hard_coefficient", "-id").iterator(chunk_size=500):
            _confirm(sample, digits)
    with phases.phase("add and publish"):
        dataset = Dataset.objects.get(name=DATASET)
        transfer.add_to_dataset(samples=hard.samples.filter(status=Status.LABELED), target=dataset, by=by)
        version = publishing.publish(dataset=dataset, by=by)
        wait(version, f"Publishing {version.name}", watch=watch)
    with phases.phase("retrain"):
        accuracies = _retrain(digits, seed)
    return {
        "inputs": run.total,
        "predicted": run.done,
        **counted,
        "collection_status": collection.status,
        "manifest": _place(DatasetVersion.objects.get(pk=version.pk)),
        **accuracies,
        "seconds": phases.seconds,
    }


def _place(version: DatasetVersion) -> str:
    """The manifest as a script can open it: the demonstration's storages are directories."""
    location = locations.parse(version.manifest)
    return storages[location.alias].path(location.path)


def _count_errors(run: BatchRun, collection: CollectionTask, digits: Digits) -> dict[str, int]:
    predicted = dict(RunItem.objects.filter(run=run, status="done").values_list("position", "predicted_label"))
    names = dict(RunItem.objects.filter(run=run, status="done").values_list("position", "name"))
    mined = MiningItem.objects.filter(mining__collection_task=collection)
    items = mined.order_by("-coefficient", "position").values_list("position", "flagged")
    wrong = [predicted[position] != digits.truth(names[position]) for position, _ in items]
    flagged = [is_flagged for _, is_flagged in items]
    return {
        "model_errors_total": sum(wrong),
        "model_errors_among_hard": sum(w and f for w, f in zip(wrong, flagged, strict=True)),
        "model_errors_in_top_20_percent": sum(wrong[: len(wrong) // 5]),
    }


def _confirm(sample: Sample, digits: Digits) -> None:
    claim = Claim(label=digits.truth(sample.name), by=Annotation.By.HUMAN)
    review.confirm(sample_id=sample.pk, by=administrator(), version=sample.version, claims=[claim])


def _retrain(digits: Digits, seed: int) -> dict[str, float]:
    first, last = versions()[0], versions().reverse()[0]
    held_out = list(digits.held_out)
    truth = digits.labels[held_out].astype(str)
    before, after = _read(first), _read(last)
    random = np.random.default_rng(seed).choice(digits.inputs, size=len(after[1]) - len(before[1]), replace=False)
    by_chance = (
        np.concatenate([before[0], digits.images[random]]),
        np.concatenate([before[1], digits.labels[random].astype(str)]),
    )

    def mean_accuracy(images: np.ndarray, labels: np.ndarray) -> float:
        models = [training.train(images, labels, seed=seed + 1000 * again) for again in range(RETRAININGS)]
        return round(float(np.mean([training.accuracy(m, digits.images[held_out], truth) for m in models])), 4)

    return {
        "accuracy_before": mean_accuracy(*before),
        "accuracy_after_hard": mean_accuracy(*after),
        "accuracy_after_random": mean_accuracy(*by_chance),
    }


def _read(version: DatasetVersion) -> tuple[np.ndarray, np.ndarray]:
    """What a training script reads from a published manifest: images (n, 28, 28) and labels (n,)."""
    images, labels = [], []
    for line in read_manifest(locations.open_file(locations.parse(version.manifest))):
        if line.value is None:
            raise line.error or ValueError(f"line {line.number} says nothing")
        sample = line.value
        source = locations.resolve_source(sample.source)
        rgb = open_image(locations.read(source, limit=2**20)).rgb
        images.append(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        labels.append(sample.annotations[0].name)
    return np.array(images), np.array(labels)
