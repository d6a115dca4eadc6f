"""A reviewer's day by real key presses: fifty digits, ten pictures with boxes, undo, the table of keys."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shoot
from tests.browser.review.conftest import Reviewer


def test_fifty_digits_take_fifty_keys(come: Callable[..., Reviewer], work: dict[str, Any], record_property) -> None:
    """Enter where the prediction is right, the label's own key where it is wrong; no page is loaded in between."""
    rita = come().open(work["digits"])
    truth = work["digits"]["truth"]
    rita.page.evaluate(
        """() => {
            window.times = [];
            document.addEventListener("keydown", () => (window.pressed = performance.now()), true);
            const there = new MutationObserver(() => window.times.push(performance.now() - window.pressed));
            there.observe(document.querySelector("[data-sample]"), { attributeFilter: ["data-id"] });
        }"""
    )
    keys = []
    for place in range(50):
        right = rita.label == truth[rita.name]
        keys.append("Enter" if right else truth[rita.name])
        if place < 49:
            rita.press(keys[-1])
    rita.page.keyboard.press(keys[-1])
    expect(rita.page.locator("[data-notice]")).to_contain_text("That was the last one of this queue.")
    times = sorted(rita.page.evaluate("window.times"))
    record_property("median_milliseconds_to_the_next_image", times[len(times) // 2])
    assert len(keys) == 50
    assert sum(key != "Enter" for key in keys) == 15
    assert rita.labels() == {name: ("labeled", [label]) for name, label in truth.items()}
    assert rita.complaints == []


def test_ten_pictures_get_their_boxes_right(come: Callable[..., Reviewer], work: dict[str, Any]) -> None:
    """By keys: a box moved and resized, another one relabeled or deleted. By pointer: one drawn."""
    rita = come().open(work["yards"])
    page, drawn = rita.page, {}
    stage = page.locator("[data-editor]")
    for number in range(10):
        area = stage.bounding_box()
        assert area
        left, top = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Control+ArrowRight")
        page.keyboard.press("Tab")
        page.keyboard.press("c" if number % 2 else "Delete")
        page.keyboard.press("0")
        page.mouse.move(left + 31, top - 140)
        page.mouse.down()
        page.mouse.move(left + 90, top - 80, steps=3)
        page.mouse.move(left + 133 + number, top - 60, steps=3)
        page.mouse.up()
        page.keyboard.press("Escape")
        drawn[rita.name] = page.locator(".hm-editor-box").evaluate_all(
            "boxes => boxes.map((box) => box.getAttribute('d'))"
        )
        assert len(drawn[rita.name]) == (3 if number % 2 else 2)
        if number < 9:
            rita.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("[data-notice]")).to_contain_text("That was the last one of this queue.")
    stored = rita.stored()
    assert {sample["status"] for sample in stored.values()} == {"labeled"}
    for name, paths in drawn.items():
        boxes = [[float(number) for number in re.findall(r"[\d.e-]+", path)] for path in paths]
        told = sorted([xmin, ymin, xmax, ymax] for xmin, ymin, xmax, ymax, *_ in boxes)
        assert told == sorted(annotation["box"] for annotation in stored[name]["annotations"]), name
    assert rita.complaints == []


def test_undo_and_redo_lead_back_to_the_images(come: Callable[..., Reviewer], few) -> None:
    rita = come().open(next(few))
    for key in ("5", "F2"):
        rita.press(key)
    rita.page.keyboard.press("F4")
    expect(rita.page.locator("[data-hard]")).to_be_hidden()
    for name, status in (("digit 02.png", "To Be Confirmed"), ("digit 01.png", "To Be Confirmed")):
        rita.page.keyboard.press("Control+z")
        expect(rita.page.locator("[data-name]")).to_have_text(name)
        expect(rita.page.locator("[data-status]")).to_have_text(status)
        expect(rita.page.locator("[data-said]")).to_contain_text("Undone")
    rita.press("Control+z")
    assert rita.name == "digit 00.png"
    assert {status for status, _ in rita.labels().values()} == {"to_be_confirmed"}
    rita.page.keyboard.press("Control+Shift+z")
    expect(rita.page.locator("[data-status]")).to_have_text("Labeled")
    assert rita.labels()["digit 00.png"] == ("labeled", ["5"])
    rita.page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(rita.page.locator("[data-status]")).to_have_text("To Be Confirmed")


def test_the_keys_are_told_and_the_page_works_without_a_mouse(come: Callable[..., Reviewer], few) -> None:
    rita = come().open(next(few))
    rita.page.keyboard.press("?")
    overlay = rita.page.get_by_role("dialog", name="Keys")
    for words in ("confirm as it stands, next", "relabel, confirm, next", "F2", "F4", "Ctrl-Shift-Z"):
        expect(overlay).to_contain_text(words)
    rita.page.keyboard.press("Escape")
    expect(overlay).to_be_hidden()
    before = rita.at
    rita.page.keyboard.press("F6")
    assert rita.page.evaluate("document.activeElement.closest('form') !== null")
    rita.page.keyboard.press("Enter")
    rita.moved(before)
    rita.page.keyboard.press("Escape")
    rita.page.wait_for_url(re.compile(r"/job/\d+/\?"))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_look_right(come: Callable[..., Reviewer], work: dict[str, Any], theme: str, width: int) -> None:
    rita = come(viewport={"width": width, "height": 900}, color_scheme=theme)
    for kind, place in (("digit", work["few"][-1]), ("boxes", work["sheds"])):
        rita.open(place)
        overflow = rita.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
        shoot(rita.page, f"sample-{kind}-{theme}-{width}")
