"""Reads environment variables, loudly: a wrong one stops the process with a sentence that says what to do."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

PREFIX = "HARDMINE_"
_WRITTEN_SECONDS = 2
_FORBIDDEN_KEYS = ("change-me", "changeme", "secret", "django-insecure")


def text(name: str, default: str = "") -> str:
    """The variable's words, or the default where it is unset or empty."""
    return os.environ.get(PREFIX + name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    """A yes or no. Raises ImproperlyConfigured for anything but 1/0, true/false, yes/no, on/off."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{PREFIX}{name} is {value!r}; write 1 or 0.")


def number(name: str, *, default: int, least: int = 0, most: int = 2**31) -> int:
    """A whole number within bounds. Raises ImproperlyConfigured otherwise."""
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{PREFIX}{name} is {value!r}; write a whole number from {least} to {most}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas or spaces."""
    return text(name, default).replace(",", " ").split()


def secret_key() -> str:
    """The key from HARDMINE_SECRET_KEY, or from the file that HARDMINE_SECRET_KEY_FILE names. There is no default."""
    key = text("SECRET_KEY")
    file = text("SECRET_KEY_FILE")
    if not key and file:
        try:
            key = Path(file).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{PREFIX}SECRET_KEY_FILE names {file!r}, which cannot be read: {error.strerror}."
            ) from error
    if len(key) < 50 or any(word in key.lower() for word in _FORBIDDEN_KEYS):
        raise ImproperlyConfigured(
            f"Set {PREFIX}SECRET_KEY (or {PREFIX}SECRET_KEY_FILE) to at least 50 random characters that nobody else "
            'has, for example from: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    return key


def storages(directory: Path) -> dict[str, dict]:
    """The named storages: `file:///directory` or `s3://bucket/prefix`, one variable HARDMINE_STORAGE_<NAME> each.

    Args:
        directory: where the local storages stand for which no variable is set.

    Returns:
        Django's STORAGES without the one of static files. S3 takes its keys and its end point from AWS's own
        variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION).
    """
    named = {name: (directory / name).as_uri() for name in ("inputs", "outputs", "datasets", "models", "staging")}
    for variable, address in os.environ.items():
        if variable.startswith(PREFIX + "STORAGE_") and address.strip():
            named[variable.removeprefix(PREFIX + "STORAGE_").lower()] = address.strip()
    return {name: _storage(name, address) for name, address in named.items()}


def _storage(name: str, address: str) -> dict:
    parts = urlsplit(address)
    if not name.isidentifier():
        raise ImproperlyConfigured(f"{PREFIX}STORAGE_{name.upper()}: a storage's name has letters, digits and _ only.")
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": parts.path,
                "file_permissions_mode": 0o640,
                "directory_permissions_mode": 0o750,
            },
        }
    if parts.scheme == "s3" and parts.netloc:
        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": parts.netloc,
                "location": parts.path.strip("/"),
                "file_overwrite": True,
                "default_acl": None,
                "querystring_auth": True,
                "region_name": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
                **dict(parse_qsl(parts.query)),
            },
        }
    raise ImproperlyConfigured(
        f"{PREFIX}STORAGE_{name.upper()} is {address!r}; write file:///directory or s3://bucket/prefix."
    )


def broker_of_files(directory: Path) -> dict[str, object]:
    """Makes the folders of a broker of files, and returns its options for Celery.

    A disk that was full may have left a table of queues without its content, at which every worker would end as soon as
    it starts: such a table goes, and is made anew. So does what a killed process had written of a message.
    """
    messages, control = directory / "messages", directory / "control"
    for folder in (messages, control):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for table in control.glob("*.exchange"):
        with suppress(FileNotFoundError):  # another process that starts now was first
            try:
                json.loads(table.read_bytes())
            except ValueError:
                if _is_left(table):
                    table.unlink()
    for message in messages.glob(".*"):
        with suppress(FileNotFoundError):
            if _is_left(message):
                message.unlink()
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(control),
        "polling_interval": 0.1,
    }


def _is_left(file: Path) -> bool:
    """Whether nobody is writing it just now."""
    return file.stat().st_mtime < time.time() - _WRITTEN_SECONDS
