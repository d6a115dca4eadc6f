"""The admin of datasets, samples, versions, imports and labeling jobs."""

from datasets.admin.dataset import DatasetAdmin
from datasets.admin.job import LabelingJobAdmin
from datasets.admin.sample import SampleAdmin
from datasets.admin.work import ImportTaskAdmin, ReviewEventAdmin, VersionAdmin

__all__ = ["DatasetAdmin", "ImportTaskAdmin", "LabelingJobAdmin", "ReviewEventAdmin", "SampleAdmin", "VersionAdmin"]
