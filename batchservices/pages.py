"""Pages of our own within the admin: instead of its form for one row, for a form that calls a verb, for a button."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from batchservices.forms import show_refusal
from config.refusals import Refused
from config.selection import RowsAdmin


class PagesAdmin(RowsAdmin):
    """An admin whose single rows have a page of our own instead of the form."""

    list_per_page = 50

    def page_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page of one row."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return self.page_of(request, object_id)

    def route(self, address: str, view: Callable[..., HttpResponse], name: str, *methods: str) -> URLPattern:
        """An address below this model's list, for staff only, for these methods."""
        full = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        allowed = require_http_methods(methods or ("GET", "POST"))(partial(view, self))
        return path(address, self.admin_site.admin_view(allowed), name=full)


class UsedRowsStay(RowsAdmin):
    """Refuses to delete what others still use, and says who in one line instead of listing a million rows."""

    def uses_of(self, row: Any) -> str:
        """Who uses the row, in words; empty for nobody."""
        raise NotImplementedError

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        row = self.get_object(request, object_id)
        uses = self.uses_of(row) if row is not None and self.has_delete_permission(request, row) else ""
        if not uses:
            return super().delete_view(request, object_id, extra_context)
        messages.error(request, f"{row} cannot be deleted: {uses}")
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
        )

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> tuple:
        rows = list(objs)
        protected = [f"{row}: {uses}" for row in rows if (uses := self.uses_of(row))]
        name = str(rows[0]._meta.verbose_name_plural) if rows else ""
        return [str(row) for row in rows], {name: len(rows)}, set(), protected


def found(admin: ModelAdmin, request: HttpRequest, object_id: str | int) -> Any:
    """The row that an address names. Raises Http404 where there is none."""
    row = admin.get_object(request, str(object_id))
    if row is None:
        raise Http404(f"There is no {admin.opts.verbose_name} {object_id}.")
    return row


def page(admin: ModelAdmin, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    """A page of our own within the admin."""
    request.current_app = admin.admin_site.name
    return TemplateResponse(
        request,
        template,
        {**admin.admin_site.each_context(request), "opts": admin.opts, "media": admin.media, **context},
    )


def form_page(
    admin: ModelAdmin,
    request: HttpRequest,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], str],
    **context: Any,
) -> HttpResponse:
    """Shows a form; a whole one is handed to `verb`, which returns where to go. What it refuses stands at its field."""
    if request.method == "POST" and form.is_valid():
        try:
            return HttpResponseRedirect(verb(form.cleaned_data))
        except Refused as refused:
            show_refusal(form, refused, otherwise="profile" if refused.code == "bad_profile" else None)
    return page(admin, request, "admin/batchservices/form.html", form=form, **context)
