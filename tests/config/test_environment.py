"""What is read from the environment, and what is made for it."""

import os
from pathlib import Path

import pytest

from config import environment


@pytest.mark.parametrize(
    ("content", "stays"), [(b"", False), (b'[["", "', False), (b'[["celery", "", "celery"]]', True)]
)
def test_a_table_of_queues_that_a_full_disk_left_without_content_is_made_anew(
    content: bytes, stays: bool, tmp_path: Path
) -> None:
    environment.broker_of_files(tmp_path)
    table = tmp_path / "control" / "celery.exchange"
    table.write_bytes(content)
    environment.broker_of_files(tmp_path)
    assert table.exists()  # somebody may be writing it
    os.utime(table, (1, 1))
    environment.broker_of_files(tmp_path)
    assert table.exists() is stays
