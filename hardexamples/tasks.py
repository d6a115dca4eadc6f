"""Celery's door on learning from reviews."""

from celery import shared_task

from hardexamples import learning_work


@shared_task(name=learning_work.TASK)
def execute_learning(report_id: int) -> None:
    """Reads what people decided, for one filter."""
    learning_work.execute(report_id)
