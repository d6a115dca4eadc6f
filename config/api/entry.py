"""Who may come in: tokens, and one permission per verb."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class TokenAuthentication(KnoxAuthentication):
    """Knox's tokens, stored as hashes; a token that is no ASCII text is refused like any other wrong one."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise exceptions.AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class TokenScheme(KnoxTokenScheme):
    """How the schema describes the tokens."""

    target_class = "config.api.entry.TokenAuthentication"
    priority = 1


class VerbPermission(BasePermission):
    """Whoever has the permission that the door names for the verb; a verb without one is open to nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        if not user or not user.is_authenticated:
            return False
        if str(request.method).lower() not in view.action_map:
            return True  # DRF answers 405
        needed = view.permissions.get(view.action)
        self.message = f"This needs the permission {needed}." if needed else None
        return needed is not None and user.has_perm(needed)
