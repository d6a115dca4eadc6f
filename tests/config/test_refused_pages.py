"""Where a page cannot answer, it says so in the product's look, and tells nothing of what is inside."""

import pytest
from django.test import Client

from config import site
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    """Somebody of the staff with every permission, whose forms need their token."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(UserFactory(username="ann", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(
    "address", ["/admin/labeling/job/999/", "/admin/nothing/", "/nothing", "/admin/media/sample/9/image"]
)
def test_staff_are_told_within_the_side_bar_that_nothing_is_there(browser: Client, address: str) -> None:
    answer = browser.get(address)
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "There is nothing here" in page
    assert 'id="nav-sidebar"' in page
    assert "matches the given query" not in page


def test_strangers_see_no_side_bar() -> None:
    answer = Client().get("/nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert "nav-sidebar" not in answer.content.decode()


def test_who_may_not_is_told_so_with_the_way_back() -> None:
    client = Client()
    client.force_login(UserFactory(is_staff=True))
    answer = client.get("/admin/datasets/dataset/")
    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()
    assert 'href="/admin/"' in answer.content.decode()


def test_a_form_without_its_token_says_what_to_do(browser: Client) -> None:
    answer = browser.post("/admin/datasets/dataset/add/", {"name": "cats"})
    assert answer.status_code == 403
    assert "This page has expired" in answer.content.decode()
    assert "Nothing was saved" in answer.content.decode()


def test_a_fault_and_a_foreign_host_need_nothing_of_what_broke(browser: Client, monkeypatch) -> None:
    def broken(*arguments, **named):
        raise RuntimeError("secret /srv/hardmine SELECT 1")

    monkeypatch.setattr(site, "today", broken)
    answer = browser.get("/admin/")
    page = answer.content.decode()
    assert (answer.status_code, "Something broke here" in page, "secret" in page) == (500, True, False)
    answer = browser.get("/admin/login/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "This request cannot be read" in answer.content.decode()


def test_the_api_answers_in_its_own_way(browser: Client) -> None:
    for address in ("/api/v1/nothing/", "/api/nothing", "/api/v1/datasets/999/"):
        assert browser.get(address).json()["code"] == "not_found"
