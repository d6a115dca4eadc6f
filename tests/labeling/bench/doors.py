"""How the tests of the bench knock at its doors."""

import json
import secrets

from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, Sample, Status
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.conftest import rights

QUEUE = "?tab=to_be_confirmed"


def named_digits() -> Dataset:
    dataset = DatasetFactory(name="digits")
    for name in ("one", "seven"):
        LabelFactory(dataset=dataset, name=name, shortcut=name[0])
    return dataset


def person(name: str) -> Client:
    """Another reviewer, who may not mark."""
    user = UserFactory(username=name, is_staff=True)
    user.user_permissions.set(rights("datasets.view_sample", "datasets.confirm_sample"))
    client = Client()
    client.force_login(user)
    return client


def flagged(dataset: Dataset, coefficient: float) -> Sample:
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=coefficient)
    AnnotationFactory(sample=sample, label=dataset.labels.get(name="one"), origin="model", confidence=0.5)
    return sample


def token() -> str:
    return secrets.token_hex(16)


def door(name: str, sample: Sample, *, one: bool = True) -> str:
    job = sample.dataset.labeling_jobs.get(is_default=True)
    return reverse(f"labeling:{name}", args=[job.pk, sample.pk] if one else [job.pk]) + QUEUE


def send(client: Client, address: str, body: object):
    return client.post(address, json.dumps(body), content_type="application/json")


def decide(client: Client, sample: Sample, verb: str = "confirm", **words):
    body = {"verb": verb, "version": sample.version, "batch": token(), **words}
    return send(client, door("one", sample), body)


def turn(client: Client, sample: Sample, way: str = "undo", **words):
    return send(client, door(way, sample, one=False), {"batch": token(), **words})


def labels(sample: Sample) -> list[str]:
    return list(sample.annotations.values_list("label__name", flat=True))


def fresh(sample: Sample) -> Sample:
    return Sample.objects.get(pk=sample.pk)
