"""How models, services, runs and collection tasks look on a page: states with a tone, counts, links."""

from django.urls import reverse
from django.utils.safestring import SafeString

from batchservices.models import BatchRun, CollectionStatus, CollectionTask, InferenceModel, ModelStatus, RunStatus
from batchservices.words import Outlook
from config.figures import dot
from datasets.models import LabelingJob, Status

MODEL_TONES: dict[str, str] = {
    ModelStatus.CHECKING: "busy",
    ModelStatus.TRIED: "warn",
    ModelStatus.READY: "good",
    ModelStatus.REFUSED: "bad",
}
RUN_TONES: dict[str, str] = {
    RunStatus.PREPARING: "busy",
    RunStatus.RUNNING: "busy",
    RunStatus.FINISHED: "good",
    RunStatus.ALARM: "warn",
    RunStatus.FAILED: "bad",
    RunStatus.STOPPED: "calm",
}
COLLECTION_TONES: dict[str, str] = {
    CollectionStatus.WAITING: "busy",
    CollectionStatus.FILTERING: "busy",
    CollectionStatus.IMPORTING: "busy",
    CollectionStatus.DATASET_IMPORTED: "good",
    CollectionStatus.FAILED: "bad",
    CollectionStatus.STOPPED: "calm",
}


def state_of_model(model: InferenceModel) -> SafeString:
    return dot(model.get_status_display(), MODEL_TONES[model.status])


def state_of_run(status: str | None) -> SafeString:
    """The state of a run by its status; None: the service was never started."""
    return dot(RunStatus(status).label, RUN_TONES[status]) if status else dot("Not started yet", "calm")


def state_of_collection(task: CollectionTask) -> SafeString:
    return dot(task.get_status_display(), COLLECTION_TONES[task.status])


OUTLOOK_TONES = {label: COLLECTION_TONES[status] for status, label in CollectionStatus.choices}


def outlook_state(expected: Outlook) -> SafeString:
    """The state of a service's filtering; one that waits for people or for a run is calm."""
    return dot(expected.state, OUTLOOK_TONES.get(expected.state, "calm"))


def state_of(work: BatchRun | CollectionTask) -> SafeString:
    return state_of_run(work.status) if isinstance(work, BatchRun) else state_of_collection(work)


def page_of_model(pk: int) -> str:
    return reverse("admin:batchservices_inferencemodel_change", args=[pk])


def page_of_service(pk: int, tab: str = "details") -> str:
    return f"{reverse('admin:batchservices_batchservice_change', args=[pk])}?tab={tab}"


def page_of_collection(task: CollectionTask) -> str:
    return reverse("admin:batchservices_batchservice_task", args=[task.service_id, task.pk])


def page_of_run(pk: int) -> str:
    return reverse("admin:batchservices_batchrun_change", args=[pk])


def grids_of(datasets: set[int], status: str = Status.TO_BE_CONFIRMED) -> dict[int, str]:
    """For each dataset, by id, the address of the tab of its default labeling job where samples of `status` are."""
    jobs = LabelingJob.objects.filter(dataset__in=datasets, is_default=True).values_list("dataset_id", "pk")
    return {dataset: f"{reverse('labeling:job', args=[job])}?tab={status}" for dataset, job in jobs}
