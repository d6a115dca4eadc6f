"""Puts hostile names into a served Hardmine: `python -m tests.browser.hostile`; the last line is JSON: addresses.

Whatever people or files may name is HTML here, closes attributes and titles, turns the reading direction, and is as
long as it may be without a space.
"""

import json
import os
import secrets
import sys
from dataclasses import replace

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.db import transaction  # noqa: E402
from django.urls import reverse  # noqa: E402

from datasets import creation, review  # noqa: E402
from datasets.intake import Claim, Incoming, take_in  # noqa: E402
from datasets.models import Dataset, LabelingJob  # noqa: E402
from hardexamples.features import EXTRACTOR, VERSION  # noqa: E402
from hardexamples.models import Features  # noqa: E402
from tests.browser.bench import incoming, picture  # noqa: E402
from tests.factories import (  # noqa: E402
    BatchRunFactory,
    BatchServiceFactory,
    FeaturesFactory,
    HardExampleFilterFactory,
    InferenceModelFactory,
    MiningFactory,
)

EVIL = '"><img src=x onerror=alert(1)></title><script>alert(2)</script>\u202e😀'
TAG = secrets.token_hex(2)  # names are unique, however often this runs


def evil(length: int, mark: str = "") -> str:
    """A hostile name of a length, without a place to break it."""
    return f"{TAG}{EVIL}{mark}".ljust(length, "W")[:length]


def samples(dataset: Dataset, claims: list[Claim]) -> None:
    """Two samples that wait, with hostile names, sources and reasons."""
    images: list[Incoming] = []
    for number in range(2):
        made = incoming(picture(f"{number}", number + 90, width=640, height=480), evil(255, f"{number}"), claims, 0.9)
        reasons = [replace(reason, sentence=evil(500), suggestion=evil(500)) for reason in made.reasons]
        images.append(replace(made, reasons=reasons))
    with transaction.atomic():
        take_in(dataset=dataset, incoming=images)
    for number, sha256 in enumerate(dataset.samples.values_list("blob__sha256", flat=True)):
        vector = np.random.default_rng(number).standard_normal(412).astype("<f2")
        if not Features.objects.filter(sha256=sha256, extractor=EXTRACTOR, version=VERSION).exists():
            FeaturesFactory(sha256=sha256, version=VERSION, vector=vector.tobytes())


def pages(dataset: Dataset) -> list[str]:
    """The addresses of a dataset and of its job."""
    job = LabelingJob.objects.get(dataset=dataset, is_default=True)
    sample = dataset.samples.order_by("pk")[0]
    return [
        *(f"{reverse('labeling:job', args=[job.pk])}?tab={tab}" for tab in ("all", "labeled", "to_be_confirmed")),
        f"{reverse('labeling:sample', args=[job.pk, sample.pk])}?tab=all",
        f"{reverse('labeling:sample', args=[job.pk, dataset.samples.order_by('pk')[1].pk])}?tab=all",
        reverse("labeling:progress", args=[job.pk]),
        reverse("labeling:history", args=[job.pk]),
        f"{reverse('labeling:similar')}?samples={sample.pk}&among=dataset:{dataset.pk}",
        reverse("admin:datasets_labelingjob_change", args=[job.pk]),
        reverse("admin:datasets_sample_change", args=[sample.pk]),
        *(reverse(f"admin:datasets_dataset_{name}", args=[dataset.pk]) for name in ("change", "delete", "import_data")),
    ]


if __name__ == "__main__":
    by = User.objects.create_superuser(evil(150), password="hostile-passes-the-gate")
    addresses = []
    for task, box in (("image_classification", None), ("object_detection", (100.0, 80.0, 300.0, 240.0))):
        dataset = creation.create_dataset(name=f"hostile {task} {TAG}", task=task, by=by, labels=[evil(1024), "plain"])
        # the verb refuses such a name; pages do not rely on that
        Dataset.objects.filter(pk=dataset.pk).update(name=evil(100, task[:2]))
        dataset.labeling_jobs.update(name=evil(100))
        samples(dataset, [Claim(evil(1024), box, 0.5)])
        review.confirm(sample_id=dataset.samples.order_by("pk")[0].pk, by=by)
        addresses += pages(dataset)
    model = InferenceModelFactory(name=evil(100), class_names=[evil(1024)], created_by=by)
    service = BatchServiceFactory(
        name=evil(64), description=evil(100), model=model, input_location=f"inputs:{evil(900)}"
    )
    run = BatchRunFactory(service=service, started_by=by)
    chosen = HardExampleFilterFactory(name=evil(100), created_by=by)
    mining = MiningFactory(filter=chosen, subject=evil(100))
    changed = {
        "batchservices_inferencemodel": model,
        "batchservices_batchservice": service,
        "batchservices_batchrun": run,
        "hardexamples_hardexamplefilter": chosen,
        "hardexamples_mining": mining,
        "auth_user": by,
    }
    addresses += [reverse(f"admin:{name}_change", args=[row.pk]) for name, row in changed.items()]
    addresses += [
        reverse(f"admin:{name}_changelist") for name in (*changed, "datasets_dataset", "datasets_labelingjob")
    ]
    addresses += [reverse(f"admin:datasets_{name}_changelist") for name in ("sample", "reviewevent")]
    addresses.append(reverse("admin:index"))
    sys.stdout.write(json.dumps(addresses) + "\n")
