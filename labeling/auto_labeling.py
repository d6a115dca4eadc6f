"""Auto labeling tasks: what must hold before one, its start, its stop, and its end.

Tasks of one dataset run one after another in the order in which they were started.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from batchservices.deployment import check_mapping
from batchservices.models import InferenceModel, ModelStatus
from batchservices.registration import predictor_of
from config.doorbell import ring
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.steps import step
from datasets import holds
from datasets.models import Dataset, DatasetVersion, Sample, Status, Task, VersionStatus
from hardexamples.filters import preset, settings_of
from hardexamples.models import MINING_MOVES, HardExampleFilter, Mining, MiningStatus
from labeling.models import AUTO_LABELING_MOVES, AutoLabelingStatus, AutoLabelingTask

HOLD = "auto_labeling"
TASK = "labeling.execute_auto_labeling"
FEWEST_LABELS, FEWEST_IMAGES = 2, 5
MOST_WAITING = 10
Kind, Algorithm = AutoLabelingTask.Kind, AutoLabelingTask.Algorithm


def start_auto_labeling(
    *,
    dataset: Dataset,
    kind: str,
    by: User,
    algorithm: str = Algorithm.FAST,
    model: InferenceModel | None = None,
    label_mapping: dict[str, str] | None = None,
    filter: HardExampleFilter | None = None,
) -> AutoLabelingTask:
    """A task that labels what is unlabeled and finds the hard examples of it; workers go on with it, after those of the
    dataset that were started before.

    Args:
        dataset: whose unlabeled samples.
        kind: "active_learning" learns from the labeled samples, "pre_labeling" asks a model.
        by: who starts it.
        algorithm: of active learning: "fast" learns from the labeled samples alone, "accurate" from the others, too.
        model: what pre-labels; of active learning, the classifier whose activations are learned from, or None for the
            built-in descriptor.
        label_mapping: of pre-labeling, class of the model -> label; a class that is not named is mapped to the label of
            the same name.
        filter: how hard examples are found; None: "Hardmine default".

    Raises:
        Refused: unknown_kind, unknown_algorithm, no_model, model_not_ready (409), model_elsewhere, no_activations,
            type_mismatch, unmapped_classes, publishing (409), too_many_tasks (409); as `check`.
    """
    if kind not in (Kind.ACTIVE_LEARNING, Kind.PRE_LABELING):
        raise Refused("unknown_kind", "Choose active learning or pre-labeling.", field="kind")
    if kind == Kind.ACTIVE_LEARNING and algorithm not in Algorithm.values:
        raise Refused("unknown_algorithm", "The algorithm is fast or accurate.", field="algorithm")
    chosen = filter or preset()
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        check_not_publishing(dataset)
        check(dataset=dataset, kind=kind)
        mapping = check_model(dataset, kind, model, label_mapping or {})
        task = AutoLabelingTask(
            dataset=dataset,
            kind=kind,
            algorithm=algorithm if kind == Kind.ACTIVE_LEARNING else "",
            **frozen_model(model),
            label_mapping=mapping,
            filter=chosen,
            filter_settings=settings_of(chosen).as_dict(),
            created_by=by,
        )
        enqueue(task)
    step("auto_labeling.start.committed")
    return task


def enqueue(task: AutoLabelingTask) -> None:
    """Puts a new task behind those of its dataset, inside the caller's transaction.

    Raises:
        Refused: too_many_tasks (409).
    """
    dataset = task.dataset
    if dataset.auto_labeling_tasks.filter(status__in=AutoLabelingTask.WORKING).count() > MOST_WAITING:
        words = f"{MOST_WAITING} auto labeling tasks of {dataset.name} wait already. Wait for them, or stop some."
        raise Refused("too_many_tasks", words, status=409)
    task.events = [_event("start", "success")]
    task.save()
    does = "groups" if task.kind == Kind.AUTO_GROUPING else "labels"
    words = f"{task.get_kind_display()} {does} it."
    holds.place(dataset=dataset, key=hold_key(task), kind=HOLD, words=words, link=page_of(task))
    ring(TASK, task.pk)


def check_not_publishing(dataset: Dataset) -> None:
    """Raises Refused: publishing (409)."""
    if DatasetVersion.objects.filter(dataset=dataset, status=VersionStatus.PUBLISHING).exists():
        words = f"A version of {dataset.name} is being published. Start when that is done."
        raise Refused("publishing", words, status=409)


def check(*, dataset: Dataset, kind: str) -> None:
    """What must hold of a dataset when a task is started, and when it begins.

    Raises:
        Refused: too_few_labels, too_few_labeled, nothing_unlabeled (409), needs_a_detector (409).
    """
    if kind == Kind.ACTIVE_LEARNING:
        if dataset.task != Task.IMAGE_CLASSIFICATION:
            words = (
                "Active learning labels whole images. Boxes need a detector that proposes them: register one, and "
                "choose pre-labeling."
            )
            raise Refused("needs_a_detector", words, status=409, field="kind")
        _check_labeled(dataset)
    elif kind == Kind.PRE_LABELING and not dataset.labels.exists():
        raise Refused("too_few_labels", f"{dataset.name} has no labels. Add labels first.", status=409)
    if not Sample.objects.filter(dataset=dataset, status=Status.UNLABELED).exists():
        words = f"{dataset.name} has no unlabeled image. At least one is needed."
        raise Refused("nothing_unlabeled", words, status=409)


def _check_labeled(dataset: Dataset) -> None:
    labeled = Q(annotations__sample__status=Status.LABELED)
    number = Count("annotations__sample", filter=labeled, distinct=True)
    counts = dict(dataset.labels.annotate(number=number).order_by("name").values_list("name", "number"))
    if len(counts) < FEWEST_LABELS:
        words = f"At least two labels are needed; {dataset.name} has {len(counts)}."
        raise Refused("too_few_labels", words, status=409)
    lacking = [f"{name} ({number})" for name, number in counts.items() if number < FEWEST_IMAGES]
    if lacking:
        some = ", ".join(lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
        words = f"At least five labeled images are needed for each label. Fewer have: {some}."
        raise Refused("too_few_labeled", words, status=409)


def check_model(
    dataset: Dataset, kind: str, model: InferenceModel | None, label_mapping: dict[str, str]
) -> dict[str, str]:
    """Whether a model, or None, can do a kind of task on a dataset.

    Returns:
        The mapping of its classes to labels, {} where they do not matter.

    Raises:
        Refused: as `start_auto_labeling` says of the model.
    """
    if model is None:
        if kind == Kind.PRE_LABELING:
            raise Refused("no_model", "Choose the model that labels.", field="model")
        return {}
    check_can_be_asked(model)
    if model.task != dataset.task:
        words = f"{dataset.name} is for {dataset.get_task_display().lower()}, {model} is not. Choose another model."
        raise Refused("type_mismatch", words, field="model")
    if kind == Kind.PRE_LABELING:
        return check_mapping(model.class_names, dataset, label_mapping)
    check_has_activations(model)
    return {}


def check_can_be_asked(model: InferenceModel) -> None:
    """Raises Refused: model_not_ready (409), model_elsewhere."""
    if model.status != ModelStatus.READY:
        words = f"The model {model} is not ready: {model.error or model.get_status_display()}"
        raise Refused("model_not_ready", words, status=409, field="model")
    if model.elsewhere:
        words = f"{model} runs elsewhere, so it cannot be asked here. Take in its results as a batch service."
        raise Refused("model_elsewhere", words, field="model")


def check_has_activations(model: InferenceModel) -> None:
    """Raises Refused: no_activations."""
    if not model.activations_tensor:
        words = f"{model} shows no activations to learn from. Choose the built-in descriptor, or another model."
        raise Refused("no_activations", words, field="model")


def frozen_model(model: InferenceModel | None) -> dict[str, Any]:
    """The columns of a task that say by which model it goes; none without one."""
    if model is None:
        return {}
    return {
        "model": model,
        "model_name": str(model),
        "model_sha256": model.sha256,
        "profile": model.profile,
        "activations_tensor": model.activations_tensor,
        "predictor": predictor_of(model),
    }


def stop(*, task: AutoLabelingTask, by: User) -> None:
    """Stops a task; nothing comes of it. The next one of the dataset begins.

    Raises:
        Refused: illegal_status_change (409) for one that has ended.
    """
    with transaction.atomic():
        end(task.pk, AutoLabelingStatus.STOPPED, changes={"stop_requested": True})
    task.refresh_from_db()


def end(task_id: int, status: AutoLabelingStatus, *, changes: dict[str, Any]) -> None:
    """Ends a task, inside the caller's transaction: the hold is lifted, the next one of the dataset may begin.

    Raises:
        Refused: illegal_status_change (409) where it has ended.
    """
    task = AutoLabelingTask.objects.select_related("dataset").get(pk=task_id)
    succeeded = status == AutoLabelingStatus.SUCCEEDED
    values = {
        "events": turned(task.events, "end" if succeeded else "", ended="success" if succeeded else "failed"),
        "finished_at": timezone.now(),
        "lease_token": "",
        "lease_expires_at": None,
        "waits_for": "",
        "model": None,
        **changes,
    }
    move_one(AutoLabelingTask.objects.filter(pk=task_id), moves=AUTO_LABELING_MOVES, to=status, changes=values)
    if not succeeded and task.mining_id is not None:
        to = MiningStatus.STOPPED if status == AutoLabelingStatus.STOPPED else MiningStatus.FAILED
        ended = {"finished_at": timezone.now()}
        move(Mining.objects.filter(pk=task.mining_id), moves=MINING_MOVES, to=to, changes=ended)
    holds.lift(dataset=task.dataset, key=hold_key(task))
    waiting = AutoLabelingTask.objects.filter(dataset=task.dataset, status=AutoLabelingStatus.WAITING).order_by("id")
    following = waiting.values_list("pk", flat=True).first()
    if following is not None:
        ring(TASK, following)


def turned(events: list[dict[str, Any]], name: str, *, ended: str = "success") -> list[dict[str, Any]]:
    """The events with the one under way ended, and the next one begun where it has a name; "end" ends at once. Again
    changes nothing."""
    if events and events[-1]["name"] == name:
        return events
    now = timezone.now().isoformat()
    told = [{**event, "status": ended, "ended": now} if event["status"] == "running" else event for event in events]
    return [*told, _event(name, "success" if name == "end" else "running")] if name else told


def _event(name: str, status: str) -> dict[str, Any]:
    now = timezone.now().isoformat()
    return {"name": name, "status": status, "begun": now, "ended": None if status == "running" else now}


def hold_key(task: AutoLabelingTask) -> str:
    """The key of the hold that a task has on its dataset."""
    return f"auto-labeling-{task.pk}"


def page_of(task: AutoLabelingTask) -> str:
    """The page of a task."""
    job = task.dataset.labeling_jobs.filter(is_default=True).first()
    return reverse("labeling:auto_task", args=[job.pk, task.pk]) if job else ""
