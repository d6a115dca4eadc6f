"""Makes a token for the REST API."""

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken

MOST_DAYS = 36_500


class Command(BaseCommand):
    """Prints a new token once; only its hash is stored."""

    help = "Make a token with which a program acts as a user in the REST API. It is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--expires-days", type=int, help="how long it is valid; for ever where this is left out")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *, username: str, expires_days: int | None, as_json: bool, **options: Any) -> None:
        user = get_user_model().objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username!r}.")
        if expires_days is not None and not 1 <= expires_days <= MOST_DAYS:
            raise CommandError(f"--expires-days is from 1 to {MOST_DAYS:,}.")
        expiry = None if expires_days is None else timedelta(days=expires_days)
        row, token = AuthToken.objects.create(user, expiry=expiry)
        expires = row.expiry.isoformat() if row.expiry else None
        self.stdout.write(json.dumps({"user": username, "token": token, "expires": expires}) if as_json else token)
