"""The Celery app: a doorbell, never a store. What is to be done stands in the database.

A worker that is asked to stop gives its work back between two chunks; one whose processes are ended gives it back
wherever they are.
"""

import os
import signal
import socket
import stat
import sys
from types import FrameType

from billiard.common import terminate_handler_fired  # type: ignore[attr-defined]  # missing in the types
from billiard.util import set_pdeathsig  # type: ignore[attr-defined]  # likewise
from celery import Celery
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_process_init, worker_shutting_down
from kombu.transport import filesystem, redis

from config import stopping
from config.files_broker import WholeMessages
from config.redis_broker import SteadyQoS
from config.steady_pool import SteadyPool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# both for a broker of files alone: Redis and RabbitMQ keep messages whole, and hand them out by a pipe for each process
filesystem.Transport.Channel = WholeMessages
TaskPool.BlockingPool = SteadyPool
redis.Channel.QoS = SteadyQoS

if sys.platform == "linux":
    # not SIGTERM: the pool has a handler of its own for that, which takes a second one for a crash
    ORPHANED = signal.SIGRTMIN

app = Celery("hardmine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_shutting_down.connect
def _ask_to_stop(**about: object) -> None:
    stopping.ask()


@worker_process_init.connect
def _leave_with_the_worker(**about: object) -> None:
    if sys.platform == "linux":
        # Celery wants SIGKILL from the kernel when the thread is gone that forked this process, which is lost with its
        # leases then: of one that was started anew that is so whenever its worker stops in order
        signal.signal(ORPHANED, _exit)
        set_pdeathsig(ORPHANED)
        leave_connections_to_the_worker()


def leave_connections_to_the_worker() -> None:
    """Lets go of the worker's connections, which came with the fork. One that the worker closes and this process keeps
    open is reported to the worker again and again (epoll(7)), and cannot be taken off its list: it burns a core."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in map(int, os.listdir("/proc/self/fd")):
        if _is_connection(number):
            os.dup2(nothing, number)  # not closed: what still names it by its number must not close another file
    os.close(nothing)


def _is_connection(number: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return False
    except OSError:  # it was the listing's own
        return False
    with socket.socket(fileno=os.dup(number)) as found:
        return found.family in (socket.AF_INET, socket.AF_INET6)


def _exit(number: int, frame: FrameType | None) -> None:
    """Ends the process by the pool's own handler of SIGTERM, so that its work is given back."""
    # the kernel says it for every thread of the worker that is gone, which is once too often for that handler
    signal.signal(number, _pass)
    if not terminate_handler_fired():
        signal.raise_signal(signal.SIGTERM)


def _pass(number: int, frame: FrameType | None) -> None:
    pass
