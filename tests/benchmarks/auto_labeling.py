"""What a task of auto labeling costs by the number of images: `make bench-auto-labeling`.

Active learning, fast, on scikit-learn's digits with noise, whose features are kept already; 300 of them are labeled.
Each size is a dataset of its own, worked in this process with a thread per core. Exits with 1 where 10,000 unlabeled
images take a minute or more, or an image costs more the more there are.
"""

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass

from tests.benchmarks import installation

installation.fresh()

import numpy as np
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone
from sklearn.datasets import load_digits

from datasets import counters
from datasets.creation import create_dataset
from datasets.models import Annotation, Blob, Dataset, Sample, Status
from hardexamples.features import EXTRACTOR, VERSION, descriptor, statistics
from hardexamples.models import Features
from labeling import auto_labeling, auto_work
from labeling.models import AutoLabelingStatus, AutoLabelingTask

SIZES = (2_500, 10_000, 20_000)
LABELED = 300
GOAL_AT, GOAL_SECONDS = 10_000, 60.0
GROWS_AT_MOST = 1.15
BLOCK = 2_000
SIDE = 8


@dataclass(frozen=True)
class Figures:
    """What a task cost, in seconds, and how many of its labels are right, 0..1."""

    images: int
    seconds: float
    processor: float
    right: float


def made(count: int, by: User) -> tuple[Dataset, dict[int, str]]:
    """A dataset of `count` unlabeled and 300 labeled digits with noise, and the truth by sample."""
    digits, rng = load_digits(), np.random.default_rng(count)
    dataset = create_dataset(
        name=f"digits {count}", task="image_classification", by=by, labels=[str(digit) for digit in range(10)]
    )
    labels = {label.name: label for label in dataset.labels.all()}
    truth: dict[int, str] = {}
    for start in range(0, count + LABELED, BLOCK):
        numbers = range(start, min(start + BLOCK, count + LABELED))
        chosen = rng.integers(len(digits.images), size=len(numbers))
        noisy = digits.images[chosen] * 15.9 + rng.normal(scale=12, size=(len(numbers), SIDE, SIDE))
        images = np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=3)
        addresses = [hashlib.sha256(f"{count}:{number}".encode()).hexdigest() for number in numbers]
        Features.objects.bulk_create(
            Features(
                sha256=address,
                extractor=EXTRACTOR,
                version=VERSION,
                statistics=statistics(image, size=(SIDE, SIDE)).astype("<f4").tobytes(),
                vector=descriptor(image).astype("<f2").tobytes(),
            )
            for address, image in zip(addresses, images, strict=True)
        )
        blobs = Blob.objects.bulk_create(
            Blob(sha256=address, size=64, width=SIDE, height=SIDE, format="PNG") for address in addresses
        )
        samples = Sample.objects.bulk_create(
            Sample(dataset=dataset, blob=blob, name=f"{number}.png", source=f"inputs:{number}.png")
            for number, blob in zip(numbers, blobs, strict=True)
        )
        truth |= {sample.pk: str(digits.target[place]) for sample, place in zip(samples, chosen.tolist(), strict=True)}
    confirmed = sorted(truth)[:LABELED]
    Annotation.objects.bulk_create(Annotation(sample_id=pk, label=labels[truth[pk]]) for pk in confirmed)
    changes = {"status": Status.LABELED, "confirmed_at": timezone.now(), "confirmed_by": by}
    Sample.objects.filter(pk__in=confirmed).update(**changes)
    counters.shift(dataset_id=dataset.pk, deltas={(Status.LABELED, False): LABELED, (Status.UNLABELED, False): count})
    return dataset, truth


def worked(count: int, by: User) -> Figures:
    """One task over `count` unlabeled images."""
    dataset, truth = made(count, by)
    task = auto_labeling.start_auto_labeling(dataset=dataset, kind=AutoLabelingTask.Kind.ACTIVE_LEARNING, by=by)
    clock, processor = time.monotonic(), time.process_time()
    auto_work.execute(task.pk)
    seconds, used = time.monotonic() - clock, time.process_time() - processor
    task.refresh_from_db()
    assert (task.status, task.proposed) == (AutoLabelingStatus.SUCCEEDED, count), f"{task.status}: {task.error}"
    told = dataset.samples.filter(status=Status.TO_BE_CONFIRMED).values_list("pk", F("annotations__label__name"))
    right = sum(truth[pk] == label for pk, label in told)
    return Figures(count, seconds, used, right / count)


def main() -> int:
    """Prints the table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of unlabeled images")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    call_command("migrate", verbosity=0)
    by = User.objects.create_superuser("bench")
    worked(500, by)  # what is loaded once
    found = []
    for size in sizes:
        figures = worked(size, by)
        found.append(figures)
        each = 1000 * figures.processor / size
        sys.stdout.write(
            f"{size:7,} images: {figures.seconds:5.1f} s, {figures.processor:5.1f} s of the processor, "
            f"{each:.2f} ms per image; {figures.right:.1%} of the labels are right\n"
        )
        sys.stdout.flush()
    fast = all(figures.seconds < GOAL_SECONDS for figures in found if figures.images == GOAL_AT)
    first, last = found[0], found[-1]
    growth = (last.processor / last.images) / (first.processor / first.images)
    sys.stdout.write(f"per image, {last.images:,} / {first.images:,}: {growth:.2f} (goal: {GROWS_AT_MOST})\n")
    return 0 if fast and growth <= GROWS_AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
