"""The base of all our admins: what a change list sends as its selection is looked at before any action sees it."""

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold.admin import ModelAdmin


class RowsAdmin(ModelAdmin):
    """Refuses, in words, a selection that can name no rows; Django's own answers it with a fault."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponseBase | None:
        if all(self._may_name_a_row(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, queryset)
        messages.error(request, "The selection names rows that cannot exist. Nothing was changed; select again.")
        return None

    def _may_name_a_row(self, text: str) -> bool:
        key = self.opts.pk
        try:
            key.run_validators(key.to_python(text))
        except ValidationError:
            return False
        return "\0" not in text
