"""Auto grouping from the page of a labeling job, to the end: start, wait, open a group, label all of it, go on."""

import re
import secrets
import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.serving import ROOT, Served

MINUTE = 60_000


def test_images_are_grouped_and_a_group_is_labeled_at_once(page: Page, served: Served) -> None:
    command = [sys.executable, "-m", "tests.browser.unlabeled", f"digits {secrets.token_hex(3)}"]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    page.goto(f"{served.address}{done.stdout.splitlines()[-1]}")
    page.get_by_role("link", name="Auto Grouping").click()
    page.get_by_label("Groups").fill("3")
    shoot(page, "auto-grouping-start")
    page.get_by_role("button", name="Start").click()
    groups = page.locator(".hm-groups li")
    expect(groups).to_have_count(3, timeout=2 * MINUTE)  # the page reloads at its end
    expect(page.get_by_text("66 images are in 3 groups")).to_be_visible()
    expect(groups.first.locator("img")).to_have_count(6)
    shoot(page, "auto-grouping-groups")
    shown = int(re.search(r"(\d+) unlabeled", groups.first.inner_text())[1])

    groups.first.get_by_role("link").click()
    tabs = page.get_by_role("navigation", name="Status")
    expect(page.get_by_label("Sample Attribute")).to_have_value(re.compile(r"\d+"))
    shoot(page, "auto-grouping-group")
    page.get_by_role("button", name=f"Select all {shown}").click()
    page.get_by_role("form", name="Selection").locator(".hm-choices label").first.click()
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing of group 1 is unlabeled")).to_be_visible()
    expect(tabs.get_by_role("link", name=re.compile("^Labeled"))).to_contain_text(str(24 + shown))
    shoot(page, "auto-grouping-labeled")
    page.get_by_role("link", name="Next group with unlabeled images", exact=True).click()
    expect(page.locator(".hm-hold").get_by_text("group 2")).to_be_visible()
    expect(page.locator("[data-grid] li").first).to_be_visible()

    page.get_by_role("navigation", name="Labeling job").get_by_role("link", name="Auto Labeling").click()
    expect(page.get_by_role("table")).to_contain_text("66 images are in 3 groups")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    expect(groups.first).to_contain_text("all decided")
    page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")
    page.reload()
    shoot(page, "auto-grouping-groups-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "auto-grouping-groups-phone-dark")
    groups.nth(1).get_by_role("link").click()
    expect(page.locator("[data-grid] li").first).to_be_visible()
    shoot(page, "auto-grouping-group-phone-dark")
