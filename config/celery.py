"""The Celery app: a doorbell, never a store. What is to be done stands in the database.

A worker that is asked to stop gives its work back between two chunks; one whose processes are ended gives it back
wherever they are.
"""

import os
import signal
import sys
from types import FrameType

from billiard.util import set_pdeathsig  # type: ignore[attr-defined]  # missing in the types
from celery import Celery
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_process_init, worker_shutting_down
from kombu.transport import filesystem

from config import stopping
from config.files_broker import WholeMessages
from config.steady_pool import SteadyPool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# both for a broker of files alone: Redis and RabbitMQ keep messages whole, and hand them out by a pipe for each process
filesystem.Transport.Channel = WholeMessages
TaskPool.BlockingPool = SteadyPool

app = Celery("hardmine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_shutting_down.connect
def _ask_to_stop(**about: object) -> None:
    stopping.ask()


@worker_process_init.connect
def _leave_in_order(**about: object) -> None:
    signal.signal(signal.SIGTERM, _exit)  # Celery's default ends the process on the spot, with its leases
    if sys.platform == "linux":
        # Celery wants SIGKILL from the kernel when the thread is gone that forked this one: of a process that was
        # started anew that is so whenever its worker stops in order
        set_pdeathsig(signal.SIGTERM)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
