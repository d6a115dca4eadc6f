"""Versions of a dataset: a manifest of its Labeled samples, written once and never changed.

    datasets:versions/<dataset id>/<version>/<dataset>-<version>.manifest
    datasets:versions/<dataset id>/<version>/annotations/<sha256>.xml        boxes, in VOC

Samples stand in the order in which they came. Those that are Labeled when publishing starts are in; each is written as
it is when its turn comes, and left out if it is no longer Labeled then. One content has one version: publishing again
what has not changed gives back the version that is there. Nothing is written to the row before all files
are there, so that publishing can be killed at any moment and begun again.
"""

import hashlib
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import batched
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone

from config.doorbell import ring
from config.leases import AWAY, CHUNK_ROWS, Lease, LeaseLost, breathe, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.steps import step
from datasets import holds, locations, records
from datasets.formats import manifest, voc
from datasets.locations import Location
from datasets.models import Dataset, DatasetVersion, Label, Sample, Status, Usage, VersionStatus
from datasets.models.version import VERSION_MOVES

LEAST_PER_LABEL = 5
"""Labeled samples that each label needs before a dataset can be split; ModelArts' rule (ModelArts.4342)."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


def publish(
    *,
    dataset: Dataset,
    by: User,
    name: str = "",
    description: str = "",
    hard_examples: bool = True,
    train_ratio: float | None = None,
) -> DatasetVersion:
    """Begins to publish the Labeled samples of a dataset as its next version; a worker does it.

    Where nothing has changed since a version that was published with the same choices, that one is given back, whose
    status then is PUBLISHED already; unless another name is asked for.

    Args:
        name: 1 to 32 letters, digits, _ and -; the next free of V001, V002, ... where it is empty.
        hard_examples: whether hardness and reasons are written.
        train_ratio: 0..1, the share of TRAIN among samples without a usage, per label; the rest is EVAL. None sets no
            usage.

    Raises:
        Refused: bad_name, bad_value, nothing_labeled, too_few_per_label, version_exists, already_publishing (all 409
            but the first two).
    """
    if name and not NAME.fullmatch(name):
        raise Refused("bad_name", "A version's name has 1 to 32 letters, digits, _ and -.", field="name")
    if train_ratio is not None and not 0 <= train_ratio <= 1:
        raise Refused("bad_value", "The share of TRAIN is between 0 and 1.", field="train_ratio")
    if len(description) > 256:
        raise Refused("bad_value", "The description has at most 256 characters.", field="description")
    if same := _same_content(dataset, name, hard_examples, train_ratio):
        return same
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        taken = set(DatasetVersion.objects.filter(dataset=dataset).values_list("name", flat=True))
        if name in taken:
            words = f"{name} is there already, and a version never changes. Choose another name."
            raise Refused("version_exists", words, status=409, field="name")
        if DatasetVersion.objects.filter(dataset=dataset, status=VersionStatus.PUBLISHING).exists():
            raise Refused("already_publishing", f"A version of {dataset.name} is being published.", status=409)
        _check_labeled(dataset, train_ratio)
        version = DatasetVersion.objects.create(
            dataset=dataset,
            name=name or next(free for number in range(1, len(taken) + 2) if (free := f"V{number:03}") not in taken),
            description=description,
            hard_examples=hard_examples,
            train_ratio=train_ratio,
            created_by=by,
        )
        words = f"{version.name} of it is being published."
        holds.place(dataset=dataset, key=_hold(version), kind="publishing", words=words)
        ring("datasets.execute_publishing", version.pk)
    return version


def execute(version_id: int) -> None:
    """Writes the files of a version and declares it published; does nothing where that is done or somebody does it."""
    try:
        lease = claim(DatasetVersion, version_id)
    except Refused as refused:
        _fail(version_id, refused)
        return
    if lease is None:
        return
    version = DatasetVersion.objects.select_related("dataset").get(pk=version_id)
    try:
        with lease.giving_back(), lease.waiting(), lease.renewing():
            _write(version, lease)
    except LeaseLost:
        return
    except Refused as refused:
        if refused.status == AWAY:
            raise
        _fail(version_id, refused)


def _check_labeled(dataset: Dataset, train_ratio: float | None) -> None:
    labeled = Sample.objects.filter(dataset=dataset, status=Status.LABELED)
    if not labeled.exists():
        raise Refused("nothing_labeled", f"No sample of {dataset.name} is Labeled; label some first.", status=409)
    if train_ratio is not None and 0 < train_ratio < 1:
        counts = labeled.filter(annotations__isnull=False).values("annotations__label__name")
        for row in counts.annotate(samples=Count("id", distinct=True)).order_by("annotations__label__name"):
            if row["samples"] < LEAST_PER_LABEL:
                raise Refused(
                    "too_few_per_label",
                    f"{row['annotations__label__name'][:100]} has {row['samples']} Labeled samples; to split a dataset "
                    f"each label needs {LEAST_PER_LABEL}.",
                    status=409,
                    field="train_ratio",
                )


def _same_content(dataset: Dataset, name: str, hard_examples: bool, train_ratio: float | None) -> DatasetVersion | None:
    """The newest version that says what would be published now."""
    labeled = Sample.objects.filter(dataset=dataset, status=Status.LABELED)
    alike = DatasetVersion.objects.filter(
        dataset=dataset,
        status=VersionStatus.PUBLISHED,
        hard_examples=hard_examples,
        train_ratio=train_ratio,
        sample_count=labeled.count(),
        **({"name": name} if name else {}),
    ).exclude(content="")
    if not alike.exists():  # spares reading all samples
        return None
    content = _begin_content(dataset)
    for pk, version in labeled.order_by("id").values_list("pk", "version").iterator():
        content.update(_said(pk, version))
    return alike.filter(content=content.hexdigest()).order_by("-id").first()


def _begin_content(dataset: Dataset) -> "hashlib._Hash":
    """The digest of a content: where blobs stand and what labels are called, then each sample with its version, which
    every verb counts up that changes what a manifest says of it."""
    labels = list(Label.objects.filter(dataset=dataset).order_by("id").values_list("pk", "name"))
    return hashlib.sha256(repr((sorted(settings.FOREIGN_LOCATIONS.items()), labels)).encode())


def _said(pk: int, version: int) -> bytes:
    return f"{pk}:{version}\n".encode()


@dataclass
class _Tally:
    """What was written so far."""

    samples: int = 0
    hard: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self.samples += 1
            self.hard += sample.hard
            self.labels.update({annotation.label.name for annotation in sample.annotations.all()})


def _write(version: DatasetVersion, lease: Lease) -> None:
    dataset = version.dataset
    labeled = Sample.objects.filter(dataset=dataset, status=Status.LABELED)
    ids = list(labeled.order_by("id").values_list("pk", flat=True))
    split = _split(version)
    folder = Location("datasets", f"versions/{dataset.pk}/{version.name}")
    place = folder.join(f"{dataset.name}-{version.name}.manifest")
    tally, checksum, content = _Tally(), hashlib.sha256(), _begin_content(dataset)
    with tempfile.TemporaryFile() as file:
        for chunk in batched(ids, CHUNK_ROWS):
            samples = _read_chunk(chunk, lease)
            tally.add(samples)
            for sample in samples:
                usage = sample.usage or split.get(sample.pk, "")
                line = _line(sample, version, usage, folder)
                checksum.update(line)
                file.write(line)
                content.update(_said(sample.pk, sample.version))
            holds.progress(dataset=dataset, key=_hold(version), done=tally.samples, total=len(ids))
            breathe()
        if not tally.samples:
            raise Refused("nothing_labeled", f"No sample of {dataset.name} is Labeled any more.", status=409)
        file.seek(0)
        step("publishing.before_manifest")
        locations.write(place, cast(BinaryIO, file), own=True)
        step("publishing.manifest_written")
    with transaction.atomic():
        changes = {
            "manifest": str(place),
            "sha256": checksum.hexdigest(),
            "content": content.hexdigest(),
            "sample_count": tally.samples,
            "hard_count": tally.hard,
            "label_counts": dict(sorted(tally.labels.items())),
            "finished_at": timezone.now(),
            "lease_token": "",
            "lease_expires_at": None,
        }
        lease.hold()
        rows = DatasetVersion.objects.filter(pk=version.pk)
        move_one(rows, moves=VERSION_MOVES, to=VersionStatus.PUBLISHED, changes=changes)
        holds.lift(dataset=dataset, key=_hold(version))
        step("publishing.before_commit")
    step("publishing.committed")


def _read_chunk(ids: tuple[int, ...], lease: Lease) -> list[Sample]:
    """A chunk of samples with all that is written of them, at one moment."""
    with transaction.atomic():
        lease.hold(progress=False)  # who takes over begins at the first sample
        samples = (
            Sample.objects.filter(pk__in=ids, status=Status.LABELED)
            .select_related("blob", "dataset")
            .prefetch_related("annotations__label", "reasons")
        )
        return list(samples.order_by("id"))


def _line(sample: Sample, version: DatasetVersion, usage: str, folder: Location) -> bytes:
    boxes = folder.join(f"annotations/{sample.blob.sha256}.xml")
    if drawn := records.to_voc(sample, hard_examples=version.hard_examples):
        locations.write(boxes, voc.write(drawn), own=True)
    return manifest.to_line(
        records.to_record(sample, hard_examples=version.hard_examples, usage=usage, boxes=locations.to_source(boxes))
    )


def _split(version: DatasetVersion) -> dict[int, str]:
    """The usage of each sample that has none: of each label the wanted share is for training, drawn anew for each
    version but always alike. A sample with several labels counts for its first one."""
    ratio = version.train_ratio
    if ratio is None:
        return {}
    strata: dict[int, list[int]] = {}
    rows = Sample.objects.filter(dataset=version.dataset, status=Status.LABELED, usage="")
    for pk, label in rows.annotate(first=Min("annotations__label")).order_by("id").values_list("pk", "first"):
        strata.setdefault(label or 0, []).append(pk)
    split: dict[int, str] = {}
    for label, ids in sorted(strata.items()):
        random.Random(f"{version.dataset_id}:{version.name}:{label}").shuffle(ids)  # noqa: S311  a split, no secret
        share = round(len(ids) * ratio)
        if 0 < ratio < 1 and len(ids) > 1:
            share = min(max(share, 1), len(ids) - 1)
        split |= dict.fromkeys(ids[:share], Usage.TRAIN.value) | dict.fromkeys(ids[share:], Usage.EVAL.value)
    return split


def _fail(version_id: int, refused: Refused) -> None:
    with transaction.atomic():
        changes = {
            "error_code": refused.code,
            "error": str(refused),
            "finished_at": timezone.now(),
            "lease_token": "",
            "lease_expires_at": None,
        }
        rows = DatasetVersion.objects.filter(pk=version_id)
        if move(rows, moves=VERSION_MOVES, to=VersionStatus.FAILED, changes=changes):
            version = rows.select_related("dataset").get()
            holds.lift(dataset=version.dataset, key=_hold(version))


def progress(version: DatasetVersion) -> tuple[int, int | None]:
    """How many samples of a version are written, and of how many; None while nobody knows."""
    hold = version.dataset.holds.filter(key=_hold(version)).first()
    return (hold.done, hold.total) if hold else (version.sample_count, version.sample_count or None)


def _hold(version: DatasetVersion) -> str:
    return f"version-{version.pk}"
