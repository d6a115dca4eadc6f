"""Who asks, and what lies in the inputs."""

from pathlib import Path

import pytest
from django.test import Client

from tests.factories import (
    StaffFactory,
    image_bytes,
)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


@pytest.fixture
def inputs(own_storages: Path) -> None:
    """Three images in `inputs:street`."""
    folder = own_storages / "inputs" / "street"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(image_bytes(number))
