"""Whatever a change list is sent as its selection, the answer is words."""

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client, RequestFactory
from django.urls import reverse

from config.selection import RowsAdmin
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

OURS = {model: each for model, each in admin.site._registry.items() if model.__module__ != "django_celery_beat.models"}


def test_all_our_admins_look_at_the_selection() -> None:
    assert [model.__name__ for model, each in OURS.items() if not isinstance(each, RowsAdmin)] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("selected", ["abc", "9" * 30, "1\0"])
def test_a_selection_that_names_no_rows_is_said(client: Client, model: type, selected: str) -> None:
    user = UserFactory(is_staff=True, is_superuser=True)
    request = RequestFactory().get("/")
    request.user = user
    client.force_login(user)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for action in OURS[model].get_actions(request):
        page = client.post(address, {"action": action, ACTION_CHECKBOX_NAME: selected}, follow=True)
        assert page.status_code == 200, action
        if model._meta.model_name != "authtoken":
            assert "The selection names rows that cannot exist." in page.content.decode(), action
