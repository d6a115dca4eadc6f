"""Every page, in both themes, wide and narrow: usable by everybody, within its window, and safe by its policy."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stops import STOPS
from tests.browser.walk import TURNED, Faults, file_name, places
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
    for module in ("reviewed", "underway"):
        addresses |= {name: f"{served.address}{path}" for name, path in made(served, module).items()}
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


@pytest.fixture(scope="module")
def hostile(served: Served) -> list[str]:
    """Addresses of pages full of hostile names."""
    return made(served, "hostile")


class Watch:
    """A page of somebody who has logged in, and whether what it shows is only text."""

    def __init__(self, page: Page) -> None:
        self.page, self.faults, self.broken = page, Faults(), list[str]()
        self.faults.listen(page)
        page.on("dialog", lambda dialog: (self.broken.append(f"{page.url}: {dialog.message}"), dialog.dismiss()))

    def look(self, name: str) -> None:
        """No element came to life, nothing is too wide, no name turned the words after it."""
        alive = self.page.locator('img[src="x"], [onerror]').count()
        turned = self.page.evaluate(TURNED)
        self.broken += [f"{name}: {alive} elements of names"] * bool(alive)
        self.broken += [f"{name}: a name turns {words}" for words in turned]
        self.faults.measure(self.page, name)

    def judge(self) -> None:
        """Fails the test with all that was wrong."""
        faults = self.faults
        wrong = self.broken + faults.refused + faults.complaints + faults.wide
        assert not wrong, "\n".join(wrong)


@pytest.fixture
def watch(browser: Browser, visitor: Page) -> Iterator[Watch]:
    """On a phone, where long names have the least room."""
    state = visitor.context.storage_state()
    context = browser.new_context(storage_state=state, viewport={"width": 390, "height": 900})
    yield Watch(context.new_page())
    context.close()


def test_hostile_names_stay_text_and_within_the_window(watch: Watch, hostile: list[str], served: Served) -> None:
    """Labels, files, reasons, datasets, jobs, models, services, filters, people: on their own pages and in lists."""
    for address in hostile:
        answer = watch.page.goto(served.address + address)
        assert answer
        assert answer.status == 200, address
        watch.look(address)
    watch.judge()


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_hostile_names_stay_text_in_what_scripts_show(
    watch: Watch, hostile: list[str], served: Served, task: str
) -> None:
    """The next sample, the history of a step and its undoing, who was faster, reasons of the filters, notices."""
    samples = [address for address in hostile if "/labeling/" in address and "/sample/" in address]
    address = served.address + samples[1 if task == "classification" else 3]
    page, other = watch.page, watch.page.context.new_page()

    def press(key: str) -> None:
        """A key, and its answer."""
        page.evaluate("() => (document.querySelector('[data-said]').textContent = '')")
        page.keyboard.press(key)
        page.wait_for_selector("[data-said]:not(:empty)", state="attached")
        page.wait_for_selector("[data-sample]:not(.hm-sent)")
        watch.look(f"{task} after {key}")

    for each in (page, other):
        each.goto(address)
        each.wait_for_selector("[data-sample][data-id]")
    press("F4")
    other.keyboard.press("F4")
    notice = other.get_by_role("alert")
    expect(notice).to_contain_text("somebody was faster")
    assert not other.evaluate(TURNED)
    assert not other.locator('img[src="x"], [onerror]').count()
    for key in ("F2", "Control+z", "Control+Shift+z", "Control+z"):
        press(key)
    page.goto(re.sub("sample/.*", "?tab=all", address))
    page.locator(".hm-filters summary").click()
    expect(page.locator(".hm-reasons")).to_be_visible()
    watch.look(f"{task} reasons")
    page.locator(".hm-check").first.check()
    page.get_by_role("button", name="Unmark", exact=True).click()
    page.get_by_text(re.compile(r"\d (unmarked|passed over)")).first.wait_for()
    watch.look(f"{task} batch")
    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("button", name=re.compile("^(Undo|Redo)$")).first.click()
    page.get_by_text("as it was before").or_(page.get_by_text("as they were before")).wait_for()
    watch.look(f"{task} undone")
    watch.judge()


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
