"""A served Hardmine with its demonstration, and a real browser."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.serving import ROOT, Served
from tests.serving import served as serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of this folder."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, closed before other tests: its event loop keeps Django's models out.

    Without one the test is skipped, unless HARDMINE_BROWSER_REQUIRED says that it must run.
    """
    if CHROMIUM is None:
        if os.environ.get("HARDMINE_BROWSER_REQUIRED"):
            pytest.fail("No Chromium is installed, and HARDMINE_BROWSER_REQUIRED is set.")
        pytest.skip("no Chromium is installed: the browser test is skipped (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page of somebody who has logged in; an error in its console fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.text} at {message.location}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{served.address}/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(served.password)
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()
    page.wait_for_url(f"{served.address}/admin/")
    yield page
    assert not complaints
    context.close()


def shoot(page: Page, name: str, *, whole: bool = False) -> Path:
    """A picture of what is in the window, or of the whole page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    place = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=place, full_page=whole)
    return place
