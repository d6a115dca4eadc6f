"""Commands that do long work themselves, beside workers that may have taken it already."""

import pytest

from datasets.models import ImportTask, TaskStatus
from datasets.waiting import until_ended
from tests.factories import ImportTaskFactory


@pytest.mark.django_db
def test_a_command_waits_for_work_that_a_worker_has_taken() -> None:
    """It reports the end, not the moment at which it found the work taken."""
    task = ImportTaskFactory(status=TaskStatus.WAITING)
    states = iter([TaskStatus.RUNNING, TaskStatus.RUNNING, TaskStatus.COMPLETED])
    until_ended(task, lambda pk: ImportTask.objects.filter(pk=pk).update(status=next(states)) and None, every=0)
    assert task.status == TaskStatus.COMPLETED
