"""What every test stands on: random secrets, an own data directory, own storages."""

import os
import secrets
import tempfile
from pathlib import Path

os.environ["HARDMINE_SECRET_KEY"] = secrets.token_urlsafe(60)
os.environ["HARDMINE_DATA_DIR"] = tempfile.mkdtemp(prefix="hardmine-test-")
os.environ["HARDMINE_BROKER_URL"] = "memory://"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import pytest
from django.conf import settings


def pytest_configure() -> None:
    """Tests run on a file database: an in-memory one locks tables between a live server's threads."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{os.environ['HARDMINE_DATA_DIR']}/test.sqlite3"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


@pytest.fixture(autouse=True)
def own_storages(tmp_path: Path, settings) -> Path:
    """Each test has its own empty storages below `tmp_path / "storages"`."""
    root = tmp_path / "storages"
    changed = {}
    for alias, storage in settings.STORAGES.items():
        changed[alias] = storage
        if alias != "staticfiles":
            place = root / ("datasets" if alias == "default" else alias)
            place.mkdir(parents=True, exist_ok=True)
            changed[alias] = {**storage, "OPTIONS": {**storage["OPTIONS"], "location": str(place)}}
    settings.STORAGES = changed
    return root
