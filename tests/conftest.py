"""What every test stands on; its settings are in `tests.settings`."""

from pathlib import Path

import pytest


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
