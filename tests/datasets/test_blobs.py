"""Bytes are kept once, whole, by their content."""

from pathlib import Path

import pytest

from datasets import blobs
from datasets.models import Blob
from datasets.preparation import Prepared, prepare
from tests.factories import BlobFactory, image_bytes


@pytest.mark.django_db
def test_what_was_kept_is_read_back(own_storages: Path) -> None:
    data = image_bytes(7, width=600, height=300, format="JPEG")
    prepared = Prepared(**prepare(data))
    blobs.keep(prepared=prepared, data=data)
    blobs.keep(prepared=prepared, data=data)
    blob = blobs.rows([prepared])[prepared.sha256]
    assert blobs.read(blob) == data
    assert blobs.thumbnail(blob).startswith(b"\xff\xd8")
    assert (blob.width, blob.height, blob.size, blobs.media_type(blob)) == (600, 300, len(data), "image/jpeg")
    assert str(blobs.location(blob)) == f"datasets:blobs/{blob.sha256[:2]}/{blob.sha256[2:4]}/{blob.sha256}.jpg"
    assert sum(path.is_file() for path in own_storages.rglob("*")) == 2


@pytest.mark.django_db
def test_a_half_written_file_is_replaced(own_storages: Path) -> None:
    data = image_bytes(1)
    prepared = Prepared(**prepare(data))
    blob = blobs.rows([prepared])[prepared.sha256]
    path = own_storages / str(blobs.location(blob)).replace(":", "/")
    path.parent.mkdir(parents=True)
    path.write_bytes(data[:-5])
    blobs.keep(prepared=prepared, data=data)
    assert blobs.read(blob) == data


@pytest.mark.django_db
def test_rows_are_made_once() -> None:
    known = BlobFactory(sha256="ab" * 32)
    wanted = [Prepared(sha256=sha256 * 32, size=1, width=1, height=1, format="PNG") for sha256 in ("ab", "cd", "cd")]
    assert blobs.rows(wanted)["ab" * 32] == known
    blobs.rows(wanted)
    assert Blob.objects.count() == 2
