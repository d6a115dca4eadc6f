"""Rings for work that stands in the database.

A lost ring costs time, never work: the sweeper rings again. Hence a broker that is down is logged and passed over.
"""

import logging
from functools import partial

from django.db import transaction
from kombu.exceptions import OperationalError

from config.celery import app
from config.steps import step

log = logging.getLogger("hardmine.doorbell")


def ring(task: str, pk: int, *, times: int = 1) -> None:
    """Tells the workers, once the current transaction is committed, that there is work on a row.

    Args:
        task: the Celery task's name, "batchservices.execute_run"; it takes the row's id and nothing else.
        pk: the row's id.
        times: how many workers may work on it at once.
    """
    transaction.on_commit(partial(_ring, task, pk, times), robust=True)


def _ring(task: str, pk: int, times: int) -> None:
    step(f"{task}.before_ring")
    try:
        for _ in range(times):
            app.send_task(task, args=[pk], ignore_result=True)
    except (OperationalError, OSError, ValueError) as error:  # the last: files of the broker without their content
        log.warning("The broker does not answer (%s); the sweeper will ring for %s %s.", type(error).__name__, task, pk)
    step(f"{task}.rung")
