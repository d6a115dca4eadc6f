"""Programs that call the REST API."""

from django.contrib.auth.models import Permission

from tests.described import DescribedClient
from tests.factories import UserFactory


def program(*permissions: str) -> DescribedClient:
    """A client of the API, by its own user with these permissions ("app.codename") and nothing else.
    What it is answered must be as the API describes it."""
    user = UserFactory.create()
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = DescribedClient()
    client.force_authenticate(user)
    return client
