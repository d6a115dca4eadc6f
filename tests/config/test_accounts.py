"""Staff are not administrators, and a token is seen once."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from knox.models import AuthToken

from tests.factories import StaffFactory, UserFactory


@pytest.fixture
def clerk(db, client) -> User:
    """Of the staff, may change users."""
    user = UserFactory(username="clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="auth", content_type__model__in=["user", "group"])
    )
    client.force_login(user)
    return user


def change(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def test_an_administrator_opens_every_page(client, db):
    administrator = StaffFactory()
    client.force_login(administrator)
    group = Group.objects.create(name="reviewers")
    for address in (
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_add"),
        change(administrator),
        reverse("admin:auth_user_password_change", args=[administrator.pk]),
        reverse("admin:auth_group_changelist"),
        reverse("admin:auth_group_change", args=[group.pk]),
        reverse("admin:knox_authtoken_changelist"),
    ):
        assert client.get(address).status_code == 200, address


def test_staff_give_no_rights_to_anybody(clerk, client):
    other = UserFactory(username="other")
    rights = {"is_staff": "on", "is_superuser": "on", "is_active": "on", "user_permissions": ["1"]}
    for user in (clerk, other):
        client.post(change(user), {"username": user.username, "first_name": "Kim", **rights})
        after = User.objects.get(pk=user.pk)
        assert after.first_name == "Kim"
        assert not after.is_superuser
        assert after.is_staff == user.is_staff
        assert set(after.user_permissions.all()) == set(user.user_permissions.all())


def test_staff_do_not_touch_the_account_of_who_may_do_more(clerk, client):
    administrator = StaffFactory(username="root")
    manager = UserFactory(username="manager", is_staff=True)
    manager.user_permissions.set(Permission.objects.filter(codename="delete_dataset"))
    for user in (administrator, manager):
        password = user.password
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        words = {"password1": "a new one 4711", "password2": "a new one 4711", "usable_password": "true"}
        assert client.post(address, words).status_code == 403
        assert client.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403
        assert User.objects.get(pk=user.pk).password == password


def test_staff_do_not_write_roles(clerk, client):
    group = Group.objects.create(name="reviewers")
    assert client.post(reverse("admin:auth_group_add"), {"name": "mine"}).status_code == 403
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code == 403


def test_a_token_is_shown_once_and_works(clerk, client):
    address = reverse("admin:auth_user_create_api_token", args=[clerk.pk])
    assert client.get(address).status_code == 200
    assert not AuthToken.objects.exists()
    page = client.post(address)
    token = page.context["token"]
    assert token in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert token not in client.get(address).content.decode()
    assert AuthToken.objects.get().user == clerk


def test_nobody_makes_a_token_for_somebody_else_but_an_administrator(clerk, client):
    other = UserFactory()
    address = reverse("admin:auth_user_create_api_token", args=[other.pk])
    assert client.post(address).status_code == 403
    client.force_login(StaffFactory())
    assert client.post(address).status_code == 200
    assert AuthToken.objects.get().user == other
