"""Programs that call the REST API."""

from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from tests.factories import UserFactory


def program(*permissions: str) -> APIClient:
    """A client of the API, by its own user with these permissions ("app.codename") and nothing else."""
    user = UserFactory.create()
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = APIClient()
    client.force_authenticate(user)
    return client
