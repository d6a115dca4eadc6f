"""Deleted samples are gone from their dataset; their history and the bytes of versions stay."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from config.refusals import Refused
from datasets import blobs, counters
from datasets.deletion import delete_samples
from datasets.models import Blob, ReviewEvent, Sample, Verb
from tests.factories import AnnotationFactory, SampleFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample() -> Sample:
    return SampleFactory(name="a.png", source="inputs:street/a.png")


def test_a_deleted_sample_leaves_its_history(sample):
    AnnotationFactory(sample=sample)
    dataset = sample.dataset
    done = delete_samples(samples=[sample.pk], by=UserFactory())
    assert (done.changed, done.passed_over) == (1, 0)
    event = ReviewEvent.objects.get()
    assert (event.verb, event.sample, event.sample_name) == (Verb.DELETE, None, "a.png")
    assert [claim["label"] for claim in event.before["claims"]]
    assert counters.check(dataset) == []
    assert Blob.objects.filter(pk=sample.blob_id).exists()
    assert delete_samples(samples=[sample.pk], by=UserFactory()).passed_over == 1


def test_source_files_go_only_where_that_is_asked(sample):
    storages["inputs"].save("street/a.png", ContentFile(b"bytes"))
    other = SampleFactory(dataset=sample.dataset, source="inputs:street/b.png")
    storages["inputs"].save("street/b.png", ContentFile(b"bytes"))
    delete_samples(samples=[other.pk], by=UserFactory())
    assert storages["inputs"].exists("street/b.png")
    delete_samples(samples=[sample.pk], by=UserFactory(), with_sources=True)
    assert not storages["inputs"].exists("street/a.png")


def test_a_source_that_is_gone_or_foreign_stops_nothing(sample):
    foreign = SampleFactory(dataset=sample.dataset, source="obs://elsewhere/b.png")
    assert delete_samples(samples=[sample.pk, foreign.pk], by=UserFactory(), with_sources=True).changed == 2


def test_bytes_of_the_system_itself_are_never_deleted(sample):
    place = blobs.location(sample.blob)
    storages["datasets"].save(place.path, ContentFile(b"bytes"))
    Sample.objects.filter(pk=sample.pk).update(source=str(place))
    delete_samples(samples=[sample.pk], by=UserFactory(), with_sources=True)
    assert storages["datasets"].exists(place.path)


def test_a_source_that_may_not_be_deleted_keeps_its_sample(sample, settings):
    settings.LOCATIONS = {**settings.LOCATIONS, "inputs": {"writable": False, "deletable": False}}
    with pytest.raises(Refused, match="Nothing can be deleted from inputs"):
        delete_samples(samples=[sample.pk], by=UserFactory(), with_sources=True)
    assert Sample.objects.filter(pk=sample.pk).exists()


def test_what_somebody_changed_meanwhile_stays(sample):
    Sample.objects.filter(pk=sample.pk).update(version=sample.version + 1)
    done = delete_samples(samples={sample.pk: sample.version}, by=UserFactory())
    assert (done.changed, done.overtaken) == (0, 1)
    assert Sample.objects.filter(pk=sample.pk).exists()
