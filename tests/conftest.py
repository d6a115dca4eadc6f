"""What every test stands on; its settings are in `tests.settings`."""

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from hypothesis import settings as properties

properties.register_profile("hardmine", deadline=None)  # a busy machine is no fault of what is tested
properties.load_profile("hardmine")

PRESETS = import_module("hardexamples.migrations.0002_presets")


@receiver(post_migrate)
def presets_come_back(sender: AppConfig, using: str, **options: object) -> None:
    """What a migration put into the database is there again after a test whose transactions were real: it ends with
    a flush of all tables, which sends this signal."""
    if sender.label == "hardexamples" and not options.get("plan"):
        PRESETS.add_presets(apps, None)


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
