"""An installation of a benchmark's own: nothing of the one that the machine may have is read or written.

from tests.benchmarks import installation

DIRECTORY = installation.fresh()

from batchservices import running  # what reads the settings comes after it
"""

import os
import secrets
import tempfile
from pathlib import Path

import django

_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def fresh(**environment: str) -> Path:
    """Sets Django up on an empty data directory, which goes when this process ends.

    Args:
        environment: further variables, such as those that numpy reads when it is imported.
    """
    directory = tempfile.TemporaryDirectory(prefix="hardmine-bench-")
    _kept.append(directory)
    for name in [name for name in os.environ if name.startswith("HARDMINE_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "HARDMINE_DATA_DIR": directory.name,
        "HARDMINE_SECRET_KEY": secrets.token_urlsafe(60),
        "HARDMINE_LOG_LEVEL": "WARNING",
        **environment,
    }
    django.setup()
    return Path(directory.name)
