"""Storages to try the door for files on: a folder, memory, and as much of a bucket as we see of it."""

import datetime
import io
from pathlib import Path

import pytest
from django.core.files.storage import storages

from config.refusals import Refused
from datasets.stores import BucketStore

CHANGED = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


class BackendError(Exception):
    """As botocore's ClientError looks to us."""

    def __init__(self, code: str) -> None:
        super().__init__("AccessDenied at https://s3.internal/secret-bucket")
        self.response = {"Error": {"Code": code}}


class Bucket:
    """As much of a bucket as the S3 client shows to us: pages of sorted keys, and bodies."""

    page = 2
    fails = False
    hiccups = 0

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests = 0

    def get_paginator(self, verb: str) -> "Bucket":
        assert verb == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str):
        keys = sorted((key for key in self.objects if key.startswith(Prefix)), key=str.encode)
        for start in range(0, max(1, len(keys)), self.page):
            self._answer()
            found = [
                {
                    "Key": key,
                    "Size": len(self.objects[key]),
                    "ETag": '"etag"',
                    "LastModified": CHANGED,
                }
                for key in keys[start : start + self.page]
            ]
            yield {"Contents": found} if found else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict:
        self._answer()
        if Key not in self.objects:
            raise BackendError("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key])}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict:
        self._answer()
        return {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **parameters: str) -> None:
        self._answer()
        assert parameters == {"ServerSideEncryption": "AES256"}
        self.objects[Key] = Body

    def head_object(self, *, Bucket: str, Key: str) -> dict:
        self._answer()
        if Key not in self.objects:
            raise BackendError("404")
        return {"ContentLength": len(self.objects[Key])}

    def upload_fileobj(self, stream, Bucket: str, Key: str, *, ExtraArgs: dict, Config: object) -> None:
        self.put_object(Bucket=Bucket, Key=Key, Body=stream.read(), **ExtraArgs)

    def _answer(self) -> None:
        self.requests += 1
        if self.fails:
            raise BackendError("AccessDenied")
        if self.hiccups:
            self.hiccups -= 1
            raise BackendError("SlowDown")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, settings) -> Bucket:
    """The alias `bucket:` is an S3 storage below the prefix `tenant/` whose client is this."""
    client = Bucket()
    settings.STORAGES = {
        **settings.STORAGES,
        "bucket": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": "b",
                "location": "tenant",
                "object_parameters": {"ServerSideEncryption": "AES256"},
                "access_key": "x",
                "secret_key": "x",
                "region_name": "eu-west-1",
            },
        },
    }
    monkeypatch.setattr(BucketStore, "client_of", staticmethod(lambda storage: client))
    return client


@pytest.fixture(params=["inputs", "bucket", "memory"])
def alias(request: pytest.FixtureRequest, settings, bucket: Bucket) -> str:
    settings.STORAGES = {
        **settings.STORAGES,
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.LOCATIONS = {alias: {"writable": True} for alias in ("inputs", "bucket", "memory")}
    return request.param


@pytest.fixture
def folder(settings) -> Path:
    settings.LOCATIONS = {"inputs": {"writable": True}}
    return Path(storages["inputs"].location)


def code_of(call, *arguments, **options) -> str:
    with pytest.raises(Refused) as refusal:
        call(*arguments, **options)
    for secret in ("/tmp", "s3.internal", "secret-bucket", "Traceback"):  # noqa: S108
        assert secret not in refusal.value.message
    return refusal.value.code
