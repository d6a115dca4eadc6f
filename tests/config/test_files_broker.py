"""Nobody ever sees a part of a message."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError
from kombu.transport import filesystem

from config.files_broker import WholeMessages


@pytest.fixture
def channel(tmp_path: Path):
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "c")}
    with Connection("filesystem://", transport_options=folders) as connection:
        yield connection.channel()


def test_celery_takes_this_channel(channel) -> None:
    assert isinstance(channel, WholeMessages)
    assert filesystem.Transport.Channel is WholeMessages


def test_whoever_reads_while_others_write_gets_whole_messages(channel) -> None:
    messages = [{"body": f"{number}" * 2000} for number in range(100)]

    def write() -> None:
        for message in messages:
            channel._put("celery", message)

    writer = threading.Thread(target=write)
    writer.start()
    found = []
    while len(found) < len(messages):
        try:
            found.append(channel._get("celery"))
        except Empty:
            continue
    writer.join()
    assert sorted(each["body"] for each in found) == sorted(each["body"] for each in messages)


def test_what_cannot_be_written_leaves_nothing(channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*about: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ChannelError, match="No space left"):
        channel._put("celery", {"body": ""})
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
