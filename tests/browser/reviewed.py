"""Puts a week of reviewing into a served Hardmine: `python -m tests.browser.reviewed`; the last line is JSON.

Three people went through digits and pictures: corrections of every kind, a batch that was undone, one that a worker is
at. The pages of progress and history have something to show.
"""

import json
import os
import secrets
import sys
from datetime import datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from datasets import bulk_review, deletion, review, undoing  # noqa: E402
from datasets.intake import Claim  # noqa: E402
from datasets.models import Dataset, ReviewEvent, Sample  # noqa: E402
from labeling.models import ReviewTaskStatus  # noqa: E402
from tests.browser.bench import boxes, digits  # noqa: E402
from tests.factories import ReviewTaskFactory  # noqa: E402

DIGITS = 60
SESSIONS = 12
PACE = timedelta(seconds=9)


def decide_digits(dataset: Dataset, truth: dict[str, str], people: list[User]) -> None:
    """Batches; then the hardest ones, one by one."""
    samples = list(dataset.samples.order_by("-hard_coefficient"))
    rest = [sample.pk for sample in samples[44:]]
    bulk_review.confirm_many(sample_ids=rest[:9], by=people[1], batch=(wrong := secrets.token_hex(16)))
    undoing.undo_batch(batch=wrong, by=people[1], dataset=dataset)
    bulk_review.mark_hard(samples=rest[9:14], by=people[2], batch=secrets.token_hex(16))
    bulk_review.unmark_hard(samples=rest[:6], by=people[0], batch=secrets.token_hex(16))
    for place, sample in enumerate(samples[:44]):
        by = people[place * 5 // 3 % len(people)]
        if place % 11 == 5:
            review.reject(sample_id=sample.pk, by=by)
        else:
            review.confirm(sample_id=sample.pk, by=by, claims=[Claim(truth[sample.name])])
    undoing.undo(event_id=ReviewEvent.objects.filter(sample=samples[3]).latest("pk").pk, by=people[0])
    deletion.delete_samples(samples=rest[-1:], by=people[2])


def decide_boxes(dataset: Dataset, people: list[User]) -> None:
    """Boxes as they were, moved, added, removed and with another label."""
    for place, sample in enumerate(dataset.samples.order_by("-hard_coefficient")[:8]):
        cat, dog = (
            Claim(one.label.name, (one.xmin, one.ymin, one.xmax, one.ymax))
            for one in sample.annotations.select_related("label").order_by("pk")
        )
        there = [
            [cat, dog],
            [Claim("cat", (90.0, 70.0, 310.0, 260.0)), dog],
            [cat, dog, Claim("dog", (10.0, 20.0, 60.0, 80.0))],
            [cat],
            [cat, Claim("cat", dog.box)],
        ][place % 5]
        review.confirm(sample_id=sample.pk, by=people[place % 2], claims=there)


def spread(dataset: Dataset, now: datetime) -> None:
    """The events of a dataset over the days before, a session each, the latest one just now."""
    events = list(dataset.review_events.order_by("-pk"))
    for place, event in enumerate(events):
        session = place * SESSIONS // len(events)
        event.at = now - session * timedelta(hours=11) - place * PACE
    ReviewEvent.objects.bulk_update(events, ["at"])


def at_work(dataset: Dataset, by: User, now: datetime) -> None:
    """A decision about many samples that some worker is at, and will be for as long as anybody looks."""
    working = {"verb": "mark_hard", "total": 3412, "cursor": 1200, "changed": 1187, "passed_over": 13}
    held = {"lease_token": secrets.token_hex(16), "lease_expires_at": now + timedelta(hours=6), "attempts": 1}
    ReviewTaskFactory(dataset=dataset, created_by=by, started_at=now - timedelta(seconds=40), **working, **held)
    ended = {"verb": "confirm", "total": 812, "cursor": 812, "changed": 790, "passed_over": 15, "overtaken": 7}
    ReviewTaskFactory(
        dataset=dataset,
        created_by=by,
        status=ReviewTaskStatus.FINISHED,
        started_at=now - timedelta(minutes=3),
        finished_at=now - timedelta(minutes=2),
        **ended,
    )


if __name__ == "__main__":
    now, tag = timezone.now(), secrets.token_hex(2)
    people = [User.objects.create_user(f"{name}-{tag}", is_staff=True) for name in ("amira", "jonas", "wei")]
    admin = User.objects.filter(is_superuser=True).earliest("pk")
    sorted_digits, truth = digits(f"meter readings {tag}", admin, DIGITS)
    yards = boxes(f"back yards {tag}", admin)
    decide_digits(sorted_digits, truth, people)
    decide_boxes(yards, people)
    for dataset in (sorted_digits, yards):
        spread(dataset, now)
    at_work(sorted_digits, admin, now)
    job = sorted_digits.labeling_jobs.get(is_default=True)
    other = yards.labeling_jobs.get(is_default=True)
    seen: Sample = sorted_digits.samples.order_by("-hard_coefficient")[1]
    said = {
        "progress-day": f"{reverse('labeling:progress', args=[job.pk])}?span=day",
        "progress-week": f"{reverse('labeling:progress', args=[job.pk])}?span=week",
        "progress-boxes": reverse("labeling:progress", args=[other.pk]),
        "history-digits": reverse("labeling:history", args=[job.pk]),
        "history-boxes": reverse("labeling:history", args=[other.pk]),
        "sample-decided": f"{reverse('labeling:sample', args=[job.pk, seen.pk])}?tab=labeled",
        "grid-task": f"{reverse('labeling:job', args=[job.pk])}?tab=all",
    }
    sys.stdout.write(json.dumps(said) + "\n")
