"""What all kinds of storage share: what they refuse, in words that name no host and no path of the server."""

import errno
import io
import logging
from typing import BinaryIO

from config.refusals import Refused

logger = logging.getLogger(__name__)

MISSING = (errno.ENOENT, errno.ENAMETOOLONG)
NOT_REGULAR = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR)


def stream_of(data: bytes | BinaryIO) -> BinaryIO:
    return io.BytesIO(data) if isinstance(data, bytes) else data


def hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


def unreadable(error: Exception) -> Refused:
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    number = getattr(error, "errno", None)
    if isinstance(error, FileNotFoundError) or number in MISSING or code in ("NoSuchKey", "404"):
        return Refused("source_not_found", "There is no such file.", status=404)
    if number in NOT_REGULAR:
        return not_regular_file()
    if isinstance(error, PermissionError):  # of one file; a storage that lets nobody in has no errno
        return Refused("not_readable", "The service has no permission to read this file.")
    return unavailable(error)


def not_regular_file() -> Refused:
    return Refused("not_regular_file", "This is a folder, a link or a device; only plain files are read.")


def unavailable(error: Exception) -> Refused:
    """The backend's own words stay in the log: they name hosts, buckets and paths."""
    logger.error("Storage failed: %s", error, exc_info=error)
    return Refused("storage_unavailable", "The storage does not answer as it should; try again later.", status=503)
