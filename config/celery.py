"""The Celery app: a doorbell, never a store. What is to be done stands in the database.

A worker that is asked to stop gives its work back between two chunks; one whose processes are ended gives it back
wherever they are.
"""

import os
import signal
import sys
from types import FrameType

from celery import Celery
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_process_init, worker_shutting_down

from config import stopping
from config.steady_pool import SteadyPool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TaskPool.BlockingPool = SteadyPool  # the other pool, for Redis and RabbitMQ, has a pipe for each process

app = Celery("hardmine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_shutting_down.connect
def _ask_to_stop(**about: object) -> None:
    stopping.ask()


@worker_process_init.connect
def _leave_in_order(**about: object) -> None:
    signal.signal(signal.SIGTERM, _exit)  # Celery's default ends the process on the spot, with its leases


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
