"""Users, roles and tokens in the admin.

Staff who may change users are not administrators: rights are given by administrators alone, and nobody touches the
account, and so the password, of somebody who may do more.
"""

import knox.admin  # noqa: F401  registers its own first, to be replaced here
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from knox.models import AuthToken
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.selection import RowsAdmin
from datasets.pages import actor

ADMINISTRATORS_ONLY = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister([User, Group, AuthToken])


@admin.register(User)
class UserAdmin(DjangoUserAdmin, RowsAdmin):
    """Accounts, with a button for a token of the API."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    actions_detail = ("create_api_token",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Rights are given by administrators; nobody gives any to himself otherwise."""
        own = ("last_login", "date_joined")
        return own if actor(request).is_superuser else (*own, *ADMINISTRATORS_ONLY)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not the accounts of those who may do more: a new password would give their rights to anybody."""
        return super().has_change_permission(request, obj) and self._reaches(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As changing; several at once for administrators alone."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (actor(request).is_superuser if obj is None else self._reaches(request, obj))

    def _reaches(self, request: HttpRequest, obj: User | None) -> bool:
        by = actor(request)
        if obj is None or by.is_superuser:
            return True
        return not obj.is_superuser and obj.get_all_permissions() <= by.get_all_permissions()

    @action(description="Create API token", icon="key", url_path="token")
    def create_api_token(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A token for programs: for oneself, or by an administrator for somebody. It is shown once."""
        user = get_object_or_404(User, pk=object_id)
        by = actor(request)
        if by != user and not by.is_superuser:
            raise PermissionDenied
        token = ""
        if request.method == "POST":
            if not user.is_active:
                messages.error(request, f"{user} is not active; a token would open nothing.")
            else:
                _, token = AuthToken.objects.create(user=user)
        context = {
            **self.admin_site.each_context(request),
            "title": f"API token of {user}",
            "token": token,
            "owner": user,
            "back": reverse("admin:auth_user_change", args=[user.pk]),
        }
        return TemplateResponse(request, "admin/accounts/token.html", context)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, RowsAdmin):
    """Roles. They give rights, and so administrators alone write them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return actor(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Administrators."""
        return actor(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Administrators."""
        return actor(request).is_superuser


@admin.register(AuthToken)
class TokenAdmin(RowsAdmin):
    """The tokens that are valid: whose, since when. Deleting one revokes it; only its hash is known."""

    list_display = ("token_key", "user", "created", "expiry")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("token_key", "user", "created", "expiry")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tokens are made on the page of their user."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuthToken | None = None) -> bool:
        """A token does not change."""
        return False
