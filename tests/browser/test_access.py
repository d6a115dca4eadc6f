"""Every page, in both themes, wide and narrow: usable by everybody, within its window, and safe by its policy."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import shoot
from tests.browser.walk import Faults, file_name, places, wear
from tests.serving import ROOT, Served

WIDTHS = (1440, 390)
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


def choose(page: Page) -> None:
    """Opens the filters of a grid and chooses two cards."""
    page.locator(".hm-filters summary").click()
    page.locator(".hm-card .hm-facts").nth(0).click()
    page.locator(".hm-card .hm-facts").nth(1).click(modifiers=["Control"])
    expect(page.locator("[data-selection]")).to_be_visible()


def show_keys(page: Page) -> None:
    """Opens the table of keys."""
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def sample_of(page: Page, served: Served, job: str) -> str:
    """The address of the hardest sample of a job that waits."""
    page.goto(f"{served.address}/admin/datasets/labelingjob/")
    page.get_by_role("link", name=job, exact=True).first.click()
    return page.locator(".hm-picture").first.evaluate("link => link.href")


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
def faults(visitor: Page, served: Served) -> Faults:
    """Walks through all pages once: each is loaded once, and looked at in both themes and sizes."""
    found = places(visitor.context, served)
    assert set(found) >= NAMED, f"not linked from anywhere: {NAMED - set(found)}"
    faults = Faults()
    faults.listen(visitor)
    pages: list[tuple[str, str, Callable[[Page], None] | None]] = [
        (file_name(shaped), address, None) for shaped, address in found.items()
    ]
    digit = sample_of(visitor, served, "digits hard")
    pages += [
        ("grid-chosen", re.sub("sample/.*?[?]", "?", digit), choose),
        ("sample-classification", digit, None),
        ("sample-keys", digit, show_keys),
        ("sample-detection", sample_of(visitor, served, "trees hard"), None),
    ]
    for name, address, prepare in pages:
        visitor.goto(address)
        if prepare:
            prepare(visitor)
        for theme in ("light", "dark"):
            wear(visitor, theme)
            faults.examine(visitor, name, theme=theme)
            for width in WIDTHS:
                visitor.set_viewport_size({"width": width, "height": 900})
                shoot(visitor, f"{name}-{theme}-{width}")
                faults.measure(visitor, name)
            visitor.set_viewport_size({"width": WIDTHS[0], "height": 900})
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
    command = [sys.executable, "-m", "tests.browser.hostile"]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    faults, dialogs, alive = Faults(), list[str](), list[str]()
    context = browser.new_context(
        storage_state=visitor.context.storage_state(), viewport={"width": WIDTHS[-1], "height": 900}
    )
    page = context.new_page()
    faults.listen(page)
    page.on("dialog", lambda dialog: (dialogs.append(page.url), dialog.dismiss()))
    for address in json.loads(done.stdout.splitlines()[-1]):
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
    visitor.set_viewport_size({"width": WIDTHS[0], "height": 900})
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
