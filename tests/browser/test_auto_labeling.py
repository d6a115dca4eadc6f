"""Auto labeling from the page of a labeling job, to the end: start, see progress, confirm, see Labeled grow."""

import re
import secrets
import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.serving import ROOT, Served

MINUTE = 60_000


def test_what_is_unlabeled_is_labeled_and_confirmed(page: Page, served: Served) -> None:
    command = [sys.executable, "-m", "tests.browser.unlabeled", f"digits {secrets.token_hex(3)}"]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    page.goto(f"{served.address}{done.stdout.splitlines()[-1]}")
    tabs = page.get_by_role("navigation", name="Status")
    expect(tabs.get_by_role("link", name=re.compile("^Labeled"))).to_contain_text("24")
    page.get_by_role("link", name="Start Auto Labeling").click()
    page.get_by_label("Type").select_option("accurate")
    shoot(page, "auto-labeling-start")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("[data-grid] li").nth(10)).to_be_visible(timeout=2 * MINUTE)  # the page reloads at its end
    expect(tabs.get_by_role("link", name=re.compile("^To Be Confirmed"))).to_contain_text("66")
    shoot(page, "auto-labeling-results")
    page.get_by_role("navigation", name="Order").get_by_role("link", name="most useful first").click()
    expect(page.get_by_role("navigation", name="Order").locator("[aria-current]")).to_have_text("most useful first")
    page.get_by_role("button", name="Select images on current page").click()
    page.get_by_role("button", name="OK", exact=True).click()
    expect(tabs.get_by_role("link", name=re.compile("^Labeled"))).not_to_contain_text("24")
    expect(tabs.get_by_role("link", name=re.compile("^To Be Confirmed"))).to_contain_text(
        re.compile(r"\b(\d|1[0-6])\b")
    )

    page.get_by_role("navigation", name="Labeling job").get_by_role("link", name="Auto Labeling").click()
    expect(page.get_by_role("table")).to_contain_text("66 samples came to To Be Confirmed")
    shoot(page, "auto-labeling-history")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    expect(page.get_by_text("Learned from 24 labeled images")).to_be_visible()
    shoot(page, "auto-labeling-task")
    page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")
    page.reload()
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "auto-labeling-task-phone-dark")
