"""The images that a model is tried on: a few of a location or of a dataset, or uploaded ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Max, Min

from batchservices import modelfiles
from batchservices.inputs import list_inputs
from batchservices.models import InferenceModel, ModelSample
from config.refusals import Refused
from datasets import blobs, locations
from datasets.images import MAX_BYTES, SUFFIXES, safe_name
from datasets.locations import Location
from datasets.models import Dataset, Sample

MOST = 12
"""Images that a model is tried on at once."""
A_FEW = 6
"""Images that are chosen where a folder or a dataset has more."""
LOOKED_AT = 500
NAME_LENGTH = 255
UNSEEN: dict[str, None] = {"prediction": None, "picture": None, "width": None, "height": None, "seconds": None}
"""Columns of a sample image about which nothing was said."""


@dataclass(frozen=True)
class Chosen:
    """An image to try a model on: its name for people, and where its bytes are; uploaded ones bring them along."""

    name: str
    location: str
    data: bytes | None = None


def of_location(text: str) -> list[Chosen]:
    """A few images of a folder or a manifest, evenly spread over its first `LOOKED_AT`; or the one image that is named.

    Raises:
        Refused: scheme_not_allowed, path_not_allowed, no_images, storage_unavailable.
    """
    place = locations.parse(text)
    if text.lower().endswith(SUFFIXES):
        if locations.size(place) is None:
            raise Refused("source_not_found", f"There is no file {place.name}.", field="location")
        return [Chosen(place.name[-NAME_LENGTH:], str(place))]
    found = [each for each in islice(list_inputs(text), LOOKED_AT) if each.location]
    if not found:
        raise Refused("no_images", f"There are no images in {place}.", field="location")
    return [Chosen(each.name[-NAME_LENGTH:], each.location) for each in _spread(found)]


def of_dataset(dataset: Dataset) -> list[Chosen]:
    """A few images of a dataset, evenly spread over it.

    Raises:
        Refused: no_images.
    """
    rows = Sample.objects.filter(dataset=dataset)
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        raise Refused("no_images", f"There are no images in {dataset.name}.", field="dataset")
    step = (ends["last"] - ends["first"]) / A_FEW
    found: dict[int, Sample] = {}
    for number in range(A_FEW):
        after = rows.filter(pk__gte=ends["first"] + round(number * step)).order_by("pk").select_related("blob").first()
        if after is not None:
            found[after.pk] = after
    return [Chosen(sample.name, str(blobs.location(sample.blob))) for sample in found.values()]


def uploaded(files: Iterable[tuple[str, bytes]]) -> list[Chosen]:
    """Uploaded images, by name and bytes; nothing is stored yet.

    Raises:
        Refused: too_large (413), too_many_images.
    """
    chosen: list[Chosen] = []
    for name, data in files:
        if len(data) > MAX_BYTES:
            words = f"{safe_name(name)} has {len(data):,} bytes; an image has at most {MAX_BYTES:,}."
            raise Refused("too_large", words, status=413, field="files")
        if len(chosen) == MOST:
            raise Refused("too_many_images", f"A model is tried on at most {MOST} images at once.", field="files")
        chosen.append(Chosen(safe_name(name), str(modelfiles.place_of_sample(data)), data))
    return chosen


def keep(chosen: Sequence[Chosen]) -> None:
    """Stores the uploaded ones among these, before any row names them.

    Raises:
        Refused: too_many_images, storage_unavailable.
    """
    if len(chosen) > MOST:
        raise Refused("too_many_images", f"A model is tried on at most {MOST} images at once.", field="files")
    for each in chosen:
        if each.data is not None:
            alias, _, path = each.location.partition(":")
            locations.write(Location(alias, path), each.data, own=True)


def place(model: InferenceModel, chosen: Sequence[Chosen]) -> None:
    """Makes these the images that a model is tried on, in place of the ones before; inside of `modelfiles.alone`."""
    model.samples.all().delete()
    keep([each for each in chosen if each.data is not None and not _there(each)])  # another's tidying came between
    ModelSample.objects.bulk_create(
        ModelSample(model=model, position=position, name=each.name, location=each.location)
        for position, each in enumerate(chosen)
    )


def forget_answers(model: InferenceModel) -> None:
    """What was said before another profile says nothing any more."""
    model.samples.update(**UNSEEN, error_code="", error="")


def tidy(places: Iterable[str]) -> None:
    """Removes those uploaded images among these locations that no model names any more."""
    for text in set(places):
        alias, _, path = text.partition(":")
        if alias == modelfiles.STORAGE:
            with modelfiles.alone():
                if not ModelSample.objects.filter(location=text).exists():
                    locations.remove(Location(alias, path))


def read(sample: ModelSample) -> bytes:
    """The bytes of a sample image.

    Raises:
        Refused: source_not_found, too_large, not_regular_file, not_readable, storage_unavailable.
    """
    alias, _, path = sample.location.partition(":")
    return locations.read(Location(alias, path), limit=MAX_BYTES)


def _there(chosen: Chosen) -> bool:
    alias, _, path = chosen.location.partition(":")
    return locations.size(Location(alias, path)) is not None


def _spread[T](found: Sequence[T]) -> list[T]:
    if len(found) <= A_FEW:
        return list(found)
    return [found[number * (len(found) - 1) // (A_FEW - 1)] for number in range(A_FEW)]
