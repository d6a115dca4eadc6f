"""The states of models, runs, their inputs and collections, and which moves between them are legal."""

from django.db import models


class ModelStatus(models.TextChoices):
    CHECKING = "checking", "Checking"
    TRIED = "tried", "Dry run passed"
    READY = "ready", "Ready"
    REFUSED = "refused", "Refused"


MODEL_MOVES = {
    ModelStatus.CHECKING: frozenset({ModelStatus.TRIED, ModelStatus.REFUSED}),
    ModelStatus.TRIED: frozenset({ModelStatus.CHECKING}),
    ModelStatus.READY: frozenset({ModelStatus.CHECKING, ModelStatus.TRIED}),
    ModelStatus.REFUSED: frozenset({ModelStatus.CHECKING}),
}


class RunStatus(models.TextChoices):
    PREPARING = "preparing", "Deploying"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    ALARM = "alarm", "Alarm"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


RUN_MOVES = {
    RunStatus.RUNNING: frozenset({RunStatus.PREPARING}),
    RunStatus.FINISHED: frozenset({RunStatus.RUNNING}),
    RunStatus.ALARM: frozenset({RunStatus.RUNNING}),
    RunStatus.FAILED: frozenset({RunStatus.PREPARING, RunStatus.RUNNING}),
    RunStatus.STOPPED: frozenset({RunStatus.PREPARING, RunStatus.RUNNING}),
}
RETRY_MOVES = {RunStatus.PREPARING: frozenset({RunStatus.ALARM, RunStatus.FAILED, RunStatus.STOPPED})}
ACTIVE_RUN = (RunStatus.PREPARING, RunStatus.RUNNING)


class ItemStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    LEASED = "leased", "In work"
    DONE = "done", "Predicted"
    FAILED = "failed", "Failed"


class CollectionKind(models.TextChoices):
    SYNCHRONIZE = "synchronize", "Synchronize Data to Dataset"
    FILTER = "filter", "Hard Example Filtering"
    RECUT = "recut", "Re-cut"
    CHOSEN = "chosen", "Add to dataset"


class CollectionStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    FILTERING = "filtering", "Filtering"
    IMPORTING = "importing", "Importing"
    DATASET_IMPORTED = "dataset_imported", "Dataset imported"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


COLLECTION_MOVES = {
    CollectionStatus.FILTERING: frozenset({CollectionStatus.WAITING, CollectionStatus.FILTERING}),
    CollectionStatus.IMPORTING: frozenset(
        {CollectionStatus.WAITING, CollectionStatus.FILTERING, CollectionStatus.IMPORTING}
    ),
    CollectionStatus.DATASET_IMPORTED: frozenset({CollectionStatus.IMPORTING}),
    CollectionStatus.FAILED: frozenset(
        {CollectionStatus.WAITING, CollectionStatus.FILTERING, CollectionStatus.IMPORTING}
    ),
    CollectionStatus.STOPPED: frozenset(
        {CollectionStatus.WAITING, CollectionStatus.FILTERING, CollectionStatus.IMPORTING}
    ),
}
ACTIVE_COLLECTION = (CollectionStatus.WAITING, CollectionStatus.FILTERING, CollectionStatus.IMPORTING)
