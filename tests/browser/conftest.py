"""A served Hardmine with its demonstration, and a real browser."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.serving import Served
from tests.serving import served as serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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
