"""What workers hear: a name and an id. What is to be done stands in the database; unknown ids do nothing."""

from celery import shared_task

from batchservices import collection, comparison, registration, running


@shared_task(name="batchservices.execute_check")
def execute_check(model_id: int) -> None:
    """Inspects and tries a model."""
    registration.execute_check(model_id)


@shared_task(name="batchservices.execute_run")
def execute_run(run_id: int) -> None:
    """Goes on with a run."""
    running.execute(run_id)


@shared_task(name="batchservices.execute_comparison")
def execute_comparison(comparison_id: int) -> None:
    """Goes on with a comparison of two runs."""
    comparison.execute(comparison_id)


@shared_task(name="batchservices.execute_collection")
def execute_collection(task_id: int) -> None:
    """Goes on with a collection."""
    collection.execute(task_id)
