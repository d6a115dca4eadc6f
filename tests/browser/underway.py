"""Puts work under way and its ends into a served Hardmine: `python -m tests.browser.underway`; the last line is JSON.

A run that goes on and one that failed, runs that are compared, auto labeling that goes on, failed, and is so sure that
its results can be accepted at once. Nobody is at what goes on: it stands still for as long as anybody looks.
"""

import json
import os
import secrets
import sys
from datetime import timedelta
from itertools import pairwise
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from batchservices import comparison  # noqa: E402
from batchservices.models import BatchRun, RunItem, RunStatus  # noqa: E402
from datasets import holds, review  # noqa: E402
from datasets.intake import Claim  # noqa: E402
from datasets.models import Dataset, Task  # noqa: E402
from labeling import auto_labeling  # noqa: E402
from labeling.models import AutoLabelingStatus, AutoLabelingTask  # noqa: E402
from tests.browser.bench import digits  # noqa: E402
from tests.factories import (  # noqa: E402
    AutoLabelingItemFactory,
    AutoLabelingTaskFactory,
    BatchRunFactory,
    BatchServiceFactory,
)

NOW = timezone.now()
TAG = secrets.token_hex(2)
DIGITS = 90


def held() -> dict[str, Any]:
    """The lease of a worker that is never heard of again, until long after everybody has looked."""
    return {"lease_token": secrets.token_hex(16), "lease_expires_at": NOW + timedelta(hours=6), "attempts": 1}


def run_at_work(like: BatchRun, by: User) -> BatchRun:
    """A run that is a quarter through."""
    service = BatchServiceFactory(name=f"night shift {TAG}", model=like.model, input_location="inputs:street")
    numbers = {"total": 5000, "done": 1240, "failed": 3, "started_at": NOW - timedelta(minutes=4)}
    return BatchRunFactory(service=service, status=RunStatus.RUNNING, started_by=by, **numbers, **held())


def run_failed(like: BatchRun, by: User) -> BatchRun:
    """A run that found nothing to do."""
    service = BatchServiceFactory(name=f"empty yard {TAG}", model=like.model, input_location="inputs:yard")
    error = "There are no images in inputs:yard. Put some there, or choose another location."
    times = {"started_at": NOW - timedelta(hours=2), "finished_at": NOW - timedelta(hours=2) + timedelta(seconds=9)}
    return BatchRunFactory(
        service=service, status=RunStatus.FAILED, started_by=by, error=error, error_code="no_inputs", **times
    )


def otherwise(item: RunItem, names: list[str]) -> dict[str, Any]:
    """What another model says of an input: another label, or boxes elsewhere and one fewer."""
    said = item.prediction or {}
    if "scores" in said:
        label = names[(names.index(said["predicted_label"]) + 1) % len(names)]
        return {"predicted_label": label, "scores": [[label, "0.700"], [said["predicted_label"], "0.300"]]}
    moved = [[place + 0.2 * (box[2] - box[0]) for place in box] for box in said["detection_boxes"]]
    parts = {"detection_boxes": moved, **{name: said[name] for name in ("detection_classes", "detection_scores")}}
    return {**said, **{name: part[item.position % 2 :] for name, part in parts.items()}}


def compared(run: BatchRun, by: User) -> str:
    """The page of a run beside one that said something else about every third input."""
    kept = {field: getattr(run, field) for field in ("profile", "filter_settings", "total", "done", "failed")}
    times = {"started_at": NOW - timedelta(days=1), "finished_at": NOW - timedelta(days=1) + timedelta(minutes=2)}
    other = BatchRunFactory(service=run.service, started_by=by, **kept, **times)
    items = list(run.items.all())
    for item in items:
        if item.position % 3 == 0 and item.prediction:
            item.prediction = otherwise(item, run.profile["class_names"])
            item.predicted_label = item.prediction.get("predicted_label", item.predicted_label)
        item.pk, item.run = None, other
    RunItem.objects.bulk_create(items)
    made = comparison.compare(run=run, other=other, by=by)
    comparison.execute(made.pk)
    return f"{reverse('admin:batchservices_batchrun_compare', args=[run.pk])}?other={other.pk}"


def events(*names: str, last: str) -> list[dict[str, str | None]]:
    """Events of a task, a minute each; the last one is as it says."""
    times = [(NOW - timedelta(minutes=len(names) - place)).isoformat() for place in range(len(names) + 1)]
    told = [
        {"name": name, "status": "success", "begun": begun, "ended": ended}
        for name, (begun, ended) in zip(names, pairwise(times), strict=True)
    ]
    told[-1] |= {"status": last, "ended": None if last == "running" else told[-1]["ended"]}
    return told


