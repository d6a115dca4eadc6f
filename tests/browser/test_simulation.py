"""Whether the orders would save work, simulated from the page of a labeling job to the plot."""

import re
import secrets
import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.serving import ROOT, Served

MINUTE = 60_000


def test_a_simulation_is_started_and_its_plot_is_seen(page: Page, served: Served) -> None:
    command = [sys.executable, "-m", "tests.browser.unlabeled", f"simulated {secrets.token_hex(3)}", "80"]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    page.goto(f"{served.address}{done.stdout.splitlines()[-1]}")
    page.get_by_role("navigation", name="Labeling job").get_by_role("link", name="Simulate").click()
    expect(page.get_by_text("No simulation yet")).to_be_visible()
    shoot(page, "simulation-none")
    page.get_by_role("button", name="Simulate").click()
    expect(page.get_by_role("img", name=re.compile("^Accuracy by labels given"))).to_be_visible(timeout=3 * MINUTE)
    expect(page.get_by_text("From 80 labeled images in 8 rounds")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Most useful first")).to_be_visible()
    shoot(page, "simulation")
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, "simulation-phone")
    page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")
    page.reload()
    shoot(page, "simulation-phone-dark")
    page.set_viewport_size({"width": 1440, "height": 900})
    shoot(page, "simulation-dark")
