"""What commands of labeling name by words."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from batchservices.models import InferenceModel
from datasets.models import Dataset
from labeling.models import AutoLabelingTask


def dataset_of(name: str) -> Dataset:
    """The dataset of that name. Raises CommandError."""
    found = Dataset.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no dataset {name!r}.")
    return found


def user_of(name: str) -> User:
    """The user of that name. Raises CommandError."""
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user {name!r}.")
    return found


def model_of(words: str) -> InferenceModel:
    """The newest model of that name, or "name version". Raises CommandError."""
    name, _, version = words.rpartition(" ")
    known = InferenceModel.objects.order_by("-version")
    exact = known.filter(name=name, version=int(version)) if name and version.isascii() and version.isdigit() else None
    found = known.filter(name=words).first() or (exact.first() if exact is not None else None)
    if found is None:
        raise CommandError(f"There is no model {words!r}.")
    return found


def look(pk: int) -> tuple[int, int | None]:
    """How far a task of auto labeling is."""
    return AutoLabelingTask.objects.values_list("done", "total").get(pk=pk)