def labeled_by_itself(dataset: Dataset, truth: dict[str, str], by: User) -> tuple[AutoLabelingTask, AutoLabelingTask]:
    """A task that has labeled a dataset, most of which people have decided at random since; and one that goes on."""
    learned = {"labeled": 900, "classifier": "logistic regression", "accuracy": 0.981, "log_loss": 0.071}
    learned |= {"others": {"support vector machine": 0.09, "nearest neighbors": 0.2}}
    numbers = {"total": DIGITS, "done": DIGITS, "proposed": DIGITS, "hard": 31, "share": 1.0, "learned": learned}
    ended = AutoLabelingTaskFactory(
        dataset=dataset,
        status=AutoLabelingStatus.SUCCEEDED,
        algorithm="fast",
        created_by=by,
        events=events("start", "init", "labeling", "result_processing", "end", last="success"),
        **numbers,
    )
    for sample in dataset.samples.order_by("pk"):
        sample.confidence = 0.97 if sample.predicted_label == truth[sample.name] else 0.52
        sample.save(update_fields=["confidence"])
        said = {"predicted_label": sample.predicted_label, "scores": [[sample.predicted_label, "0.990"]]}
        told = {"predicted_label": sample.predicted_label, "confidence": sample.confidence, "prediction": said}
        AutoLabelingItemFactory(task=ended, sample=sample, **told)
    for sample in dataset.samples.order_by("-lot")[: DIGITS - 12]:
        review.confirm(sample_id=sample.pk, by=by, claims=[Claim(truth[sample.name])])
    AutoLabelingTaskFactory(
        dataset=dataset,
        status=AutoLabelingStatus.FAILED,
        algorithm="accurate",
        created_by=by,
        error="There are fewer than five labeled images of 7.",
        error_code="too_few_labeled",
        events=events("start", "init", last="failed"),
    )
    going_on = AutoLabelingTaskFactory(
        dataset=dataset,
        status=AutoLabelingStatus.RUNNING,
        algorithm="accurate",
        created_by=by,
        total=8000,
        done=3600,
        share=0.45,
        started_at=NOW - timedelta(minutes=2),
        events=events("start", "init", "labeling", last="running"),
        **held(),
    )
    words = f"{going_on.get_kind_display()} labels it."
    link = auto_labeling.page_of(going_on)
    holds.place(dataset=dataset, key=auto_labeling.hold_key(going_on), kind=auto_labeling.HOLD, words=words, link=link)
    return ended, going_on


if __name__ == "__main__":
    admin = User.objects.filter(is_superuser=True).earliest("pk")
    ended = BatchRun.objects.filter(status=RunStatus.FINISHED, done__gt=0)
    classified = ended.filter(model__task=Task.IMAGE_CLASSIFICATION).earliest("pk")
    detected = ended.filter(model__task=Task.OBJECT_DETECTION).earliest("pk")
    at_work, failed = run_at_work(classified, admin), run_failed(classified, admin)
    dataset, truth = digits(f"sorted at night {TAG}", admin, DIGITS)
    sure, going_on = labeled_by_itself(dataset, truth, admin)
    job = dataset.labeling_jobs.get(is_default=True)
    said = {
        "run-at-work": reverse("admin:batchservices_batchrun_change", args=[at_work.pk]),
        "run-failed": reverse("admin:batchservices_batchrun_change", args=[failed.pk]),
        "service-at-work": reverse("admin:batchservices_batchservice_change", args=[at_work.service_id]),
        "compared-labels": compared(classified, admin),
        "compared-boxes": compared(detected, admin),
        "auto-history": reverse("labeling:auto_tasks", args=[job.pk]),
        "auto-accept": reverse("labeling:auto_task", args=[job.pk, sure.pk]),
        "auto-at-work": reverse("labeling:auto_task", args=[job.pk, going_on.pk]),
        "grid-auto-at-work": f"{reverse('labeling:job', args=[job.pk])}?tab=to_be_confirmed",
        "grid-random": f"{reverse('labeling:job', args=[job.pk])}?tab=to_be_confirmed&order=random",
        "today-at-work": reverse("admin:index"),
    }
    sys.stdout.write(json.dumps(said) + "\n")
