"""Reviewers who ask for the next sample at once get different ones, and none is forgotten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from datasets import review
from datasets.models import Sample, Status
from labeling import leases
from labeling.models import ReviewLease
from tests.factories import AnnotationFactory, DatasetFactory, ReviewLeaseFactory, SampleFactory, UserFactory

pytestmark = pytest.mark.django_db


def queue(dataset):
    return dataset.samples.filter(status=Status.TO_BE_CONFIRMED).order_by("-hard_coefficient", "-id")


def test_next_passes_over_what_another_holds():
    dataset = DatasetFactory()
    easy = SampleFactory(dataset=dataset, status="to_be_confirmed", hard_coefficient=0.2)
    hard = SampleFactory(dataset=dataset, status="to_be_confirmed", hard_coefficient=0.9)
    ann, bob = UserFactory(), UserFactory()
    assert leases.next_sample(queue=queue(dataset), by=ann) == hard
    assert leases.next_sample(queue=queue(dataset), by=bob) == easy
    assert leases.next_sample(queue=queue(dataset), by=ann) == hard
    assert leases.next_sample(queue=queue(dataset), by=UserFactory()) is None
    leases.release(sample_id=hard.pk, by=bob)
    assert leases.next_sample(queue=queue(dataset), by=UserFactory()) is None
    leases.release(sample_id=hard.pk, by=ann)
    assert leases.next_sample(queue=queue(dataset), by=UserFactory()) == hard


def test_inactivity_ends_a_lease():
    lease = ReviewLeaseFactory(sample__status="to_be_confirmed", expires_at=timezone.now() - timedelta(seconds=1))
    ann = UserFactory()
    assert leases.take(sample=lease.sample, by=ann) is None
    assert leases.take(sample=lease.sample, by=lease.reviewer) == ann


def test_what_one_does_renews_it():
    ann = UserFactory()
    lease = ReviewLeaseFactory(reviewer=ann, expires_at=timezone.now() + timedelta(seconds=1))
    assert leases.take(sample=lease.sample, by=ann) is None
    lease.refresh_from_db()
    assert lease.expires_at > timezone.now() + timedelta(seconds=leases.SECONDS / 2)


@pytest.mark.django_db(transaction=True)
def test_twenty_reviewers_ask_a_thousand_times_for_the_next_without_meeting():
    """Each asks seventeen times before deciding: it stays theirs, whoever else asks meanwhile."""
    dataset = DatasetFactory()
    for number in range(60):
        sample = SampleFactory(dataset=dataset, status="to_be_confirmed", hard_coefficient=number / 60)
        AnnotationFactory(sample=sample)
    people = [UserFactory() for _ in range(20)]
    given: list[tuple[int, int]] = []
    asked: list[int] = []

    def work(person) -> None:
        try:
            while sample := leases.next_sample(queue=queue(dataset), by=person):
                again = [leases.next_sample(queue=queue(dataset), by=person) for _ in range(16)]
                assert set(again) == {sample}
                asked.append(1 + len(again))
                given.append((sample.pk, person.pk))
                review.confirm(sample_id=sample.pk, by=person, version=sample.version)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, people))
    assert len({sample for sample, _ in given}) == len(given) == 60
    assert sum(asked) >= 1000
    assert not Sample.objects.exclude(status=Status.LABELED).exists()
    assert ReviewLease.objects.values("sample").distinct().count() == ReviewLease.objects.count()
