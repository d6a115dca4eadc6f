"""What auto labeling and auto grouping have in common while they work: the next event, and what the store lacks."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from config.leases import Lease, breathe
from config.steps import step
from hardexamples import reference
from labeling import auto_labeling
from labeling.auto_predictions import Image
from labeling.models import AutoLabelingItem, AutoLabelingTask

MEASURED = 200  # images between two looks at the clock
FROZEN, KNOWN = 0.05, 0.5  # how far a task is before all is measured, and after


def turn_to(lease: Lease, task: AutoLabelingTask, name: str, **changes: Any) -> None:
    """Begins the next event; inside the caller's transaction."""
    task.events = auto_labeling.turned(task.events, name)
    lease.hold(changes={"events": task.events, **changes})


def measure(lease: Lease, task: AutoLabelingTask, images: Sequence[Image], seer: reference.Seer) -> None:
    """Has what the store lacks of the images measured; what cannot be read is left out and counted."""
    unreadable = 0
    for start in range(0, len(images), MEASURED):
        part = images[start : start + MEASURED]
        found = reference.measure([image.labeled() for image in part], seer, lease.hold, parts=False)
        gone = [image.item.pk for image in part if image.sha256 in found]
        unreadable += len(gone)
        done = start + len(part)
        share = FROZEN + (KNOWN - FROZEN) * done / len(images)
        with transaction.atomic():
            lease.hold(changes={"done": done, "share": share, "unreadable": unreadable})
            if gone:
                AutoLabelingItem.objects.filter(pk__in=gone).update(readable=False)
            step("auto_labeling.measured.before_commit")
        for image in part:
            image.item.readable = image.item.pk not in set(gone)
        breathe()
