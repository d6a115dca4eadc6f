"""What the API answers to an error: always `{"code", "message", ...}`, with the place where there is one.

The place is `field` (and `fields` with everything that is wrong), `line`, `item` or `file`.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from config.refusals import Refused


def explain(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an error, for DRF's EXCEPTION_HANDLER; None for a fault of ours, which becomes a 500."""
    if isinstance(error, Refused):
        return Response(error.as_dict(), status=error.status)
    if isinstance(error, RequestDataTooBig):
        return Response({"code": "body_too_large", "message": "The body is too large."}, status=413)
    if isinstance(error, TooManyFilesSent):
        return Response(too_many_files().as_dict(), status=400)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return Response({"code": "bad_request", "message": "The request cannot be read."}, status=400)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        response.data = _invalid_input(error.detail)
    elif isinstance(error, Http404 | exceptions.NotFound):
        response.data = {"code": "not_found", "message": "There is nothing here."}
    elif isinstance(error, exceptions.APIException):
        response.data = {"code": error.default_code, "message": str(error.detail)}
    return response


@csrf_exempt
def nothing_here(request: HttpRequest, path: str = "") -> JsonResponse:
    """The answer for an address that the API does not have."""
    ending = "" if request.path.endswith("/") else " Addresses end with a slash."
    return JsonResponse({"code": "not_found", "message": f"There is nothing here.{ending}"}, status=404)


def fault(request: HttpRequest) -> JsonResponse:
    """The answer to a fault of ours; the log has the rest."""
    return JsonResponse({"code": "fault", "message": "Something broke here. It is in the server's log."}, status=500)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """The answer to what was refused before any door saw it, such as a foreign host name."""
    if isinstance(exception, TooManyFilesSent):
        return JsonResponse(too_many_files().as_dict(), status=400)
    return JsonResponse({"code": "bad_request", "message": "The request cannot be read."}, status=400)


def too_many_files() -> Refused:
    """What is said to more files in one request than are taken."""
    limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    words = f"At most {limit:,} files are taken at once. Put them into a ZIP archive, or name a location."
    return Refused("too_many_files", words, field="files")


def _invalid_input(detail: Any) -> dict[str, Any]:
    path, message = _first(detail, ())
    place = ".".join(path)
    known = {"fields": detail} if isinstance(detail, dict) else {}
    if not place or place == api_settings.NON_FIELD_ERRORS_KEY:
        return {"code": "invalid_input", "message": message, **known}
    return {"code": "invalid_input", "message": f"{place}: {message}", "field": place, **known}


def _first(detail: Any, path: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The first message of a nest of errors, and the path of keys and positions that leads to it."""
    if isinstance(detail, Mapping):
        key, inner = next(iter(detail.items()))
        return _first(inner, (*path, str(key)))
    if isinstance(detail, list):
        position, inner = next((place, item) for place, item in enumerate(detail) if item)
        return _first(inner, path if isinstance(inner, str) else (*path, str(position)))
    return path, str(detail)
