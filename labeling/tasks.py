"""What workers hear of labeling: a name and an id."""

from celery import shared_task

from labeling import selections


@shared_task(name="labeling.execute_review")
def execute_review(task_id: int) -> None:
    """Goes on with a decision about a large selection."""
    selections.execute(task_id)
