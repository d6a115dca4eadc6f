"""Classes of a model and labels of a dataset, as the table in which a person maps one to the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchservices.models import InferenceModel
from datasets.models import Dataset, Label

MOST_OPTIONS = 20_000
"""More than so many choices in a page and each is written, with the labels offered while writing."""

MODEL = "mapped_model"
LENGTH = 1024


@dataclass(frozen=True)
class Row:
    """One class: its name, the field in the form, and its label, "" where it has none yet."""

    name: str
    field: str
    label: str


@dataclass(frozen=True)
class MappingTable:
    """A table of classes with the labels to choose from.

    Attributes:
        model, dataset: which are mapped.
        rows: one for each class, those without a label first.
        labels: of the dataset, in alphabetical order.
    """

    model: InferenceModel
    dataset: Dataset
    rows: Sequence[Row]
    labels: Sequence[str]

    @property
    def unmapped(self) -> int:
        """How many classes have no label yet."""
        return sum(not row.label for row in self.rows)

    @property
    def as_selects(self) -> bool:
        """Whether the page can carry every choice of every class."""
        return len(self.rows) * len(self.labels) <= MOST_OPTIONS


def mapping_table(model: InferenceModel, dataset: Dataset, chosen: Mapping[str, str]) -> MappingTable:
    """The table of a model and a dataset; a class that is not chosen goes to the label of its name, if there is one."""
    labels = list(Label.objects.filter(dataset=dataset).order_by("name").values_list("name", flat=True))
    known = set(labels)
    rows = []
    for number, name in enumerate(model.class_names):
        label = chosen.get(name, name)
        rows.append(Row(name, f"label-{number}", label if label in known else ""))
    return MappingTable(model, dataset, sorted(rows, key=lambda row: bool(row.label)), labels)


def mapping_said(data: Mapping[str, str], model: InferenceModel) -> dict[str, str]:
    """What a form says of the classes of a model; nothing where its table was another model's.

    Args:
        data: a POST.
        model: the model that the form names.
    """
    if data.get(MODEL) != str(model.pk):
        return {}
    said = {name: data.get(f"label-{number}", "").strip() for number, name in enumerate(model.class_names)}
    return {name: label[:LENGTH] for name, label in said.items() if label}
