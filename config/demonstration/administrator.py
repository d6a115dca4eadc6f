"""The first administrator, with a random password that is shown once."""

import secrets

from django.contrib.auth.models import User

NAME = "admin"


def create_once() -> str | None:
    """Makes the administrator where there is none yet.

    Returns:
        The new password, or None where an administrator exists.
    """
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(username=NAME, password=password)
    return password


def administrator() -> User:
    """The administrator in whose name the demonstration acts."""
    return User.objects.filter(is_superuser=True).order_by("pk")[0]
