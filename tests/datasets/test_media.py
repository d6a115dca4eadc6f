"""Images and thumbnails by id."""

import hashlib

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from datasets import blobs
from datasets.preparation import Prepared
from tests.factories import BlobFactory, SampleFactory, UserFactory, image_bytes


@pytest.fixture
def data() -> bytes:
    return image_bytes(7)


@pytest.fixture
def sample(db, data):
    sha256 = hashlib.sha256(data).hexdigest()
    prepared = Prepared(
        sha256=sha256, size=len(data), width=32, height=24, format="PNG", thumbnail=image_bytes(1, format="JPEG")
    )
    blobs.keep(prepared=prepared, data=data)
    return SampleFactory(blob=blobs.rows([prepared])[sha256], name="evil.html")


@pytest.fixture
def viewer(client, db):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_sample"))
    client.force_login(user)
    return client


def test_an_image_comes_with_the_type_of_its_content_and_can_do_nothing(viewer, sample, data):
    answer = viewer.get(reverse("media:image", args=[sample.pk]))
    assert answer.content == data
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize("by_blob", [False, True])
def test_a_thumbnail_is_a_jpeg_and_is_sent_once(viewer, sample, by_blob):
    address = (
        reverse("media:blob_thumbnail", args=[sample.blob.sha256])
        if by_blob
        else reverse("media:thumbnail", args=[sample.pk])
    )
    answer = viewer.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    again = viewer.get(address, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["Content-Security-Policy"] == answer["Content-Security-Policy"]


def test_images_are_for_those_who_may_see_samples(client, sample):
    addresses = [
        reverse("media:image", args=[sample.pk]),
        reverse("media:thumbnail", args=[sample.pk]),
        reverse("media:blob_thumbnail", args=[sample.blob.sha256]),
    ]
    assert [client.get(address).status_code for address in addresses] == [302] * 3
    client.force_login(UserFactory(is_staff=True))
    assert [client.get(address).status_code for address in addresses] == [403] * 3


def test_bytes_without_a_sample_or_a_file_are_not_there(viewer):
    assert viewer.get(reverse("media:image", args=[4711])).status_code == 404
    assert viewer.get(reverse("media:blob_thumbnail", args=[BlobFactory().sha256])).status_code == 404
    assert viewer.get(reverse("media:image", args=[SampleFactory().pk])).status_code == 404
