"""Start, Stop and Restart of one service: the buttons, and the page that asks before the list's menu does it."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from batchservices import running
from batchservices.display import page_of_run, page_of_service
from batchservices.models import ACTIVE_RUN, BatchService
from batchservices.pages import found, page
from config.refusals import Refused
from datasets.pages import actor

ASKED = {
    "start": ("Start", "A run begins with the images that are in {0.input_location} now."),
    "stop": ("Stop", "The run stops. What was predicted stays."),
    "restart": (
        "Restart",
        "The run that goes on is stopped; another begins with the images that are in {0.input_location} now, and with "
        "the settings of now.",
    ),
}
"""For each verb its button and what it does."""


def ask(admin: ModelAdmin, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """The page that asks before one of `ASKED` is done; its button does it."""
    check_may(request)
    service = found(admin, request, pk)
    if verb not in ASKED:
        raise Http404("There is no such verb.")
    button, sentence = ASKED[verb]
    return page(
        admin,
        request,
        "admin/batchservices/ask.html",
        original=service,
        title=f"{button} {service}",
        sentence=sentence.format(service),
        button=button,
        address=reverse(f"admin:batchservices_batchservice_{verb}", args=[service.pk]),
        back=page_of_service(service.pk),
    )


def check_may(request: HttpRequest) -> None:
    """Raises PermissionDenied for those who may not start services."""
    if not request.user.has_perm("batchservices.start_batchservice"):
        raise PermissionDenied


def start(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Start button."""
    return _begun(
        admin,
        request,
        pk,
        lambda service: running.start(service=service, by=actor(request), again=bool(request.POST.get("again"))),
    )


def restart(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Restart button."""
    return _begun(admin, request, pk, lambda service: running.restart(service=service, by=actor(request)))


def _begun(admin: ModelAdmin, request: HttpRequest, pk: int, verb: Callable[[BatchService], object]) -> HttpResponse:
    check_may(request)
    service = found(admin, request, pk)
    try:
        messages.success(request, f"{verb(service)} is on its way.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_service(service.pk))


def stop(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The Stop button: of the run that is active."""
    check_may(request)
    service = found(admin, request, pk)
    run = service.runs.filter(status__in=ACTIVE_RUN).first()
    if run is None:
        messages.info(request, f"{service} is not running.")
        return HttpResponseRedirect(page_of_service(service.pk))
    try:
        running.stop(run=run, by=actor(request))
        messages.success(request, f"{run} was told to stop. What was predicted stays.")
    except Refused as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(page_of_run(run.pk))
