"""The dataset that a run's hard examples go to: held from the run's start to its end, so that nobody deletes it."""

from django.urls import reverse

from batchservices.models import BatchRun
from datasets import holds
from datasets.models import Dataset


def dataset_of(run: BatchRun) -> Dataset | None:
    """The dataset that the run froze; None where it filters nothing, or where the dataset is gone."""
    if run.filter_settings is None:
        return None
    return Dataset.objects.filter(pk=run.filter_settings["output_dataset"]).first()


def hold(run: BatchRun) -> None:
    """Holds the output dataset of a run that filters; inside the transaction that starts the run."""
    dataset = dataset_of(run)
    if dataset is not None:
        holds.place(
            dataset=dataset,
            key=_key(run),
            kind="run",
            words=f"The hard examples of {run} will come into it.",
            link=reverse("admin:batchservices_batchservice_change", args=[run.service_id]),
        )


def lift(run: BatchRun) -> None:
    """Takes that hold away; inside the transaction that ends the run, whatever its end."""
    dataset = dataset_of(run)
    if dataset is not None:
        holds.lift(dataset=dataset, key=_key(run))


def _key(run: BatchRun) -> str:
    return f"run-{run.pk}"
