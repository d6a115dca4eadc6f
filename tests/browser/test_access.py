"""Every page, in both themes, wide and narrow: usable by everybody, within its window, and safe by its policy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stops import STOPS
from tests.browser.walk import Faults, file_name, places
from tests.serving import ROOT, Served

NAMED = {
    "/admin/",
    "/admin/labeling/job/#/?tab=all",
    "/admin/labeling/job/#/?tab=unlabeled",
    "/admin/labeling/job/#/?tab=to_be_confirmed",
    "/admin/labeling/job/#/?tab=labeled",
    "/admin/labeling/job/#/progress/",
    "/admin/labeling/job/#/history/",
    "/admin/labeling/job/#/sample/#/?tab=to_be_confirmed",
    "/admin/labeling/similar/",
    "/admin/datasets/labelingjob/",
    "/admin/datasets/labelingjob/add/",
    "/admin/batchservices/batchservice/#/change/?tab=sample",
    "/admin/batchservices/batchrun/#/change/",
    "/admin/batchservices/batchrun/minings/#/recut/",
    "/admin/hardexamples/hardexamplefilter/#/change/",
    "/admin/hardexamples/mining/#/change/",
}
"""Pages that the walk must have found, whatever else there is."""


def made(served: Served, module: str) -> Any:
    """What a module puts into the served Hardmine: the last line that it prints."""
    command = [sys.executable, "-m", f"tests.browser.{module}"]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served) -> Iterator[Page]:
    """Somebody who has logged in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{served.address}/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(served.password)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url(f"{served.address}/admin/")
    yield page
    context.close()


@pytest.fixture(scope="module")
def faults(browser: Browser, visitor: Page, served: Served) -> Faults:
    """Walks through all pages once: each is loaded once, and looked at in both themes and sizes."""
    found = places(visitor.context, served)
    assert set(found) >= NAMED, f"not linked from anywhere: {NAMED - set(found)}"
    faults = Faults()
    addresses = {file_name(shaped): address for shaped, address in found.items()}
    addresses |= {name: f"{served.address}{path}" for name, path in made(served, "reviewed").items()}
    page = visitor.context.new_page()
    faults.listen(page)
    for name, address in addresses.items():
        page.goto(address)
        faults.look(page, name)
    page.close()
    for name, stop in STOPS.items():
        page = visitor.context.new_page()
        faults.listen(page)
        stop(page, served)
        faults.look(page, name)
        page.close()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults.listen(page)
    page.goto(f"{served.address}/admin/login/")
    faults.look(page, "login")
    page.get_by_label("Username").fill("somebody")
    page.get_by_label("Password").fill("else")
    page.get_by_label("Password").press("Enter")
    page.get_by_text("Please enter the correct").wait_for()
    faults.look(page, "login-refused")
    context.close()
    return faults


def test_axe_finds_no_serious_fault_on_any_page(faults: Faults) -> None:
    assert not faults.unusable, "\n".join(faults.unusable)


def test_the_policy_refuses_nothing_and_the_console_is_silent(faults: Faults) -> None:
    assert not faults.refused, "\n".join(faults.refused)
    assert not faults.complaints, "\n".join(faults.complaints)


def test_no_page_is_wider_than_its_window(faults: Faults) -> None:
    assert not faults.wide, "\n".join(faults.wide)


def test_hostile_names_stay_text_and_within_the_window(browser: Browser, visitor: Page, served: Served) -> None:
    """Labels, files, reasons, datasets, jobs, models, services, filters, people: on their own pages and in lists."""
    faults, dialogs, alive = Faults(), list[str](), list[str]()
    context = browser.new_context(storage_state=visitor.context.storage_state(), viewport={"width": 390, "height": 900})
    page = context.new_page()
    faults.listen(page)
    page.on("dialog", lambda dialog: (dialogs.append(page.url), dialog.dismiss()))
    for address in made(served, "hostile"):
        answer = page.goto(served.address + address)
        assert answer
        assert answer.status == 200, address
        if page.locator('img[src="x"], [onerror]').count():
            alive.append(address)
        faults.measure(page, address)
    context.close()
    assert not dialogs + alive
    assert not faults.refused + faults.complaints, "\n".join(faults.refused + faults.complaints)
    assert not faults.wide, "\n".join(faults.wide)


def test_the_keyboard_passes_the_side_bar_and_shows_where_it_is(visitor: Page, served: Served) -> None:
    """The first Tab offers the way to the content; on the list of jobs and on a grid every stop can be seen."""
    visitor.set_viewport_size({"width": 1440, "height": 900})
    visitor.goto(f"{served.address}/admin/datasets/labelingjob/")
    visitor.keyboard.press("Tab")
    expect(visitor.get_by_role("link", name="Skip to the content")).to_be_focused()
    visitor.keyboard.press("Enter")
    for place in ("list", "grid"):
        if place == "grid":
            visitor.get_by_role("link", name="digits hard").first.click()
            visitor.wait_for_url("**/labeling/job/*/")
            visitor.keyboard.press("Tab")
            visitor.keyboard.press("Enter")
        stops = []
        for _ in range(12):
            visitor.keyboard.press("Tab")
            stops.append(
                visitor.evaluate(
                    """() => {
                        const here = document.activeElement, style = getComputedStyle(here);
                        const seen = style.outlineStyle !== "none" || style.boxShadow !== "none";
                        const content = document.querySelector("#content").contains(here);
                        return { seen: seen, content: content, what: here.outerHTML.slice(0, 120) };
                    }"""
                )
            )
        assert [stop for stop in stops if stop["content"]] == stops, "the side bar is passed"
        assert not [stop["what"] for stop in stops if not stop["seen"]]
