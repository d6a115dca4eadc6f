"""Who looks at the pages: a reviewer with the rights of one, somebody of the staff without any."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.factories import UserFactory


def rights(*names: str) -> list[Permission]:
    """The permissions "app.codename"."""
    return [
        Permission.objects.get(content_type__app_label=app, codename=codename)
        for app, codename in (name.split(".") for name in names)
    ]


@pytest.fixture
def reviewer(db):
    user = UserFactory(username="rita", is_staff=True)
    user.user_permissions.set(
        rights(
            "datasets.view_sample", "datasets.confirm_sample", "datasets.mark_hard_sample", "datasets.add_to_dataset"
        )
    )
    return user


@pytest.fixture
def review(reviewer) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client


@pytest.fixture
def outsider(db) -> Client:
    client = Client()
    client.force_login(UserFactory(username="otto", is_staff=True))
    return client
