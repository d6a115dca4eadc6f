"""What every page of our own under the admin stands on: staff alone, with a permission."""

from collections.abc import Callable
from typing import cast

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

type View = Callable[..., HttpResponse]


def staff_page(permission: str) -> Callable[[View], View]:
    """A view for staff who have a permission; others of the staff get a 403, everybody else the login page."""

    def guarded(view: View) -> View:
        return staff_member_required(permission_required(permission, raise_exception=True)(view))

    return guarded


def actor(request: HttpRequest) -> User:
    """Who is at the other end of a page behind the login: the `by` of a verb."""
    return cast(User, request.user)
