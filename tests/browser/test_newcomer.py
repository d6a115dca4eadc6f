"""A newcomer's first minutes: log in, open To Be Confirmed, look at why, confirm, and see Labeled grow."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.factories import image_bytes
from tests.serving import Served


def count_of(page: Page, tab: str) -> int:
    """The number that a tab of the labeling job shows."""
    words = page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile(f"^{tab}")).inner_text()
    return int(re.sub(r"\D", "", words.removeprefix(tab)))


def test_a_newcomer_confirms_a_hard_digit(page: Page, served: Served) -> None:
    """From the first page to the first confirmed hard example, by what a newcomer would click and press."""
    shoot(page, "today-light-1440")
    page.get_by_role("link", name="Label Data").first.click()
    page.get_by_role("link", name="digits hard").first.click()
    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed")).click()
    expect(page.locator("[data-grid] li").first).to_be_visible()
    assert page.locator("[data-grid] li").count() >= 20
    expect(page.locator("[data-grid] li").first.get_by_text("Hard example")).to_be_visible()
    expect(page.locator("[data-grid] img").first).to_have_js_property("complete", True)
    assert page.locator("[data-grid] img").first.evaluate("image => image.naturalWidth") > 0
    shoot(page, "grid-light-1440")
    before = {tab: count_of(page, tab) for tab in ("To Be Confirmed", "Labeled")}

    page.locator("[data-grid] li a").first.click()
    expect(page.get_by_role("heading", name="Why it is here")).to_be_visible()
    assert page.locator(".hm-why").count() >= 1
    shoot(page, "sample-light-1440")
    first = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    second = page.url
    page.keyboard.press("7")
    page.wait_for_url(lambda url: url != second)
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/job/\d+/"))

    assert count_of(page, "To Be Confirmed") == before["To Be Confirmed"] - 2
    assert count_of(page, "Labeled") == before["Labeled"] + 2


def test_a_newcomer_uploads_images(page: Page, tmp_path: Path) -> None:
    """Two files chosen in the browser arrive; the location beside them stays empty."""
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for number, file in enumerate(files):
        file.write_bytes(image_bytes(number))
    page.get_by_role("link", name="Datasets").first.click()
    page.get_by_role("link", name="digits", exact=True).first.click()
    page.get_by_role("link", name=re.compile("Import$")).click()
    page.get_by_label("Images or ZIP archives").set_input_files(files)
    page.get_by_role("button", name="Import").click()
    page.wait_for_url(re.compile(r"/importtask/\d+/"))
