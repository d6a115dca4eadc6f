"""How many samples a dataset has, by status and hardness: kept beside the samples, never counted by a page.

Every verb that adds, moves or removes samples calls `shift` in its own transaction. `manage.py check_counts` holds the
figures against the samples.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F

from datasets.models import Dataset, Sample, SampleCount, Status

type Kind = tuple[str, bool]
"""A status, and whether hard."""

KINDS: tuple[Kind, ...] = tuple((status.value, hard) for status in Status for hard in (False, True))


@dataclass(frozen=True)
class Counts:
    """The figures of a dataset: samples by status, and the hard ones among all."""

    unlabeled: int
    to_be_confirmed: int
    labeled: int
    hard: int

    @property
    def total(self) -> int:
        """All samples."""
        return self.unlabeled + self.to_be_confirmed + self.labeled


@dataclass(frozen=True)
class Difference:
    """A counter that does not say what the samples say."""

    status: str
    hard: bool
    counted: int
    actual: int


def shift(*, dataset_id: int, deltas: Mapping[Kind, int]) -> None:
    """Adds to the counters, inside the caller's transaction.

    Args:
        deltas: (status, hard) -> how many more; negative for fewer. Zeros cost nothing.
    """
    for (status, hard), delta in sorted(deltas.items()):  # one order for all, so that no two verbs wait for each other
        if delta:
            row = SampleCount.objects.filter(dataset_id=dataset_id, status=status, hard=hard)
            if row.update(count=F("count") + delta) != 1:
                raise SampleCount.DoesNotExist(f"Dataset {dataset_id} has no counter for {status}, hard {hard}.")


def counts(dataset: Dataset) -> Counts:
    """The figures of one dataset; six short rows, however many samples."""
    rows = {(row.status, row.hard): row.count for row in SampleCount.objects.filter(dataset=dataset)}
    return Counts(
        **{status.value: rows.get((status, False), 0) + rows.get((status, True), 0) for status in Status},
        hard=sum(count for (_, hard), count in rows.items() if hard),
    )


def check(dataset: Dataset) -> list[Difference]:
    """Counts all samples of a dataset and returns the counters that differ; empty when all is well."""
    actual: Counter[Kind] = Counter()
    for row in Sample.objects.filter(dataset=dataset).order_by().values("status", "hard").annotate(number=Count("id")):
        actual[row["status"], row["hard"]] = row["number"]
    counted = {(row.status, row.hard): row.count for row in SampleCount.objects.filter(dataset=dataset)}
    return [
        Difference(status, hard, counted.get((status, hard), 0), actual[status, hard])
        for status, hard in KINDS
        if counted.get((status, hard), 0) != actual[status, hard]
    ]
