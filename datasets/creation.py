"""Datasets and their labels come to be."""

import unicodedata
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from config.refusals import Refused
from datasets.counters import KINDS
from datasets.formats import fields
from datasets.models import Dataset, Label, LabelingJob, SampleCount, Task

SHORTCUTS = "123456789abcdefghijklmnopqrstuvwxyz0"

# Twenty colors that stay apart for most people, also with color blindness (Trubetskoy's list without black and white).
PALETTE = (
    "#4363d8", "#f58231", "#3cb44b", "#e6194b", "#911eb4", "#42d4f4", "#f032e6", "#9a6324", "#469990", "#808000",
    "#000075", "#800000", "#bfef45", "#fabed4", "#ffd8b1", "#dcbeff", "#aaffc3", "#ffe119", "#a9a9a9", "#3399ff",
)  # fmt: skip


@transaction.atomic
def create_dataset(
    *, name: str, task: str, by: User | None, labels: Iterable[str] = (), description: str = ""
) -> Dataset:
    """A dataset with its counters, its default labeling job and its labels: all of it or nothing.

    Args:
        name: 1 to 100 letters, digits, spaces, points, _ and -; unique.
        task: one of `Task`.
        by: who creates it; None for a command without a user.
        labels: their names; more can be added later.

    Raises:
        Refused: bad_name, unknown_task, name_exists (409), bad_label.
    """
    if task not in Task.values:
        raise Refused("unknown_task", f"Write one of: {', '.join(Task.values)}.", field="task")
    dataset = Dataset(name=name.strip(), task=task, description=description.strip(), created_by=by)
    try:
        dataset.clean_fields()
    except ValidationError as error:
        place, messages = next(iter(error.message_dict.items()))
        raise Refused("bad_name" if place == "name" else "bad_value", messages[0], field=place) from None
    try:
        with transaction.atomic():
            dataset.save(force_insert=True)
    except IntegrityError:
        raise Refused("name_exists", f"There is a dataset {dataset.name} already.", status=409, field="name") from None
    SampleCount.objects.bulk_create(SampleCount(dataset=dataset, status=status, hard=hard) for status, hard in KINDS)
    LabelingJob.objects.create(dataset=dataset, name=dataset.name, is_default=True, created_by=by)
    add_labels(dataset=dataset, names=labels, by=by)
    return dataset


@transaction.atomic
def add_labels(*, dataset: Dataset, names: Iterable[str], by: User | None) -> dict[str, Label]:
    """The labels of these names, made where they are missing, each with a free color and a free shortcut.

    Returns:
        name -> label, for all labels of the dataset.

    Raises:
        Refused: bad_label.
    """
    wanted = [label_name(name) for name in names]
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    labels = {label.name: label for label in Label.objects.filter(dataset=dataset)}
    missing = [name for name in dict.fromkeys(wanted) if name not in labels]
    colors = {label.color for label in labels.values()}
    shortcuts = {label.shortcut for label in labels.values()}
    made = []
    for number, name in enumerate(missing, start=len(labels)):
        color = next((color for color in PALETTE if color not in colors), PALETTE[number % len(PALETTE)])
        first = unicodedata.normalize("NFKD", name)[0].lower()
        shortcut = next((key for key in (first, *SHORTCUTS) if key in SHORTCUTS and key not in shortcuts), "")
        colors.add(color)
        shortcuts.add(shortcut)
        made.append(Label(dataset=dataset, name=name, color=color, shortcut=shortcut))
    Label.objects.bulk_create(made)
    return labels | {label.name: label for label in made}


def label_name(name: str) -> str:
    """A label's name without space around it. Raises Refused "bad_label"."""
    clean = fields.label_name(name)
    if clean is None:
        words = "A label has 1 to 1,024 characters (at most 2,048 bytes), no line break or control character."
        raise Refused("bad_label", words)
    return clean
