"""The base of all views of the API."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.entry import VerbPermission
from config.api.pages import Pages
from config.api.repeats import HEADER, once
from config.refusals import Refused


class Door(viewsets.GenericViewSet):
    """Base of all views: they read the input, call one verb, and write its result.

    permissions: for each action the permission it needs, "app.codename".
    orders: the orders of the list by name, the first one the default; see `Pages`.
    keyed: actions that make something at each call, and so take a key for a request that may come again.
    """

    permissions: ClassVar[Mapping[str, str]] = {}
    keyed: ClassVar[frozenset[str]] = frozenset()
    orders: ClassVar[Mapping[str, Sequence[str]]] = {"newest": ("-id",)}
    permission_classes = [VerbPermission]
    pagination_class = Pages
    filter_backends = [filters.DjangoFilterBackend]
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses what is not declared, once the caller is known and allowed."""
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            # Django would take such a body for an empty one, and a change for none.
            raise Refused("length_required", "Send the body's length, not chunks.", status=411)
        declared = self._declared()
        for name, values in request.query_params.lists():
            if name not in declared:
                words = f"{name[:80]!r} is no parameter of this address."
                raise Refused("unknown_filter", words, field=name[:80])
            if len(values) > 1:
                raise Refused("repeated_filter", f"{name!r} is given more than once.", field=name)
        if self.action in self.keyed and HEADER in request.headers:
            verb = partial(getattr(self, self.action), request, *args, **kwargs)
            self.post = lambda *_, **__: once(request, verb, by=self.caller)

    @property
    def caller(self) -> User:
        """Who calls; the permission let nobody else in."""
        return cast(User, self.request.user)

    def order(self) -> tuple[str, Sequence[str]]:
        """The order asked for, by its name."""
        name = self.request.query_params.get("ordering", next(iter(self.orders)))
        if name not in self.orders:
            words = f"ordering is one of: {', '.join(self.orders)}."
            raise Refused("unknown_ordering", words, field="ordering")
        return name, self.orders[name]

    def said(self, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
        """The body, checked by a serializer."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def answer(self, thing: Any, serializer_class: type[serializers.BaseSerializer], *, status: int = 200) -> Response:
        """The result of a verb, as a serializer writes it."""
        return Response(serializer_class(thing, context=self.get_serializer_context()).data, status=status)

    def _declared(self) -> set[str]:
        if self.action != "list":
            return set()
        filterset = getattr(self, "filterset_class", None)
        ordering = {"ordering"} if len(self.orders) > 1 else set()
        return {"cursor", "page_size"} | ordering | set(filterset.get_filters() if filterset else ())


class Inside(Door):
    """A door to what belongs to one thing: `/datasets/<dataset_id>/samples/`.

    above: the model of the thing.
    column: the foreign key to it; with "_id" it stands in the address.
    """

    above: ClassVar[type[Model]]
    column: ClassVar[str]

    def parent(self) -> Any:
        """The thing, or a 404."""
        return get_object_or_404(self.above._default_manager.all(), pk=self.kwargs[f"{self.column}_id"])

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        return super().filter_queryset(queryset.filter(**{self.column: self.parent()}))
