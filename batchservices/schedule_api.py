"""When services start by themselves, through the REST API."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from batchservices.models import BatchService
from batchservices.schedules import set_schedule
from batchservices.serializers import ServiceSerializer
from config.api.doors import Door
from config.api.strict import Strict


class ScheduleInput(Strict):
    """A cron line of five fields, by the clock of the server; blank: the service starts by hand only."""

    schedule = serializers.CharField(max_length=100, allow_blank=True)


class ServiceScheduleDoor(Door):
    """When a service starts by itself."""

    queryset = BatchService.objects.select_related("created_by")
    lookup_value_converter = "int"
    permissions = {"schedule": "batchservices.change_batchservice"}

    @extend_schema(request=ScheduleInput, responses=ServiceSerializer)
    @action(detail=True, methods=["put"])
    def schedule(self, request: Request, pk: int) -> Response:
        """Set when a service starts by itself; `due_at` is the next time, `schedule_words` what came of the last."""
        service = set_schedule(service=self.get_object(), **self.said(ScheduleInput), by=self.caller)
        return self.answer(service, ServiceSerializer)
