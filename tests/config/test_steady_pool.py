"""Whoever is killed takes no work away from the others."""

import subprocess
import sys
import textwrap

from celery.concurrency.prefork import TaskPool

from config.steady_pool import SteadyPool

KILLED = """
    import contextlib, os, signal
    from config.steady_pool import SteadyPool

    def works():
        job = pool.apply_async(os.getpid)
        job.wait(40)
        return job.ready() and job.successful()

    pool = SteadyPool(2, lost_worker_timeout=1)
    done = []
    for _ in range(5):
        for process in list(pool._pool):  # one of them with a lock in its hand, or half a message
            with contextlib.suppress(ProcessLookupError, TypeError):  # gone already, or not there yet
                os.kill(process.pid, signal.SIGKILL)
        done.append(works() or works())  # the first may have been taken by one that was dying
    pool.close()
    pool.join()
    print(*done, flush=True)
    os._exit(0)
"""


def test_work_goes_on_after_all_processes_were_killed() -> None:
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert said.stdout == "True True True True True\n", said.stderr


def test_celery_takes_this_pool_for_brokers_that_are_polled() -> None:
    assert TaskPool.BlockingPool is SteadyPool
