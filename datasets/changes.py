"""What may still change of datasets and labels after they were made: never the task, never what samples say."""

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model

from config.refusals import Refused
from datasets.creation import label_name
from datasets.models import Dataset, Label


def change_dataset(
    *, dataset: Dataset, by: AbstractBaseUser | None, name: str | None = None, description: str | None = None
) -> Dataset:
    """A dataset with another name or description; None leaves as it is.

    Raises:
        Refused: bad_value, name_exists (409).
    """
    if name is not None:
        dataset.name = name.strip()
    if description is not None:
        dataset.description = description.strip()
    _save(dataset, ["name", "description"], f"There is a dataset {dataset.name} already.")
    return dataset


def change_label(
    *,
    label: Label,
    by: AbstractBaseUser | None,
    name: str | None = None,
    color: str | None = None,
    shortcut: str | None = None,
) -> Label:
    """A label with another name, color or shortcut; its annotations stay with it. None leaves as it is.

    Raises:
        Refused: bad_label, bad_value, name_exists (409).
    """
    if name is not None:
        label.name = label_name(name)
    if color is not None:
        label.color = color
    if shortcut is not None:
        label.shortcut = shortcut
    _save(label, ["name", "color", "shortcut"], "Another label of this dataset has this name or this shortcut.")
    return label


def _save(row: Model, fields: list[str], exists: str) -> None:
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields if field.name not in fields})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused("bad_value", messages[0], field=field) from None
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except IntegrityError:
        raise Refused("name_exists", exists, status=409, field="name") from None
