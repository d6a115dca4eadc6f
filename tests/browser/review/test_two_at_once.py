"""Two reviewers at the same images: who comes second is told, and loses nothing."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.review.conftest import Reviewer, drawn, lose


def test_who_was_overtaken_keeps_the_choice_and_decides(come: Callable[..., Reviewer], few) -> None:
    place = next(few)
    rita, fred = come(0).open(place), come(1).open(place)
    fred.press("2")
    rita.page.keyboard.press("3")
    notice = rita.page.get_by_role("alert")
    expect(notice).to_contain_text("Nothing was saved: somebody was faster.")
    expect(notice).to_contain_text("fred")
    expect(notice).to_contain_text("You chose 3.")
    assert rita.label == "3"
    assert rita.labels()["digit 00.png"] == ("labeled", ["2"])
    for key in ("Tab", "Tab", "Enter"):
        rita.page.keyboard.press(key)
    expect(rita.page.locator("[data-name]")).not_to_have_text("digit 00.png")
    assert rita.labels()["digit 00.png"] == ("labeled", ["3"])


def test_a_drawing_survives_that_somebody_was_faster(come: Callable[..., Reviewer], work: dict[str, Any]) -> None:
    rita, fred = come(0).open(work["sheds"]), come(1).open(work["sheds"])
    fred.press("Enter")
    rita.page.keyboard.press("Tab")
    rita.page.keyboard.press("ArrowRight")
    mine = rita.page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")
    rita.page.keyboard.press("Enter")
    notice = rita.page.get_by_role("alert")
    expect(notice).to_contain_text("somebody was faster")
    drawn = rita.page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")
    assert drawn == mine
    notice.get_by_role("button", name="Take theirs").click()
    expect(notice).to_be_hidden()
    drawn = rita.page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")
    assert drawn != mine


def test_a_drawing_on_an_older_version_is_not_saved_unasked(come: Callable[..., Reviewer], work) -> None:
    """Somebody was faster while the tab was gone: the drawing is taken up, and its owner decides."""
    rita, fred = come(0).open(work["barns"]), come(1).open(work["barns"])
    rita.page.keyboard.press("Tab")
    rita.page.keyboard.press("ArrowRight")
    mine = drawn(rita)
    fred.press("Enter")
    lose(rita).page.get_by_role("button", name="Take it up").click()
    assert drawn(rita) == mine
    rita.page.keyboard.press("Enter")
    notice = rita.page.get_by_role("alert")
    expect(notice).to_contain_text("somebody was faster")
    assert drawn(rita) == mine
    before = rita.at
    notice.get_by_role("button", name="Keep mine on top").click()
    rita.moved(before)
    assert any(annotation["box"][0] == 101.125 for each in rita.stored().values() for annotation in each["annotations"])
