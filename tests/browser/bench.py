"""Puts work for reviewers into a served Hardmine: `python -m tests.browser.bench <name>`; the last line is JSON.

Fifty digits, 15 of them predicted wrong, ten pictures whose boxes are off, and datasets of four digits. Names of labels
and sentences of reasons hold HTML.
"""

import io
import json
import os
import random
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.db import transaction  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402

from datasets import blobs, creation  # noqa: E402
from datasets.intake import Claim, Incoming, Reason, Words, take_in  # noqa: E402
from datasets.models import Dataset, Origin, Status  # noqa: E402
from datasets.preparation import Prepared, prepare  # noqa: E402

DIGITS, WRONG, PICTURES, FEW = 50, 15, 10, 4
EVIL = "<img src=x onerror=alert(1)>"


def picture(words: str, number: int, *, width: int, height: int) -> bytes:
    """A picture with words in it; other numbers give other bytes."""
    shade = random.Random(number).randrange(150, 256)
    image = Image.new("RGB", (width, height), (shade, 255 - number, shade))
    ImageDraw.Draw(image).text((width / 3, height / 5), words, fill="black", font_size=height // 2)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def incoming(data: bytes, name: str, claims: list[Claim], coefficient: float) -> Incoming:
    """An image that a filter flagged."""
    prepared = Prepared(**prepare(data))
    blobs.keep(prepared=prepared, data=data)
    first = claims[0]
    scores = [[first.label, str(first.confidence)], ["another", "0.2"]]
    return Incoming(
        prepared=prepared,
        name=name,
        source=f"inputs:{name}",
        origin=Origin.FILTER,
        status=Status.TO_BE_CONFIRMED,
        claims=claims,
        prediction=Words("m:p", "model 1", first.label, first.confidence, {"scores": scores}),
        hard=True,
        hard_coefficient=coefficient,
        reasons=[
            Reason(1, "low_confidence", 0.9, 0.1, 0.4, 1.0, f"The answer is unsure. {EVIL}", "Add such images."),
            Reason(7, "image_distribution", 0.6, 0.18, 0.31, 0.77, "Brightness 0.18; in training 0.31 to 0.77."),
        ],
    )


def digits(name: str, by: User, many: int) -> tuple[Dataset, dict[str, str]]:
    """Digits, every third of the first 45 predicted wrong, and the truth by file name."""
    dataset = creation.create_dataset(
        name=name, task="image_classification", by=by, labels=[*(str(number) for number in range(1, 10)), EVIL]
    )
    images, truth = [], {}
    for number in range(many):
        label = str(1 + number % 9)
        said = str(1 + (number + 1) % 9) if number % 3 == 0 and number < 3 * WRONG else label
        file = f"digit {number:02}.png"
        truth[file] = label
        claim = Claim(said, confidence=0.5)
        images.append(incoming(picture(label, number, width=64, height=64), file, [claim], 0.9 - number / 100))
    with transaction.atomic():
        take_in(dataset=dataset, incoming=images)
    return dataset, truth


def boxes(name: str, by: User) -> Dataset:
    """Ten pictures with two boxes each, one of them doubtful."""
    dataset = creation.create_dataset(name=name, task="object_detection", by=by, labels=["cat", "dog", EVIL])
    images = []
    for number in range(PICTURES):
        claims = [
            Claim("cat", (100.125 + number, 80.7, 300.25, 240.0), 0.9),
            Claim("dog", (350.0, 200.0, 520.5, 400.0 - number), 0.3, hard=True, hard_coefficient=0.7),
        ]
        data = picture(f"{number}", number, width=640, height=480)
        images.append(incoming(data, f"yard {number:02} {EVIL}.png", claims, 0.9 - number / 100))
    with transaction.atomic():
        take_in(dataset=dataset, incoming=images)
    return dataset


def address(dataset: Dataset) -> str:
    """The page of the hardest sample."""
    job = dataset.labeling_jobs.get(is_default=True)
    hardest = dataset.samples.order_by("-hard_coefficient").first()
    assert hardest is not None
    return f"/admin/labeling/job/{job.pk}/sample/{hardest.pk}/?tab=to_be_confirmed"


def reviewer(name: str) -> tuple[str, str]:
    """A superuser and the password."""
    password = f"{name}-passes-the-gate"
    User.objects.create_superuser(name, password=password)
    return name, password


if __name__ == "__main__":
    prefix = sys.argv[1]
    people = [reviewer(f"{prefix}-{name}") for name in ("rita", "fred")]
    by = User.objects.get(username=people[0][0])
    sorted_digits, truth = digits(f"{prefix} digits", by, DIGITS)
    drawings = {name: boxes(f"{prefix} {name}", by) for name in ("yards", "sheds", "lofts", "attics", "barns")}
    said = {
        "people": people,
        "digits": {"dataset": sorted_digits.pk, "address": address(sorted_digits), "truth": truth},
        **{name: {"dataset": each.pk, "address": address(each)} for name, each in drawings.items()},
        "few": [
            {"dataset": some.pk, "address": address(some)}
            for some, _ in (digits(f"{prefix} few {number}", by, FEW) for number in range(8))
        ],
    }
    sys.stdout.write(json.dumps(said) + "\n")
