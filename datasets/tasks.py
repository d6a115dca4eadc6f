"""Celery's doors on the long verbs of datasets."""

from celery import shared_task

from datasets import importing, publishing, removal


@shared_task(name="datasets.execute_publishing")
def execute_publishing(version_id: int) -> None:
    """Writes a version."""
    publishing.execute(version_id)


@shared_task(name="datasets.execute_import")
def execute_import(task_id: int) -> None:
    """Goes on with an import."""
    importing.execute(task_id)


@shared_task(name=removal.TASK)
def execute_removal(removal_id: int) -> None:
    """Goes on with clearing away what a removed dataset held."""
    removal.execute(removal_id)
