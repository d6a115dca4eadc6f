"""Puts a dataset of digits, some of them labeled, into a served Hardmine.

`python -m tests.browser.unlabeled <name> [<how many are labeled>]`. The last line is the address of its labeling job.
"""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from datasets import blobs, creation  # noqa: E402
from datasets.intake import Claim, Incoming, take_in  # noqa: E402
from datasets.models import Annotation, Origin, Status  # noqa: E402
from datasets.preparation import Prepared, prepare  # noqa: E402
from tests import loop  # noqa: E402

LABELED, IMAGES, CLASSES = 24, 90, 3


def main(name: str, labeled: int = LABELED) -> None:
    by = User.objects.filter(is_superuser=True).order_by("id")[0]
    dataset = creation.create_dataset(
        name=name, task="image_classification", by=by, labels=[str(number) for number in range(CLASSES)]
    )
    pictures, truth = loop.digits()
    images = []
    for number in [place for place, digit in enumerate(truth) if digit < CLASSES][:IMAGES]:
        data = loop.png(pictures[number])
        prepared = Prepared(**prepare(data))
        blobs.keep(prepared=prepared, data=data)
        known = len(images) < labeled
        images.append(
            Incoming(
                prepared=prepared,
                name=f"digit {number:04}.png",
                source=f"inputs:digit {number:04}.png",
                origin=Origin.IMPORT,
                status=Status.LABELED if known else Status.UNLABELED,
                claims=[Claim(str(truth[number]), by=Annotation.By.HUMAN)] if known else [],
                confirmed_at=timezone.now() if known else None,
                confirmed_by_id=by.pk if known else None,
            )
        )
    with transaction.atomic():
        take_in(dataset=dataset, incoming=images)
    job = dataset.labeling_jobs.get(is_default=True)
    print(f"/admin/labeling/job/{job.pk}/")  # noqa: T201  what the test reads


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
