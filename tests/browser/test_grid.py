"""Choosing and deciding on the grid, by mouse and by keys."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.serving import Served


@pytest.fixture
def grid(page: Page, served: Served) -> Page:
    """To Be Confirmed of the digits that are hard."""
    page.goto(f"{served.address}/admin/datasets/labelingjob/")
    page.get_by_role("link", name="digits hard").first.click()
    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed")).click()
    expect(page.locator("[data-grid] li").nth(10)).to_be_visible()
    return page


def chosen(page: Page) -> list[int]:
    """The places of the chosen cards."""
    return page.locator(".hm-card").evaluate_all(
        "cards => cards.flatMap((card, place) => card.classList.contains('hm-chosen') ? [place] : [])"
    )


def test_cards_are_chosen_by_click_shift_click_drag_and_keys(grid: Page) -> None:
    cards = grid.locator(".hm-card")
    cards.nth(1).locator(".hm-facts").click()
    cards.nth(3).locator(".hm-facts").click(modifiers=["Shift"])
    assert chosen(grid) == [1, 2, 3]
    expect(grid.locator("[data-selection] header")).to_contain_text("3 selected")
    grid.keyboard.press("Escape")
    assert chosen(grid) == []
    expect(grid.locator("[data-selection]")).to_be_hidden()

    first, second = cards.nth(0).bounding_box(), cards.nth(1).bounding_box()
    assert first
    assert second
    grid.mouse.move(first["x"] + 20, first["y"] + 60)
    grid.mouse.down()
    grid.mouse.move(second["x"] + 30, second["y"] + 80, steps=4)
    grid.mouse.up()
    assert chosen(grid) == [0, 1]
    assert "/job/" in grid.url, "a drag opens no picture"
    assert "/sample/" not in grid.url

    grid.keyboard.press("Escape")
    cards.nth(0).locator(".hm-picture").focus()
    grid.keyboard.press("ArrowRight")
    grid.keyboard.press(" ")
    grid.keyboard.press("Shift+ArrowRight")
    assert chosen(grid) == [1, 2]


def test_the_keys_of_the_grid_are_told(grid: Page) -> None:
    grid.keyboard.press("?")
    expect(grid.get_by_role("dialog", name="Keys")).to_contain_text("choose the card")
    grid.keyboard.press("?")
    expect(grid.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_all_that_match_are_chosen_and_the_number_is_said(grid: Page) -> None:
    grid.get_by_role("button", name=re.compile("^Select all")).click()
    number = re.sub(r"\D", "", grid.get_by_role("button", name=re.compile("^Select all")).inner_text())
    expect(grid.locator("[data-selection] header")).to_contain_text(f"{number} selected")
    expect(grid.locator("[data-all]")).to_have_value("yes")
    grid.get_by_role("button", name="Select images on current page").click()
    expect(grid.locator("[data-all]")).to_have_value("")


def test_a_batch_is_decided_and_undone_by_keys(grid: Page) -> None:
    def waiting() -> int:
        tab = grid.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed"))
        return int(re.sub(r"\D", "", tab.inner_text()))

    before = waiting()
    grid.locator(".hm-card").nth(2).locator(".hm-facts").click()
    grid.locator(".hm-card").nth(4).locator(".hm-facts").click(modifiers=["Control"])
    grid.get_by_role("button", name="OK", exact=True).click()
    expect(grid.get_by_text("2 Labeled.")).to_be_visible()
    assert waiting() == before - 2
    grid.keyboard.press("Control+z")
    expect(grid.get_by_text("2 as they were before.")).to_be_visible()
    assert waiting() == before


def test_filters_combine_in_the_address(grid: Page) -> None:
    grid.locator(".hm-filters summary").click()
    grid.get_by_label("coefficient from").fill("0.5")
    grid.get_by_label("confidence to").fill("0.9")
    grid.get_by_role("button", name="Apply").click()
    expect(grid.get_by_role("link", name=re.compile("hard coefficient from 0.5"))).to_be_visible()
    assert "coefficient_from=0.5" in grid.url
    assert "confidence_to=0.9" in grid.url
    for number in grid.locator(".hm-words .hm-num").all_inner_texts():
        assert float(number) <= 0.9
    grid.get_by_role("link", name=re.compile("hard coefficient from 0.5")).click()
    assert "coefficient_from" not in grid.url


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_grid_is_shot_in_both_themes_and_sizes(grid: Page, theme: str, width: int) -> None:
    grid.set_viewport_size({"width": width, "height": 900})
    grid.evaluate("theme => localStorage.setItem('adminTheme', JSON.stringify(theme))", theme)
    grid.reload()
    expect(grid.locator("[data-grid] img").first).to_have_js_property("complete", True)
    assert grid.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is wider than the page"
    shoot(grid, f"grid-{theme}-{width}")
