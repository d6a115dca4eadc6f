"""What a run does: freeze its list of inputs, work through it in leased chunks, conclude.

Any number of workers may execute one run at once, and any of them may die at any moment: the items are the queue.
"""

import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import transaction
from django.utils import timezone

from batchservices import child, output
from batchservices.answering import Answering, answering
from batchservices.bringing import WRITERS
from batchservices.freezing import freeze
from batchservices.models import ACTIVE_RUN, RUN_MOVES, BatchRun, ItemStatus, RunItem, RunStatus
from batchservices.queue import RETRIED, Settled, Worker
from batchservices.results import conclude, write_result
from config.leases import AWAY, CHUNK_SECONDS, LeaseLost, breathe, claim
from config.lifecycle import move
from config.refusals import Refused
from config.steps import step
from datasets import locations
from datasets.images import MAX_BYTES, sha256

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
    if run is None:
        return
    if run.status == RunStatus.PREPARING:
        lease = claim(BatchRun, run_id)
        if lease is None:
            return
        with lease.giving_back(), lease.waiting():
            freeze(lease, run)
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

    Returns:
        Whether every item is settled; else somebody still works on the rest.

    Raises:
        LeaseLost: the run was stopped, or others took over what was leased, or this worker was asked to stop.
        Refused: nothing more can be predicted or written; the run fails.
    """
    with worker.giving_back(), worker.renewing():
        leased = deque(worker.settle_and_lease([], wanted=4))
        step("run.chunk.leased")
        while leased:
            started = time.monotonic()
            settled = _predict(run, leased, answers, most=worker.most)
            step("run.result.written")
            rate = len(settled) / max(time.monotonic() - started, 1e-3)
            wanted = 0 if leased else max(1, round(rate * CHUNK_SECONDS))
            leased += worker.settle_and_lease(settled, wanted=wanted)
            step("run.chunk.committed")
            breathe()
    return not run.items.filter(status__in=(ItemStatus.PENDING, ItemStatus.LEASED)).exists()


def _predict(run: BatchRun, leased: deque[RunItem], answers: Answering, *, most: int) -> list[Settled]:
    """A chunk of what is leased: predicted, and the results written, all of them before anything is settled."""
    started = time.monotonic()
    settled: list[Settled] = []
    writes: list[Future[None]] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        while leased and time.monotonic() - started < CHUNK_SECONDS and len(settled) < most:
            each = _predicted(leased.popleft(), answers)
            settled.append(each)
            if each.answer is not None:
                writes.append(pool.submit(write_result, run, each.item, each.answer["prediction"]))
    for write in writes:
        write.result()
    return settled


def _predicted(item: RunItem, answers: Answering) -> Settled:
    """One item, predicted or failed; its error costs itself alone. One whose content is known is not read at all.

    Raises:
        Refused: its storage is away.
    """
    if item.sha256 and (kept := answers.kept(item.sha256)) is not None:
        return Settled(item, answer=kept, kept=True)
    try:
        data = locations.read(locations.parse(item.location), limit=MAX_BYTES)
        if (kept := answers.kept(sha256(data))) is not None:
            return Settled(item, answer=kept, kept=True)
        question = answers.question(item, data)
    except Refused as error:
        if error.status == AWAY:
            raise
        return Settled(item, error=error)
    outcome = child.ask(answers.function, question)
    step("run.item.predicted")
    if outcome.error is not None:
        return Settled(item, error=outcome.error, again=outcome.error.code in RETRIED)
    return Settled(item, answer=outcome.value)
