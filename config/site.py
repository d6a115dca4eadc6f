"""Our admin site."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.sites import UnfoldAdminSite

from config.today import today


class Site(UnfoldAdminSite):
    """The admin, in Hardmine's clothes. Its first page is Today."""

    index_title = "Today"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**today(request), **(extra_context or {})})
