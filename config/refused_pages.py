"""What a page answers where it cannot: in the product's look, with what to do next. The API answers in its own way."""

from django.contrib import admin
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.views.decorators.csrf import requires_csrf_token

from config.api import errors


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing stands at the address."""
    if request.path.startswith("/api/"):
        return errors.nothing_here(request)
    return _page(request, 404, "There is nothing here", "It was deleted meanwhile, or the address is not right.")


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the account lacks a permission."""
    words = "Your account may not see or do this. Whoever manages users and roles here can change that."
    return _page(request, 403, "You may not do this", words)


@requires_csrf_token
def expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form whose token is of another login, or of none."""
    words = (
        "Nothing was saved: since the page was opened, you have logged in or out, or this browser keeps no cookies. "
        "Go back, reload the page, and send it again."
    )
    return _page(request, 403, "This page has expired", words)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: refused before any view saw it, such as a foreign host name; so no more is asked of the request."""
    if request.path.startswith("/api/"):
        return errors.bad_request(request, exception)
    words = "The address, the form or the name of the host is not one that this server takes."
    if isinstance(exception, TooManyFilesSent):
        words = errors.too_many_files().message
    elif isinstance(exception, RequestDataTooBig):
        words = "What was sent is too large for a form. Put files into a location, and name that."
    return _plain(400, "This request cannot be read", words)


def fault(request: HttpRequest) -> HttpResponse:
    """500: a fault of ours; the log has the rest. Whatever broke is not needed for this page."""
    if request.path.startswith("/api/"):
        return errors.fault(request)
    words = "It is in the server's log. What was saved before stays saved; try again, or go back to Today."
    return _plain(500, "Something broke here", words)


def _page(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    """With the side bar for staff, as the login page for others."""
    staff = admin.site.has_permission(request)
    context = {
        **admin.site.each_context(request),
        "layout": "admin/base_site.html" if staff else "unfold/layouts/unauthenticated.html",
        "title": title,
        "words": words,
    }
    return TemplateResponse(request, "admin/refused.html", context, status=status).render()


def _plain(status: int, title: str, words: str) -> HttpResponse:
    return HttpResponse(render_to_string("admin/fault.html", {"title": title, "words": words}), status=status)
