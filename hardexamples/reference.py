"""The training manifest as the reference that rules fit on: labels from its lines, numbers from the store.

What the store lacks is measured by a callable that the caller gives (in practice: the run's own model, in a sandbox),
in chunks that are committed, so that a worker that dies loses none of it.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from django.db import transaction

from config.leases import AWAY, CHUNK_SECONDS, breathe
from config.refusals import Refused
from config.steps import step
from datasets import locations
from datasets.formats import voc
from datasets.formats.manifest import DETECTION, ManifestSample, read_manifest
from datasets.images import MAX_BYTES
from datasets.locations import Location
from hardexamples import labeled_parts, store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.scoring import Batch, Reference
from hardexamples.second_look import TRAINING_IMAGES, TRAINING_SHARE, Looker, View

CLASSIFICATION_TASK = "image_classification"
CHUNK_IMAGES = 100
_CONTENT_ADDRESS = re.compile(r"(?:^|/)([0-9a-f]{64})\.\w+\Z")

type Describe = Callable[[bytes, np.ndarray, bool], Mapping[str, Any]]


@dataclass(frozen=True)
class Seer:
    """The model that saw the images: what its numbers are kept under, and how to ask it.

    Attributes:
        model: SHA-256 of the model file.
        tensor: the tensor of its activations, "" for none.
        predictor: the model with its profile.
        task: what it predicts.
        class_names: in the order of its outputs.
        describe: bytes of an image, its labeled boxes, whether its parts are measured -> as
            `batchservices.closer_looks.predict_labeled`; raises Refused.
        asked: whether it can be asked; what it says of the labeled images is unknown where it cannot, and `describe`
            gives the rest.
    """

    model: str
    tensor: str
    predictor: str
    task: str
    class_names: Sequence[str]
    describe: Describe
    asked: bool = True

    @property
    def classifies(self) -> bool:
        """Whether it gives probabilities per class."""
        return self.task == CLASSIFICATION_TASK


@dataclass(frozen=True)
class Labeled:
    """One labeled image of the training set: `label` is an index into the class names or -1; boxes (m, 4)."""

    name: str
    location: Location
    sha256: str
    label: int = -1
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    box_labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Found:
    """The reference, the content address of each of its images, and the names of what could not be read."""

    reference: Reference
    sha256s: tuple[str, ...]
    missing: tuple[str, ...]


def build(
    manifest: str,
    *,
    seer: Seer,
    label_mapping: Mapping[str, str],
    committed: Callable[[], None],
    looker: Looker | None = None,
) -> Found:
    """Reads a training manifest and gathers what is known of its images.

    Args:
        manifest: `alias:path` of the manifest.
        seer: the model.
        label_mapping: class of the model -> label; labels of the manifest are read through it backwards. A label that
            no class maps to counts as unknown.
        committed: called first in each transaction that keeps new numbers; raises to end the work.
        looker: who looks again at some of the images, changed; None where nobody does.

    Raises:
        Refused: source_not_found, not_json_lines and the like for the manifest as a whole. A bad line or image is
            reported in `missing`; storage_unavailable (503) where that would be all of them.
    """
    classes = {name: index for index, name in enumerate(seer.class_names)}
    of_label = {label: classes[name] for name, label in label_mapping.items() if name in classes}
    content = locations.read(locations.parse(manifest), limit=1 << 31)
    missing: list[str] = []
    labeled = list(_labeled(manifest, content, {**classes, **of_label}, seer, missing))
    found = of_labeled(labeled, content=content, seer=seer, committed=committed, looker=looker)
    return replace(found, missing=(*missing, *found.missing))


def of_labeled(
    labeled: Sequence[Labeled],
    *,
    content: bytes,
    seer: Seer,
    committed: Callable[[], None],
    looker: Looker | None = None,
) -> Found:
    """Gathers what is known of labeled images.

    Args:
        labeled: the images, each once.
        content: what says how they are labeled, for the fingerprint.
        seer, committed, looker: as `build`.

    Raises:
        Refused: storage_unavailable (503). An image that cannot be read is reported in `missing`.
    """
    unreadable = measure(labeled, seer, committed)
    missing = tuple(each.name for each in labeled if each.sha256 in unreadable)
    labeled = [each for each in labeled if each.sha256 not in unreadable]
    sha256s = tuple(each.sha256 for each in labeled)
    words = f"{seer.predictor}:{seer.tensor}:{VERSION}:{','.join(sha256s)}"
    found = _reference(labeled, seer, hashlib.sha256(content + words.encode()).hexdigest())
    if looker is not None:
        found = _looked_at_again(found, labeled, looker, committed)
    return Found(found, sha256s, missing)


def _labeled(
    manifest: str, content: bytes, of_label: Mapping[str, int], seer: Seer, missing: list[str]
) -> Iterator[Labeled]:
    place = locations.parse(manifest)
    base = Location(place.alias, place.path.rpartition("/")[0])
    seen: set[str] = set()
    for line in read_manifest([content]):
        if line.value is None:
            missing.append(f"line {line.number}")
            continue
        try:
            one = _one(line.value, base, of_label, seer)
        except Refused as refused:
            if refused.status == AWAY:
                raise
            missing.append(line.value.source)
            continue
        if one is not None and one.sha256 not in seen:
            seen.add(one.sha256)
            yield one


def _one(sample: ManifestSample, base: Location, of_label: Mapping[str, int], seer: Seer) -> Labeled | None:
    """The labeled image of a line; None where the line labels nothing."""
    if not sample.annotations:
        return None
    location = locations.resolve_source(sample.source, base=base)
    known = _CONTENT_ADDRESS.search(location.path) if location.alias == "datasets" else None
    sha256 = known[1] if known else hashlib.sha256(locations.read(location, limit=MAX_BYTES)).hexdigest()
    first = sample.annotations[0]
    if seer.classifies:
        return Labeled(sample.source, location, sha256, label=of_label.get(first.name or "", -1))
    if first.type != DETECTION or first.annotation_location is None:
        return None
    place = locations.resolve_source(first.annotation_location, base=base)
    found = voc.parse(locations.read(place, limit=voc.MAX_BYTES), file=place.name)
    boxes = [box for box in found.objects if box.name in of_label]
    corners = [(box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes]
    return Labeled(
        sample.source,
        location,
        sha256,
        boxes=np.array(corners, np.float32).reshape(-1, 4),
        box_labels=np.array([of_label[box.name] for box in boxes], np.int64),
    )


def measure(labeled: Sequence[Labeled], seer: Seer, committed: Callable[[], None], *, parts: bool = True) -> set[str]:
    """Measures what the store lacks of images; returns those of which that was not possible.

    Args:
        labeled: the images.
        seer: who measures.
        committed: called first in each transaction that keeps new numbers; raises to end the work.
        parts: whether parts of a detector's images are measured, too, as a reference needs them.
    """
    wanted = [(EXTRACTOR, VERSION)]
    if seer.asked:
        wanted = store.extractors(
            model=seer.model, tensor=seer.tensor, predictor=seer.predictor, classifies=seer.classifies
        )
    absent = store.missing((each.sha256 for each in labeled), wanted)
    boxed = [each for each in labeled if len(each.boxes)]
    absent |= {each.sha256 for each, row in zip(boxed, _labeled_rows(boxed), strict=True) if row is None}
    partless = set() if seer.classifies or not parts else labeled_parts.missing([each.sha256 for each in labeled])
    absent |= partless
    unreadable: set[str] = set()
    records: list[store.Record] = []
    started = time.monotonic()
    for each in labeled:
        if each.sha256 not in absent:
            continue
        try:
            answer = seer.describe(locations.read(each.location, limit=MAX_BYTES), each.boxes, each.sha256 in partless)
        except Refused as refused:
            if refused.status == AWAY:
                raise
            unreadable.add(each.sha256)
            continue
        records += store.records(
            answer, sha256=each.sha256, model=seer.model, tensor=seer.tensor, predictor=seer.predictor
        )
        if len(each.boxes):
            records.append(store.labeled_record(each.boxes, answer["labeled_statistics"], sha256=each.sha256))
        if each.sha256 in partless:
            records.append(store.parts_record(answer["parts"], sha256=each.sha256))
        if len(records) >= CHUNK_IMAGES * len(wanted) or time.monotonic() - started > CHUNK_SECONDS:
            _keep(records, committed)
            records, started = [], time.monotonic()
    _keep(records, committed)
    return unreadable


def _keep(records: list[store.Record], committed: Callable[[], None]) -> None:
    if not records:
        return
    with transaction.atomic():
        committed()
        store.save(records)
        step("reference.chunk.before_commit")
    step("reference.chunk.committed")
    breathe()


def _reference(labeled: Sequence[Labeled], seer: Seer, fingerprint: str) -> Reference:
    sha256s = [each.sha256 for each in labeled]
    own = store.load(sha256s, EXTRACTOR, VERSION)
    activations = probabilities = None
    if seer.tensor:
        activations = store.load(sha256s, store.activations_extractor(seer.model, seer.tensor), 1).vectors
    if seer.classifies and seer.asked:
        probabilities = store.load(sha256s, store.probabilities_extractor(seer.predictor), 1).statistics
    common: dict[str, Any] = {
        "names": tuple(each.name for each in labeled),
        "task": seer.task,
        "class_names": tuple(seer.class_names),
        "statistics": own.statistics,
        "descriptor": own.vectors,
        "activations": activations,
    }
    if seer.classifies:
        labels = np.array([each.label for each in labeled], np.int64)
        return Reference(**common, probabilities=probabilities, labels=labels, fingerprint=fingerprint)
    measured = [None if row is None else row.statistics for row in _labeled_rows(labeled)]
    unknown = [np.full((len(each.boxes), 2), np.nan, np.float32) for each in labeled]
    boxes = tuple(each.boxes for each in labeled)
    looks, held = labeled_parts.load(sha256s, boxes)
    return Reference(
        **common,
        boxes=boxes,
        box_labels=tuple(each.box_labels for each in labeled),
        box_statistics=tuple(
            none if row is None else row.reshape(none.shape) for row, none in zip(measured, unknown, strict=True)
        ),
        answers=_answers(common, sha256s, seer.predictor) if seer.asked else None,
        part_descriptors=looks,
        part_held=held,
        fingerprint=fingerprint,
    )


def _answers(common: Mapping[str, Any], sha256s: Sequence[str], predictor: str) -> Batch:
    """What the detector itself found in the labeled images."""
    nothing = np.zeros((0, store.DETECTION_COLUMNS), np.float32)
    tables = [nothing if table is None else table for table in store.detections(sha256s, predictor)]
    return Batch(
        **common,
        boxes=tuple(table[:, :4] for table in tables),
        box_labels=tuple(table[:, 4].astype(np.int64) for table in tables),
        box_confidences=tuple(table[:, 5] for table in tables),
        box_statistics=tuple(table[:, 6:] for table in tables),
    )


def _labeled_rows(labeled: Sequence[Labeled]) -> list[store.Row | None]:
    """What is kept of the labeled boxes of each image."""
    return store.rows([(each.sha256, store.labeled_extractor(each.boxes)) for each in labeled], VERSION)


def _looked_at_again(
    found: Reference, labeled: Sequence[Labeled], looker: Looker, committed: Callable[[], None]
) -> Reference:
    """The reference with the model's answers to some of its images, changed.

    Those with the lowest content addresses: as good as any drawn by chance, and for the most part the same ones when
    the training set grows, so that they need not be asked about again.
    """
    chosen = np.array(sorted(range(len(labeled)), key=lambda place: labeled[place].sha256)[:TRAINING_IMAGES], np.int64)
    answers: Batch = found if found.answers is None else found.answers
    views = [
        View(
            labeled[place].sha256,
            None if answers.boxes is None else answers.boxes[place],
            partial(locations.read, labeled[place].location, limit=MAX_BYTES),
        )
        for place in chosen
    ]
    looker.look(views, share=TRAINING_SHARE, committed=committed)
    sha256s = [labeled[place].sha256 for place in chosen]
    if found.answers is None:
        return looker.seen(found, chosen, sha256s)
    return replace(found, answers=looker.seen(found.answers, chosen, sha256s))
