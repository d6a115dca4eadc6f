"""The work of an auto grouping task after its images are frozen: grouping measures and clusters them into rows that
nobody else looks at; result_processing tells all images their groups at once, in the transaction that ends the task."""

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from config import statements
from config.leases import CHUNK_ROWS, Lease, breathe
from config.steps import step
from datasets import attributes
from hardexamples import store
from hardexamples.features import EXTRACTOR, STATISTICS, VERSION
from labeling import auto_grouping, auto_labeling, auto_predictions
from labeling.auto.grouping import group, propose_count, space, typical
from labeling.auto_measuring import measure, turn_to
from labeling.auto_predictions import Image
from labeling.models import AutoLabelingItem, AutoLabelingStatus, AutoLabelingTask

COUNTED, GROUPED, STAGED = 0.65, 0.85, 0.95  # how far a task is after each piece of its work
PICTURES = 6  # of each group


def group_images(lease: Lease, task: AutoLabelingTask) -> None:
    """Finds the group of each image.

    Raises:
        Refused: too_few_images (409), where too few can be read; storage_unavailable (503).
    """
    images = auto_predictions.images_of(task)
    measure(lease, task, images, auto_predictions.seer_of(task))
    images = [image for image in images if image.item.readable]
    auto_grouping.check_enough(len(images), task.group_count)
    points = _points(task, images)
    count = task.group_count or propose_count(points)
    lease.hold(changes={"share": COUNTED})
    found = group(points, count=count)
    lease.hold(changes={"share": GROUPED})
    _stage(lease, images, found)
    counts = np.bincount(found)
    told = [
        {
            "value": value_of(number),
            "count": int(counts[number]),
            "samples": [images[place].sample.pk for place in near],
        }
        for number, near in enumerate(typical(points, found, most=PICTURES))
    ]
    with transaction.atomic():
        turn_to(lease, task, "result_processing", groups=told, share=STAGED)
        step("auto_grouping.grouped.before_commit")
    step("auto_grouping.grouped")


def value_of(number: int) -> str:
    """What a group is called: "1" is the largest."""
    return str(number + 1)


def _points(task: AutoLabelingTask, images: Sequence[Image]) -> np.ndarray:
    """What the images are compared by, (n, d) float."""
    sha256s = [image.sha256 for image in images]
    own = store.load(sha256s, EXTRACTOR, VERSION)
    vectors = own.vectors
    if task.activations_tensor:
        extractor = store.activations_extractor(task.model_sha256, task.activations_tensor)
        vectors = store.load(sha256s, extractor, 1).vectors
    assert vectors is not None  # noqa: S101  they were measured
    assert own.statistics is not None  # noqa: S101
    columns = [STATISTICS.index(auto_grouping.MEASURES[name]) for name in task.measures]
    # clarity has a long tail, of which a few images would be groups of their own; brightness, 0..1, hardly changes
    measures = np.log1p(np.nan_to_num(own.statistics[:, columns]))
    return space(np.nan_to_num(vectors), measures)


def _stage(lease: Lease, images: Sequence[Image], groups: np.ndarray) -> None:
    for start in range(0, len(images), CHUNK_ROWS):
        part = range(start, min(start + CHUNK_ROWS, len(images)))
        with transaction.atomic():
            lease.hold()
            rows = [(int(groups[index]), images[index].item.pk) for index in part]
            statements.update(AutoLabelingItem, ("group",), rows)
            step("auto_grouping.staged.before_commit")
        step("auto_grouping.staged")
        breathe()


def deliver(lease: Lease, task: AutoLabelingTask) -> None:
    """Tells all images their groups and ends the task: one transaction, so nobody ever sees a part of them."""
    items = AutoLabelingItem.objects.filter(task=task, group__isnull=False).order_by("group", "position")
    values = {sample: value_of(number) for sample, number in items.values_list("sample", "group") if number is not None}
    with transaction.atomic():
        lease.hold()
        attributes.assign(dataset=task.dataset, name=task.attribute, values=values)
        step("auto_grouping.deliver.before_end")
        auto_labeling.end(task.pk, AutoLabelingStatus.SUCCEEDED, changes={"share": 1.0})
        step("auto_grouping.deliver.before_commit")
