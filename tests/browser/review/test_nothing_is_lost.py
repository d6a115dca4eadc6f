"""A closed tab, a lost network, an expired login, a double click, the back button: one effect, no lost drawing."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.review.conftest import Reviewer, drawn, lose


def test_a_closed_tab_loses_no_drawing(come: Callable[..., Reviewer], work: dict[str, Any]) -> None:
    """It is offered on return, can be taken up or discarded, and is gone once it is saved."""
    rita = come().open(work["lofts"])
    given = drawn(rita)
    for key in ("Tab", "ArrowRight", "Tab", "Delete"):
        rita.page.keyboard.press(key)
    mine = drawn(rita)
    lose(rita)
    offer = rita.page.get_by_role("alert")
    expect(offer).to_contain_text(re.compile(r"Your unsaved drawing from \d\d:\d\d"))
    assert drawn(rita) == given
    offer.get_by_role("button", name="Take it up").click()
    expect(offer).to_be_hidden()
    assert drawn(rita) == mine
    rita.press("Enter")
    claims = rita.stored()
    saved = next(sample for sample in claims.values() if sample["status"] == "labeled")
    assert [annotation["box"][0] for annotation in saved["annotations"]] == [101.125]
    rita.open(rita.place)
    expect(rita.page.locator("[data-status]")).to_have_text("Labeled")
    expect(rita.page.get_by_role("alert")).to_be_hidden()


def test_a_discarded_or_undone_drawing_is_not_offered(come: Callable[..., Reviewer], work: dict[str, Any]) -> None:
    rita = come().open(work["attics"])
    given = drawn(rita)
    rita.page.keyboard.press("Tab")
    rita.page.keyboard.press("ArrowRight")
    lose(rita).page.get_by_role("button", name="Discard", exact=True).click()
    lose(rita)
    assert drawn(rita) == given
    expect(rita.page.get_by_role("alert")).to_be_hidden()
    rita.page.keyboard.press("Tab")
    rita.page.keyboard.press("ArrowRight")
    rita.page.keyboard.press("Control+z")
    lose(rita)
    expect(rita.page.get_by_role("alert")).to_be_hidden()


def test_a_save_waits_for_the_network(come: Callable[..., Reviewer], few) -> None:
    rita = come().open(next(few))
    before = rita.at
    rita.context.set_offline(True)
    rita.page.keyboard.press("4")
    expect(rita.page.get_by_role("alert")).to_contain_text("Not saved yet. There is no connection.")
    rita.page.keyboard.press("5")
    assert (rita.at, rita.label) == (before, "4")
    rita.context.set_offline(False)
    rita.moved(before)
    expect(rita.page.get_by_role("alert")).to_be_hidden()
    assert rita.labels()["digit 00.png"] == ("labeled", ["4"])
    assert [status for status, _ in rita.labels().values()].count("labeled") == 1


def test_an_answer_that_is_lost_is_asked_for_again(come: Callable[..., Reviewer], few) -> None:
    """The server has saved it, but the reviewer never hears: the same token, no second effect, no conflict."""
    rita = come().open(next(few))
    lost = []

    def lose(route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    rita.page.route(f"**/bench/{rita.at}/?*", lose)
    rita.press("4")
    assert lost == [200]
    assert rita.name == "digit 01.png"
    assert rita.labels()["digit 00.png"] == ("labeled", ["4"])
    rita.page.keyboard.press("Control+z")
    expect(rita.page.locator("[data-name]")).to_have_text("digit 00.png")
    assert rita.labels()["digit 00.png"][0] == "to_be_confirmed"


def test_an_expired_login_loses_nothing(come: Callable[..., Reviewer], few) -> None:
    rita = come().open(next(few))
    before = rita.at
    rita.context.clear_cookies()
    rita.page.keyboard.press("4")
    notice = rita.page.get_by_role("alert")
    expect(notice).to_contain_text("Your login has expired.")
    with rita.context.expect_page() as opened:
        notice.get_by_role("link", name="Log in").click()
    rita.log_in(opened.value)
    opened.value.close()
    rita.moved(before)
    assert rita.labels()["digit 00.png"] == ("labeled", ["4"])


def test_a_double_click_has_one_effect_and_back_sends_nothing_again(come: Callable[..., Reviewer], few) -> None:
    rita = come().open(next(few))
    first = rita.at
    rita.page.get_by_role("button", name=re.compile("^6")).dblclick()
    rita.moved(first)
    expect(rita.page.locator("[data-name]")).to_have_text("digit 01.png")
    decided = rita.labels()
    assert decided["digit 00.png"] == ("labeled", ["6"])
    assert [status for status, _ in decided.values()].count("labeled") == 1
    rita.page.go_back()
    expect(rita.page.locator("[data-status]")).to_have_text("Labeled")
    assert (rita.at, rita.label) == (first, "6")
    rita.page.go_forward()
    expect(rita.page.locator("[data-name]")).to_have_text("digit 01.png")
    assert rita.labels() == decided


def test_a_drawing_is_not_left_behind_unasked(come: Callable[..., Reviewer], work: dict[str, Any]) -> None:
    rita = come().open(work["sheds"])
    rita.page.keyboard.press("Tab")
    rita.page.keyboard.press("ArrowRight")
    rita.page.keyboard.press("Escape")
    before = rita.at
    rita.page.keyboard.press("ArrowRight")
    expect(rita.page.get_by_role("dialog")).to_contain_text("Your drawing is not saved.")
    rita.page.get_by_role("button", name="Stay").click()
    assert rita.at == before
    asked = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    rita.page.on("dialog", stay)
    rita.page.evaluate("setTimeout(() => location.reload())")
    expect(rita.page.get_by_role("link", name="Grid", exact=True)).to_be_visible()
    rita.page.get_by_role("link", name="Grid", exact=True).click()
    rita.page.get_by_role("button", name="Discard it").click()
    rita.page.wait_for_url(re.compile(r"/job/\d+/\?"))
    assert asked == ["beforeunload"]
