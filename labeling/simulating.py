"""Does it save work? Simulations of labeling a dataset in the offered orders: their start, stop and end."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from batchservices.models import InferenceModel
from config.doorbell import ring
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets.models import Annotation, Dataset, Sample, Status, Task
from labeling.auto.simulation import BUDGET, FEWEST, SEEDS
from labeling.auto_labeling import Kind, check_model, frozen_model
from labeling.models import AUTO_LABELING_MOVES, AutoLabelingStatus, LabelingSimulation

TASK = "labeling.execute_simulation"
MOST_SEEDS = 32
FEWEST_LABELS, MOST_LABELS = 2, 2_000  # labels given at most; a model learns anew at each of 14 steps


def simulate_labeling(
    *,
    dataset: Dataset,
    by: User | None,
    model: InferenceModel | None = None,
    seeds: int = SEEDS,
    most_labels: int = BUDGET,
) -> LabelingSimulation:
    """Simulates labeling in the offered orders on what is labeled in a dataset, whose labels stay as they are; workers
    go on with it.

    Args:
        dataset: an image classification one.
        by: who asks; None for a program without a user.
        model: the classifier whose activations images are compared by; None: the built-in descriptor.
        seeds: rounds with another split, 1 to 32.
        most_labels: labels that are given at most, 2 to 2,000; never more than half of the images that are not kept for
            judging.

    Raises:
        Refused: out_of_range, simulation_at_work (409), no_activations, type_mismatch, model_not_ready (409),
            model_elsewhere; as `check`.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise Refused("out_of_range", f"Between 1 and {MOST_SEEDS} rounds can be simulated.", field="seeds")
    if not FEWEST_LABELS <= most_labels <= MOST_LABELS:
        words = f"Between {FEWEST_LABELS} and {MOST_LABELS:,} labels can be given."
        raise Refused("out_of_range", words, field="most_labels")
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        if dataset.labeling_simulations.filter(status__in=LabelingSimulation.WORKING).exists():
            words = f"Labeling {dataset.name} is being simulated already. Wait for that, or stop it."
            raise Refused("simulation_at_work", words, status=409)
        check(dataset)
        check_model(dataset, Kind.ACTIVE_LEARNING, model, {})
        made = LabelingSimulation.objects.create(
            dataset=dataset, **frozen_model(model), seeds=seeds, most_labels=most_labels, created_by=by
        )
        ring(TASK, made.pk)
    step("simulation.start.committed")
    return made


def check(dataset: Dataset) -> None:
    """What must hold of a dataset.

    Raises:
        Refused: needs_whole_images (409), too_few_labeled (409), too_few_labels (409).
    """
    if dataset.task != Task.IMAGE_CLASSIFICATION:
        words = f"Labels of whole images can be simulated; {dataset.name} has boxes."
        raise Refused("needs_whole_images", words, status=409)
    labeled = Annotation.objects.filter(sample__dataset=dataset, sample__status=Status.LABELED)
    number = Sample.objects.filter(dataset=dataset, status=Status.LABELED).count()
    check_enough(dataset, number, labeled.order_by().values("label").distinct().count())


def check_enough(dataset: Dataset, labeled: int, labels: int) -> None:
    """Whether so many labeled images with so many labels say anything.

    Raises:
        Refused: too_few_labeled (409), too_few_labels (409).
    """
    if labeled < FEWEST:
        words = (
            f"At least {FEWEST} labeled images are needed: some of them judge, the others are labeled again in each "
            f"order. {dataset.name} has {labeled}."
        )
        raise Refused("too_few_labeled", words, status=409)
    if labels < 2:
        raise Refused("too_few_labels", "The labeled images need two different labels at least.", status=409)


def stop(*, simulation: LabelingSimulation, by: User) -> None:
    """Stops a simulation.

    Raises:
        Refused: illegal_status_change (409) for one that has ended.
    """
    end(simulation.pk, AutoLabelingStatus.STOPPED, changes={"stop_requested": True})
    simulation.refresh_from_db()


def end(simulation_id: int, status: AutoLabelingStatus, *, changes: dict[str, Any]) -> None:
    """Ends a simulation. Raises Refused "illegal_status_change" (409) where it has ended."""
    over = {"finished_at": timezone.now(), "lease_token": "", "lease_expires_at": None, "waits_for": "", "model": None}
    rows = LabelingSimulation.objects.filter(pk=simulation_id)
    move_one(rows, moves=AUTO_LABELING_MOVES, to=status, changes={**over, **changes})


def page_of(simulation: LabelingSimulation) -> str:
    """The page of a simulation."""
    job = simulation.dataset.labeling_jobs.filter(is_default=True).first()
    return reverse("labeling:simulation", args=[job.pk, simulation.pk]) if job else ""
