"""Similar images with what a person must know of each: where it is from, and whether the dataset has it already."""

from collections.abc import Collection
from dataclasses import dataclass

from batchservices.models import BatchRun, ItemStatus, RunItem
from datasets.models import Dataset, Sample
from hardexamples.similar import Nearest, Similar, similar


@dataclass(frozen=True)
class Likeness:
    """A similar image: its sample where it was looked for in a dataset, its position where it was looked for among the
    inputs of a run; `there`: the dataset that it may be added to has it already."""

    image: Similar
    name: str
    status: str
    sample_id: int | None
    position: int | None
    there: bool


@dataclass(frozen=True)
class Likenesses:
    """What was found, the nearest first, among how many measured images."""

    found: tuple[Likeness, ...]
    compared: int


def in_dataset(*, to: Collection[str], dataset: Dataset, target: Dataset | None, most: int = 60) -> Likenesses:
    """Samples of a dataset that are similar to images, by their SHA-256. Raises Refused as `similar`."""
    among = Sample.objects.filter(dataset=dataset).values_list("blob__sha256", flat=True)
    nearest = similar(to=to, among=among, most=most)
    sha256s = [image.sha256 for image in nearest.images]
    samples = {
        sample.blob.sha256: sample
        for sample in Sample.objects.filter(dataset=dataset, blob__sha256__in=sha256s).select_related("blob")
    }
    there = _there(target, sha256s)
    return _told(
        nearest,
        {
            sha256: Likeness(image, sample.name, sample.get_status_display(), sample.pk, None, sha256 in there)
            for image in nearest.images
            if (sample := samples.get(sha256 := image.sha256)) is not None
        },
    )


def in_run(*, to: Collection[str], run: BatchRun, target: Dataset | None, most: int = 60) -> Likenesses:
    """Inputs of a run that are similar to images, by their SHA-256. Raises Refused as `similar`."""
    done = RunItem.objects.filter(run=run, status=ItemStatus.DONE)
    nearest = similar(to=to, among=done.values_list("sha256", flat=True), most=most)
    sha256s = [image.sha256 for image in nearest.images]
    rows = done.filter(sha256__in=sha256s).order_by("-position")
    items = {
        sha256: (position, name, label)
        for sha256, position, name, label in rows.values_list("sha256", "position", "name", "predicted_label")
    }
    there = _there(target, sha256s)
    return _told(
        nearest,
        {
            sha256: Likeness(image, items[sha256][1], items[sha256][2], None, items[sha256][0], sha256 in there)
            for image in nearest.images
            if (sha256 := image.sha256) in items
        },
    )


def _told(nearest: Nearest, known: dict[str, Likeness]) -> Likenesses:
    found = (known[image.sha256] for image in nearest.images if image.sha256 in known)
    return Likenesses(tuple(found), nearest.compared)


def _there(target: Dataset | None, sha256s: Collection[str]) -> set[str]:
    if target is None:
        return set()
    rows = Sample.objects.filter(dataset=target, blob__sha256__in=sha256s)
    return set(rows.values_list("blob__sha256", flat=True))
