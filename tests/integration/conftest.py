"""What the tests of kills stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchservices.models import BatchService
from tests import loop
from tests.integration.killing import IMAGES, TRAINED, Workers


@pytest.fixture
def workers(settings, tmp_path: Path) -> Iterator[Workers]:
    settings.LEASE_SECONDS = 2
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    started = Workers(deaths)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.fixture
def service() -> BatchService:
    loop.put_digits("inputs:night", first=400, count=IMAGES)
    manifest = loop.put_training_manifest(count=TRAINED)
    return loop.service(filtering=True, training_manifest=manifest, output_dataset_name="night")
