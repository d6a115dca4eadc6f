"""A broker of files whose messages are there as a whole or not at all.

Kombu's own makes a message's file first and fills it then: a worker that looks in between takes an empty one, and ends.
"""

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class WholeMessages(filesystem.Channel):
    """Writes a message under a name that nobody looks for, and then gives it its own."""

    # its two bases name the message differently
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        hidden = folder / f".{uuid.uuid4().hex}"
        try:
            hidden.write_bytes(dumps(payload).encode())
            hidden.rename(folder / f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg")
        except OSError as error:
            hidden.unlink(missing_ok=True)
            raise ChannelError(f"No message can be added to {folder}: {error.strerror}.") from error
