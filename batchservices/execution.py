"""What a run does: freeze its list of inputs, work through it in leased chunks, conclude.

Any number of workers may execute one run at once, and any of them may die at any moment: the items are the queue.
"""

import logging
import time

from django.db import transaction
from django.utils import timezone

from batchservices import output
from batchservices.answering import Answering, answering
from batchservices.freezing import RUN, freeze
from batchservices.in_hand import ASKED_AHEAD, CHUNK_SECONDS, InHand
from batchservices.limits import check_time
from batchservices.models import ACTIVE_RUN, RUN_MOVES, BatchRun, ItemStatus, RunStatus
from batchservices.queue import Worker
from batchservices.reopening import reopen
from batchservices.results import conclude
from config import stopping
from config.doorbell import ring
from config.leases import AWAY, LeaseLost, breathe, claim
from config.lifecycle import move
from config.refusals import Refused
from config.steps import step

LEASED_SECONDS = 2 * CHUNK_SECONDS
"""How much work is leased at once."""

log = logging.getLogger("hardmine.runs")


def execute(run_id: int) -> None:
    """Goes on with a run wherever it stands; harmless however often and by however many it is called."""
    try:
        _execute(run_id)
    except LeaseLost:
        log.info("Run %s was stopped, or somebody else works on it.", run_id)
    except Refused as error:
        if error.status == AWAY:
            log.warning("Run %s waits: %s", run_id, error)
            return
        log.warning("Run %s failed: %s", run_id, error)
        fail(run_id, error)


def _execute(run_id: int) -> None:
    run = BatchRun.objects.filter(pk=run_id, status__in=ACTIVE_RUN).first()
    if run is None or stopping.asked():  # as `claim`: who is about to stop begins nothing
        return
    if run.status == RunStatus.PREPARING:
        lease = claim(BatchRun, run_id)
        if lease is None:
            return
        with lease.giving_back(), lease.waiting():
            run.refresh_from_db()
            if run.status == RunStatus.PREPARING:
                (reopen if run.retrying else freeze)(lease, run)
            else:  # somebody else has prepared it between the look and the claim
                lease.release()
    worker = Worker(run)
    answers = answering(run)
    with worker.waiting():
        answers.load()
        if not _work(run, worker, answers):
            return
    lease = claim(BatchRun, run_id)
    if lease is not None:
        with lease.giving_back(), lease.waiting():
            conclude(lease)


def fail(run_id: int, error: Refused) -> None:
    """Ends a run with the reason, unless it has ended already."""
    changes = {
        "error_code": error.code,
        "error": str(error),
        "finished_at": timezone.now(),
        "lease_token": "",
        "lease_expires_at": None,
    }
    with transaction.atomic():
        runs = BatchRun.objects.filter(pk=run_id)
        if move(runs, moves=RUN_MOVES, to=RunStatus.FAILED, changes=changes):
            output.lift(runs.get())


def _work(run: BatchRun, worker: Worker, answers: Answering) -> bool:
    """Predicts chunk after chunk until nobody has anything left to lease.

    Who has begun and sees more to do calls one more worker, so that all that are free come, on however many machines.

    Returns:
        Whether every item is settled; else somebody still works on the rest.

    Raises:
        LeaseLost: the run was stopped, or others took over what was leased, or this worker was asked to stop.
        Refused: nothing more can be predicted or written; the run fails.
    """
    with worker.giving_back(), worker.renewing(), InHand(run, answers) as hand:
        hand.add(worker.settle_and_lease([], wanted=ASKED_AHEAD))
        step("run.chunk.leased")
        count = 0
        while in_hand := hand.items():
            started = time.monotonic()
            settled = hand.chunk(most=worker.most)
            step("run.result.written")
            rate = len(settled) / max(time.monotonic() - started, 1e-3)
            left = len(in_hand) - len(settled)
            short = left < round(rate * CHUNK_SECONDS) + ASKED_AHEAD
            wanted = round(rate * LEASED_SECONDS) + ASKED_AHEAD - left if short else 0
            hand.add(worker.settle_and_lease(settled, wanted=wanted, in_hand=hand.items()))
            step("run.chunk.committed")
            if settled and not count and hand.items():
                ring(RUN, run.pk)
            count += len(settled)
            check_time(run)
            breathe()
    log.info("Run %s: %s inputs were settled by this worker.", run.pk, count)
    return not run.items.filter(status__in=(ItemStatus.PENDING, ItemStatus.LEASED)).exists()
