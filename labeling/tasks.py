"""What workers hear of labeling: a name and an id."""

from celery import shared_task

from labeling import auto_work, selections, simulation_work


@shared_task(name="labeling.execute_review")
def execute_review(task_id: int) -> None:
    """Goes on with a decision about a large selection."""
    selections.execute(task_id)


@shared_task(name="labeling.execute_auto_labeling")
def execute_auto_labeling(task_id: int) -> None:
    """Goes on with an auto labeling task."""
    auto_work.execute(task_id)


@shared_task(name="labeling.execute_simulation")
def execute_simulation(simulation_id: int) -> None:
    """Goes on with a simulation of labeling."""
    simulation_work.execute(simulation_id)
