"""The page on which people say when a service starts by itself."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from batchservices.display import page_of_service
from batchservices.pages import form_page
from batchservices.schedules import set_schedule
from batchservices.views import editable
from datasets.pages import actor


class ScheduleForm(forms.Form):
    """A cron line, or nothing."""

    schedule = forms.CharField(
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget({"placeholder": "0 2 * * *", "spellcheck": "false"}),
        help_text="Minute, hour, day of the month, month, day of the week. 0 2 * * * is every night at 02:00, "
        "30 6 * * mon-fri every weekday at 06:30. Blank: it starts by hand only.",
    )


def change_schedule(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """The pencil at *Schedule*."""
    service = editable(admin, request, pk)
    form = ScheduleForm(request.POST or None, initial={"schedule": service.schedule})

    def verb(answers: dict[str, Any]) -> str:
        set_schedule(service=service, schedule=answers["schedule"], by=actor(request))
        admin.log_change(request, service, "Changed its schedule.")
        return page_of_service(service.pk)

    title = f"Schedule of {service}"
    return form_page(admin, request, form, verb, original=service, title=title, button="Save")
