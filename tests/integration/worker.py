"""Workers for the fault tests: a process that has loaded everything and forks one worker per line it is told.

It reads `kind pk` and answers with the worker's process id, and when that has ended, with its return code.
"""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.utils import timezone  # noqa: E402  after the setup

from batchservices import choosing, collection, comparison, recutting, registration, running, schedules  # noqa: E402  after the setup
from batchservices.models import BatchRun, BatchService  # noqa: E402
from datasets.models import Dataset  # noqa: E402
from hardexamples.models import Mining  # noqa: E402
from hardexamples.recut import wish  # noqa: E402
from labeling import auto_grouping, auto_labeling, auto_work, selections, simulating, simulation_work  # noqa: E402
from tests import loop  # noqa: E402


def _start(service_id: int) -> None:
    running.start(service=BatchService.objects.get(pk=service_id), by=None)


def _synchronize(service_id: int) -> None:
    collection.synchronize(service=BatchService.objects.get(pk=service_id), dataset_name="all", by=None)


def _register(_: int) -> None:
    registration.register_model(name="another", data=loop.model_bytes(), by=None, profile=loop.PROFILE)


def _recut(mining_id: int) -> None:
    mining = Mining.objects.get(pk=mining_id)
    recutting.recut(mining=mining, wanted=wish(mining=mining, changes={"algo_hard_threshold": 0.5}), by=None)


def _chosen(run_id: int) -> None:
    run = BatchRun.objects.get(pk=run_id)
    choosing.add_inputs(run=run, positions=[0], dataset=Dataset.objects.earliest("pk"), by=None)


def _retry(run_id: int) -> None:
    running.retry(run=BatchRun.objects.get(pk=run_id), by=None)


def _schedule(_: int) -> None:
    schedules.start_due(now=timezone.now())


def _start_auto_labeling(dataset_id: int) -> None:
    by = User.objects.earliest("pk")
    auto_labeling.start_auto_labeling(dataset=Dataset.objects.get(pk=dataset_id), kind="active_learning", by=by)


def _start_auto_grouping(dataset_id: int) -> None:
    dataset, by = Dataset.objects.get(pk=dataset_id), User.objects.earliest("pk")
    auto_grouping.start_auto_grouping(dataset=dataset, attribute="look", groups=3, by=by)


def _start_simulation(dataset_id: int) -> None:
    simulating.simulate_labeling(dataset=Dataset.objects.get(pk=dataset_id), by=None, seeds=2, most_labels=12)


WORK = {
    "auto labeling": auto_work.execute,
    "simulation": simulation_work.execute,
    "review": selections.execute,
    "start auto labeling": _start_auto_labeling,
    "start auto grouping": _start_auto_grouping,
    "start simulation": _start_simulation,
    "check": registration.execute_check,
    "run": running.execute,
    "collection": collection.execute,
    "comparison": comparison.execute,
    "start": _start,
    "synchronize": _synchronize,
    "register": _register,
    "recut": _recut,
    "chosen": _chosen,
    "retry": _retry,
    "schedule": _schedule,
}


def _fork(kind: str, pk: int) -> int:
    pid = os.fork()
    if pid == 0:
        WORK[kind](pk)
        os._exit(0)
    return pid


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        kind, pk = line.rsplit(maxsplit=1)
        worker = _fork(kind, int(pk))
        _answer(worker)
        _, status = os.waitpid(worker, 0)
        _answer(os.waitstatus_to_exitcode(status))
