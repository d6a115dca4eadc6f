"""The confirmation page of an admin action: the first POST shows what would happen, the second does it."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.template.response import TemplateResponse


def confirmed(request: HttpRequest, form_class: type[Form] = Form) -> Form | None:
    """The valid form of a second POST, else None: show the page then."""
    if request.POST.get("confirmed") != "yes":
        return None
    form = form_class(request.POST)
    return form if form.is_valid() else None


def confirmation_page(
    admin: ModelAdmin,
    request: HttpRequest,
    rows: QuerySet,
    *,
    action: str,
    title: str,
    sentence: str,
    button: str,
    form_class: type[Form] = Form,
    context: Mapping[str, Any] | None = None,
) -> TemplateResponse:
    """The page that asks before an action is carried out on `rows`.

    Args:
        admin: the model admin whose change list the action stands on.
        request: the POST of the change list, or a second POST with an invalid form.
        rows: what the action would be carried out on.
        action: the action's name in the POST.
        title: the heading.
        sentence: what will happen, with the number.
        button: the word on the button.
        form_class: what else must be chosen.
        context: more for the template.
    """
    form = form_class(request.POST) if request.POST.get("confirmed") == "yes" else form_class()
    return TemplateResponse(
        request,
        "admin/action_confirmation.html",
        {
            **admin.admin_site.each_context(request),
            "title": title,
            "sentence": sentence,
            "button": button,
            "action": action,
            "form": form,
            "opts": admin.model._meta,
            "media": admin.media + form.media,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "examples": list(rows[:12]),
            **(context or {}),
        },
    )
