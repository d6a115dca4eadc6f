"""A bucket: pages of keys, clients, and answers that fail."""

import threading

import pytest
from django.core.files.storage import storages

from datasets import locations
from datasets.locations import Location
from datasets.stores import BucketStore
from tests.datasets.locations.conftest import Bucket, code_of


def test_a_bucket_is_listed_by_pages_and_its_bad_keys_left_out(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    good = [f"{index:04}/{index}.jpg" for index in range(100)]
    bad = ["../../x", "/etc/x", "a//b", "a/./b", "..\\x", "folder/", "k" * 1025, ".hidden", "a/.b/c", "n\nl"]
    bucket.page = 50
    bucket.objects = {f"tenant/{key}": b"x" for key in [*good, *bad]} | {"other/x.jpg": b"x", "tenantx": b"x"}
    assert [entry.name for entry in locations.list_files(Location("bucket", ""))] == good
    assert bucket.requests == 3
    assert "'a//b'" in caplog.text


def test_threads_share_the_client_of_a_bucket(settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "far": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"bucket_name": "b", "access_key": "x", "secret_key": "x", "region_name": "eu-west-1"},
        },
    }
    clients = {id(BucketStore.client_of(storages["far"]))}

    def look() -> None:
        clients.add(id(BucketStore.client_of(storages["far"])))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert len(clients) == 1


def test_the_words_of_a_failing_storage_stay_in_the_log(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.fails = True
    place = Location("bucket", "a")
    for call in (
        lambda: list(locations.list_files(place)),
        lambda: locations.read(place, limit=9),
        lambda: locations.write(place, b"x", own=True),
    ):
        assert code_of(call) == "storage_unavailable"
    assert caplog.text.count("secret-bucket") >= 3


def test_a_file_is_read_again_where_its_storage_answers(bucket: Bucket) -> None:
    bucket.objects["tenant/a"] = b"bytes"
    bucket.hiccups = 1
    assert locations.read(Location("bucket", "a"), limit=9) == b"bytes"
