"""Input that is what it says: named fields, finite numbers, true or false."""

import math
from collections.abc import Mapping
from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers

from config.refusals import Refused


class Strict(serializers.Serializer):
    """Input that holds the named fields only.

    Raises:
        Refused: unknown_or_read_only_field.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            for key in data:
                if key not in writable:
                    name = str(key)[:80]
                    raise Refused(
                        "unknown_or_read_only_field", f"{name!r} is not a field that can be set here.", field=name
                    )
        return super().to_internal_value(data)


class Nothing(Strict):
    """The body of a verb that takes nothing."""


class FiniteFloat(serializers.FloatField):
    """A float that is a number: DRF's lets "nan" and "inf" pass, which no bound stops."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class TrueOrFalse(filters.TypedChoiceFilter):
    """A filter by `true` or `false`; django-filter's own takes anything else for "no filter"."""

    def __init__(self, **arguments: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(choices=choices, coerce=lambda word: word == "true", **arguments)
