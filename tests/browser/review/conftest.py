"""Reviewers at their browsers, and work for them."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.serving import ROOT, Served

EXPECTED = re.compile(r"Failed to load resource|net::ERR_INTERNET_DISCONNECTED")
"""What Chromium itself says of an answer that is an error; a test that provokes one expects it."""


@pytest.fixture(scope="package")
def work(served: Served) -> dict[str, Any]:
    """Datasets for these tests, and two reviewers."""
    command = [sys.executable, "-m", "tests.browser.bench", secrets.token_hex(3)]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="package")
def few(work: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Datasets of four digits; each test takes one."""
    return iter(work["few"])


class Reviewer:
    """Somebody at a browser, who looks at the page and presses keys."""

    def __init__(self, context: BrowserContext, served: Served, person: list[str]) -> None:
        self.context, self.served, self.person = context, served, person
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        self.log_in(self.page)

    def log_in(self, page: Page) -> None:
        page.goto(f"{self.served.address}/admin/login/?next=/admin/password_change/")
        page.get_by_label("Username").fill(self.person[0])
        page.get_by_label("Password").fill(self.person[1])
        page.get_by_label("Password").press("Enter")
        page.wait_for_url("**/password_change/")

    def open(self, place: dict[str, Any]) -> "Reviewer":
        self.place = place
        self.page.goto(f"{self.served.address}{place['address']}")
        self.ready()
        return self

    def ready(self) -> None:
        self.page.wait_for_selector("[data-sample][data-id]")

    @property
    def at(self) -> str:
        return self.page.get_attribute("[data-sample]", "data-id") or ""

    @property
    def name(self) -> str:
        return self.page.inner_text("[data-name]")

    @property
    def label(self) -> str | None:
        return self.page.locator(".hm-label[aria-pressed=true]").first.get_attribute("data-label")

    def press(self, key: str) -> None:
        """A key that leads to another image."""
        before = self.at
        self.page.keyboard.press(key)
        self.moved(before)

    def moved(self, before: str) -> None:
        self.page.wait_for_function("old => document.querySelector('[data-sample]').dataset.id !== old", arg=before)

    def stored(self) -> dict[str, dict[str, Any]]:
        """The samples of the dataset by their names, from the REST API."""
        address = f"{self.served.address}/api/v1/datasets/{self.place['dataset']}/samples/?page_size=100"
        answer = self.page.request.get(address)
        assert answer.ok, answer.text()
        return {sample["name"]: sample for sample in answer.json()["results"]}

    def labels(self) -> dict[str, tuple[str, list[str]]]:
        """Status and labels of each sample."""
        return {
            name: (sample["status"], [annotation["label"] for annotation in sample["annotations"]])
            for name, sample in self.stored().items()
        }


@pytest.fixture
def come(browser: Browser, served: Served, work: dict[str, Any]) -> Iterator[Callable[..., Reviewer]]:
    """Lets reviewers come in; what their consoles complain of fails the test, but for what it provokes."""
    there: list[Reviewer] = []

    def enter(number: int = 0, **options: Any) -> Reviewer:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        there.append(Reviewer(context, served, work["people"][number]))
        return there[-1]

    yield enter
    for reviewer in there:
        assert not [words for words in reviewer.complaints if not EXPECTED.search(words)]
        reviewer.context.close()


def drawn(rita: Reviewer) -> list[str]:
    """The boxes as they stand, to the last decimal."""
    return rita.page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")


def lose(rita: Reviewer) -> Reviewer:
    """The tab is gone, as after a crash: nothing is asked. The same person opens the same image again."""
    rita.page.close()
    rita.page = rita.context.new_page()
    return rita.open(rita.place)
