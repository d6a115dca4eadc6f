"""A reviewer's day by real key presses: fifty digits, ten pictures with boxes, and what can go wrong in between."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import shoot
from tests.serving import ROOT, Served

EXPECTED = re.compile(r"Failed to load resource|net::ERR_INTERNET_DISCONNECTED")
"""What Chromium itself says of an answer that is an error; a test that provokes one expects it."""


@pytest.fixture(scope="module")
def work(served: Served) -> dict[str, Any]:
    """Datasets for these tests, and two reviewers."""
    command = [sys.executable, "-m", "tests.browser.bench", secrets.token_hex(3)]
    done = subprocess.run(command, cwd=ROOT, env=served.environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def few(work: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Datasets of four digits; each test takes one."""
    return iter(work["few"])


class Reviewer:
    """Somebody at a browser, who looks at the page and presses keys."""

    def __init__(self, context: BrowserContext, served: Served, person: list[str]) -> None:
        self.context, self.served, self.person = context, served, person
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        self.log_in(self.page)

    def log_in(self, page: Page) -> None:
        page.goto(f"{self.served.address}/admin/login/?next=/admin/password_change/")
        page.get_by_label("Username").fill(self.person[0])
        page.get_by_label("Password").fill(self.person[1])
        page.get_by_label("Password").press("Enter")
        page.wait_for_url("**/password_change/")

    def open(self, place: dict[str, Any]) -> "Reviewer":
        self.place = place
        self.page.goto(f"{self.served.address}{place['address']}")
        self.ready()
        return self

    def ready(self) -> None:
        self.page.wait_for_selector("[data-sample][data-id]")

    @property
    def at(self) -> str:
        return self.page.get_attribute("[data-sample]", "data-id") or ""

    @property
    def name(self) -> str:
        return self.page.inner_text("[data-name]")

    @property
    def label(self) -> str | None:
        return self.page.locator(".hm-label[aria-pressed=true]").first.get_attribute("data-label")

    def press(self, key: str) -> None:
        """A key that leads to another image."""
        before = self.at
        self.page.keyboard.press(key)
        self.moved(before)

    def moved(self, before: str) -> None:
        self.page.wait_for_function("old => document.querySelector('[data-sample]').dataset.id !== old", arg=before)

    def stored(self) -> dict[str, dict[str, Any]]:
        """The samples of the dataset by their names, from the REST API."""
        address = f"{self.served.address}/api/v1/datasets/{self.place['dataset']}/samples/?page_size=100"
        answer = self.page.request.get(address)
        assert answer.ok, answer.text()
        return {sample["name"]: sample for sample in answer.json()["results"]}

    def labels(self) -> dict[str, tuple[str, list[str]]]:
        """Status and labels of each sample."""
        return {
            name: (sample["status"], [annotation["label"] for annotation in sample["annotations"]])
            for name, sample in self.stored().items()
        }


@pytest.fixture
def come(browser: Browser, served: Served, work: dict[str, Any]) -> Iterator[Callable[..., Reviewer]]:
    """Lets reviewers come in; what their consoles complain of fails the test, but for what it provokes."""
    there: list[Reviewer] = []

    def enter(number: int = 0, **options: Any) -> Reviewer:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        there.append(Reviewer(context, served, work["people"][number]))
        return there[-1]

    yield enter
    for reviewer in there:
        assert not [words for words in reviewer.complaints if not EXPECTED.search(words)]
        reviewer.context.close()


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


def drawn(rita: Reviewer) -> list[str]:
    """The boxes as they stand, to the last decimal."""
    return rita.page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")


def lose(rita: Reviewer) -> Reviewer:
    """The tab is gone, as after a crash: nothing is asked. The same person opens the same image again."""
    rita.page.close()
    rita.page = rita.context.new_page()
    return rita.open(rita.place)


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
