"""The environment in which processes of the product work on the database and the storages of a test."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection


def environment() -> dict[str, str]:
    """Environment variables that name what the test has."""
    storages = {
        f"HARDMINE_STORAGE_{alias.upper()}": Path(storage["OPTIONS"]["location"]).as_uri()
        for alias, storage in settings.STORAGES.items()
        if alias not in {"default", "staticfiles"}
    }
    return {
        **os.environ,
        **storages,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "HARDMINE_DATABASE_URL": database_url(),
        "HARDMINE_LEASE_SECONDS": str(settings.LEASE_SECONDS),
        "HARDMINE_LOG_LEVEL": "ERROR",
    }


def database_url() -> str:
    """The address of the test's own database."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["HARDMINE_DATABASE_URL"])._replace(path=f"/{name}").geturl()
