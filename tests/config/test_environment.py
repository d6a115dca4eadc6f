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


def test_what_a_killed_process_had_written_of_a_message_is_taken_away(tmp_path: Path) -> None:
    environment.broker_of_files(tmp_path)
    half, whole = tmp_path / "messages" / ".0123abcd", tmp_path / "messages" / "1_a.celery.msg"
    for file in (half, whole):
        file.write_bytes(b"{")
    environment.broker_of_files(tmp_path)
    assert half.exists()  # somebody may be writing it
    for file in (half, whole):
        os.utime(file, (1, 1))
    environment.broker_of_files(tmp_path)
    assert (half.exists(), whole.exists()) == (False, True)
