"""Runs start and stop. What a run does in between stands in `batchservices.execution`."""

from collections.abc import Callable
from typing import NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from batchservices import output
from batchservices.elsewhere import check_results
from batchservices.execution import execute, fail
from batchservices.filtering_again import frozen_filtering
from batchservices.freezing import RUN
from batchservices.inputs import has_inputs
from batchservices.limits import check_time, limited
from batchservices.models import (
    ACTIVE_COLLECTION,
    ACTIVE_RUN,
    RETRY_MOVES,
    RUN_MOVES,
    BatchRun,
    BatchService,
    ItemStatus,
    ModelStatus,
    RunItem,
    RunStatus,
)
from batchservices.registration import predictor_of
from batchservices.reopening import unpredicted
from config.doorbell import ring
from config.leases import FURTHER, UNHEARD
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step

__all__ = ["end_overdue", "execute", "restart", "retry", "start", "stop"]


def start(
    *,
    service: BatchService,
    by: User | None,
    again: bool = False,
    within: Callable[[BatchRun], None] | None = None,
) -> BatchRun:
    """Starts a run with everything frozen that could change while it goes on. What the same predictor has said about
    inputs that have not changed is kept.

    Args:
        service: whose inputs.
        by: who starts it.
        again: infers everything again.
        within: called with the run in the transaction that makes it; what it raises unmakes the run.

    Raises:
        Refused: already_running (409, `item` is the run), model_not_ready (409), no_input, and as
            `batchservices.inputs.list_inputs`.
    """
    _check_inputs(service)
    try:
        with transaction.atomic():
            run = _frozen(BatchService.objects.select_related("model", "filter").get(pk=service.pk), by, again)
            run.save(force_insert=True)
            output.hold(run)
            if within is not None:
                within(run)
            step("run.started")
            ring(RUN, run.pk, times=settings.WORKER_PROCESSES)
    except IntegrityError:
        _raise_already_running(service)
    step("run.start.committed")
    return run


def restart(*, service: BatchService, by: User | None) -> BatchRun:
    """Starts a service; a run that goes on is stopped first. Raises Refused as `start`."""
    _check_inputs(service)
    active = service.runs.filter(status__in=ACTIVE_RUN).first()
    if active is not None:
        try:
            stop(run=active, by=by)
        except Refused as error:
            if error.code != "illegal_status_change":  # it ended by itself just now
                raise
    return start(service=service, by=by)


def retry(*, run: BatchRun, by: User | None) -> None:
    """Goes on with a run that has ended: the inputs that have no prediction are tried again, as it froze them. When it
    ends again, its filter covers all that is predicted.

    Args:
        run: the newest of its service.
        by: who asks.

    Raises:
        Refused: nothing_to_retry, not_listed, a_newer_run, already_running, still_filtering (409).
    """
    try:
        with transaction.atomic():
            run = BatchRun.objects.select_for_update(of=("self",)).select_related("service").get(pk=run.pk)
            _check_retry(run)
            again = {
                "retrying": True,
                "settled_before": F("done"),
                "error_code": "",
                "error": "",
                "stop_requested": False,
                "started_at": None,
                "finished_at": None,
                **FURTHER,
                **UNHEARD,
            }
            move_one(BatchRun.objects.filter(pk=run.pk), moves=RETRY_MOVES, to=RunStatus.PREPARING, changes=again)
            output.hold(run)
            ring(RUN, run.pk, times=1)
            step("run.retry.before_commit")
    except IntegrityError:
        _raise_already_running(run.service)
    step("run.retry.committed")


def _check_retry(run: BatchRun) -> None:
    if run.status in ACTIVE_RUN:
        raise _already_running(run)
    if not run.total:
        words = f"{run} ended before its inputs were listed. Start the service instead."
        raise Refused("not_listed", words, status=409)
    if not unpredicted(run).exists():
        words = f"Every input of {run} that could be read is predicted; there is nothing to try again."
        raise Refused("nothing_to_retry", words, status=409)
    if run.service.runs.filter(pk__gt=run.pk).exists():
        words = f"{run.service} has a newer run. Start the service to predict what is in its input now."
        raise Refused("a_newer_run", words, status=409)
    active = run.collection_tasks.filter(status__in=ACTIVE_COLLECTION).first()
    if active is not None:
        words = f"The images of {run} are on their way into {active.dataset}: wait for task {active.pk}, or stop it."
        raise Refused("still_filtering", words, status=409, item=active.pk)


def end_overdue() -> int:
    """Ends the runs that take longer than they may and that no worker looks after. Returns how many."""
    ended = 0
    for run in limited():
        try:
            check_time(run)
        except Refused as error:
            fail(run.pk, error)
            ended += 1
    return ended


def _check_inputs(service: BatchService) -> None:
    if service.results_location:
        check_results(service)
    elif not has_inputs(service.input_location):
        raise Refused(
            "no_input",
            f"{service.name} has no input data. Put images into {service.input_location}.",
            field="input_location",
        )


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
        filter_settings=frozen_filtering(service),
        processes=service.processes,
        timeout_minutes=service.timeout_minutes,
        started_by=by,
    )


def _raise_already_running(service: BatchService) -> NoReturn:
    """Inside the handler of an IntegrityError, which is raised again where it was something else."""
    active = BatchRun.objects.filter(service=service, status__in=ACTIVE_RUN).first()
    if active is None:
        raise
    raise _already_running(active) from None


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
    leased = RunItem.objects.filter(run=run, status=ItemStatus.LEASED).order_by("position").select_for_update()
    in_work = list(leased.values_list("pk", flat=True))  # the items before the run, as workers lock them: no deadlock
    move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=RunStatus.STOPPED, changes=ended)
    RunItem.objects.filter(pk__in=in_work).update(status=ItemStatus.PENDING, lease_token="", lease_expires_at=None)
    output.lift(run)
    run.refresh_from_db()
