"""The data of datasets, in reading order: dataset, sample, review, version, tasks."""

from datasets.models.dataset import Dataset, Hold, Label, LabelingJob, SampleCount, Task
from datasets.models.review import Outcome, ReviewEvent, Verb
from datasets.models.sample import (
    Annotation,
    AttributeValue,
    Blob,
    HardReason,
    HardSetBy,
    Origin,
    Prediction,
    Sample,
    SampleAttribute,
    SampleName,
    Status,
    Usage,
)
from datasets.models.tasks import DatasetRemoval, ExportTask, ImportFormat, ImportProblem, ImportTask, TaskStatus
from datasets.models.version import DatasetVersion, VersionStatus

__all__ = [
    "Annotation",
    "AttributeValue",
    "Blob",
    "Dataset",
    "DatasetRemoval",
    "DatasetVersion",
    "ExportTask",
    "HardReason",
    "HardSetBy",
    "Hold",
    "ImportFormat",
    "ImportProblem",
    "ImportTask",
    "Label",
    "LabelingJob",
    "Origin",
    "Outcome",
    "Prediction",
    "ReviewEvent",
    "Sample",
    "SampleAttribute",
    "SampleCount",
    "SampleName",
    "Status",
    "Task",
    "TaskStatus",
    "Usage",
    "Verb",
    "VersionStatus",
]
