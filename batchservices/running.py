"""Runs start and stop. What a run does in between stands in `batchservices.execution`."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from batchservices import output
from batchservices.elsewhere import check_results
from batchservices.execution import execute
from batchservices.freezing import RUN
from batchservices.inputs import has_inputs
from batchservices.models import (
    ACTIVE_RUN,
    RUN_MOVES,
    BatchRun,
    BatchService,
    ItemStatus,
    ModelStatus,
    RunItem,
    RunStatus,
)
from batchservices.registration import predictor_of
from config.doorbell import ring
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from hardexamples.filters import settings_of

__all__ = ["execute", "start", "stop"]


def start(*, service: BatchService, by: User | None, again: bool = False) -> BatchRun:
    """Starts a run with everything frozen that could change while it goes on. What the same predictor has said about
    inputs that have not changed is kept.

    Args:
        service: whose inputs.
        by: who starts it.
        again: infers everything again.

    Raises:
        Refused: already_running (409, `item` is the run), model_not_ready (409), no_input, and as
            `batchservices.inputs.list_inputs`.
    """
    if service.results_location:
        check_results(service)
    elif not has_inputs(service.input_location):
        raise Refused(
            "no_input",
            f"{service.name} has no input data. Put images into {service.input_location}.",
            field="input_location",
        )
    try:
        with transaction.atomic():
            run = _frozen(BatchService.objects.select_related("model", "filter").get(pk=service.pk), by, again)
            run.save(force_insert=True)
            output.hold(run)
            step("run.started")
            ring(RUN, run.pk, times=settings.WORKER_PROCESSES)
    except IntegrityError:
        active = BatchRun.objects.filter(service=service, status__in=ACTIVE_RUN).first()
        if active is None:
            raise
        raise _already_running(active) from None
    step("run.start.committed")
    return run


def _frozen(service: BatchService, by: User | None, again: bool) -> BatchRun:
    model = service.model
    if model.status != ModelStatus.READY:
        words = f"The model {model} is not ready: {model.error or model.get_status_display()}"
        raise Refused("model_not_ready", words, status=409, field="model")
    active = service.runs.filter(status__in=ACTIVE_RUN).first()
    if active is not None:
        raise _already_running(active)
    return BatchRun(
        service=service,
        model=model,
        input_location=service.input_location,
        output_location=service.output_location,
        results_location=service.results_location,
        model_sha256=model.sha256,
        profile=model.profile,
        activations_tensor=model.activations_tensor,
        predictor=predictor_of(model),
        again=again,
        filtering=service.filtering,
        filter_settings=_filtering(service),
        started_by=by,
    )


def _filtering(service: BatchService) -> dict | None:
    """What the filter will do after the run, whatever is changed meanwhile."""
    if not service.filtering or service.filter is None:
        return None
    return {
        "filter": service.filter_id,
        "settings": settings_of(service.filter).as_dict(),
        "training_manifest": service.training_manifest,
        "output_dataset": service.output_dataset_id,
        "label_mapping": service.label_mapping,
    }


def _already_running(run: BatchRun) -> Refused:
    words = f"{run.service} is running already: run {run.pk}. Wait until it ends, or stop it."
    return Refused("already_running", words, status=409, item=run.pk)


@transaction.atomic
def stop(*, run: BatchRun, by: User | None) -> None:
    """Stops a run: what is predicted stays, what is in work is given back, nothing more is begun.

    Raises:
        Refused: illegal_status_change (409) for a run that has ended.
    """
    ended = {"stop_requested": True, "finished_at": timezone.now(), "lease_token": "", "lease_expires_at": None}
    move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=RunStatus.STOPPED, changes=ended)
    RunItem.objects.filter(run=run, status=ItemStatus.LEASED).update(
        status=ItemStatus.PENDING, lease_token="", lease_expires_at=None
    )
    output.lift(run)
    run.refresh_from_db()
