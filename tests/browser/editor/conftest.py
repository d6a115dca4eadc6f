"""The page with the box editor, opened once for all its tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.editor.bench import ADDRESS, Bench, answer


@pytest.fixture(scope="package")
def page(browser: Browser) -> Iterator[Page]:
    """The page with nothing in it yet. An error in its console, a refused style or script, fails the test."""
    page = browser.new_context(viewport={"width": 1000, "height": 800}).new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("**/*", answer)
    page.goto(ADDRESS)
    Bench(page).until("window.ready")
    yield page
    assert not complaints
    page.context.close()


@pytest.fixture
def bench(page: Page) -> Iterator[Bench]:
    """The editor, with the mouse away from it, no key held, and no box."""
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    yield Bench(page)
    assert page.evaluate("!window.editor?.gestures.busy")
