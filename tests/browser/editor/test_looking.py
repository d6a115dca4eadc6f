"""What the box editor shows and tells: the image, its view, words, and a table for the page."""

import io
import math

import pytest
from PIL import Image

from tests.browser.editor.bench import TWO, Bench, box, two


def test_the_image_stands_upright_beneath_its_boxes(bench: Bench) -> None:
    """A photograph that its camera turned: the red quarter is at the upper left, as the numbers say."""
    bench.start()
    bench.until("editor.canvas.image.complete && editor.canvas.image.naturalWidth === 800")
    shot = Image.open(io.BytesIO(bench.page.screenshot()))
    for x, y, red in [(200, 150, True), (380, 290, True), (420, 290, False), (380, 310, False)]:
        pixel = shot.getpixel(tuple(round(number) for number in bench.point(x, y)))
        assert (pixel[0] > 200 and pixel[1] < 60) is red


def test_the_wheel_zooms_about_the_pointer(bench: Bench) -> None:
    """What is under it stays under it; within limits."""
    bench.start(*two())
    at = bench.point(200, 100)
    bench.page.mouse.move(*at)
    bench.page.mouse.wheel(0, -100)
    bench.until("editor.view.scale > 1")
    assert bench.ask("editor.view.scale") == pytest.approx(math.exp(0.15))
    assert bench.point(200, 100) == (pytest.approx(at[0]), pytest.approx(at[1]))
    while (before := bench.ask("editor.view.scale")) < 64:
        bench.page.mouse.wheel(0, -900)
        bench.until(f"editor.view.scale > {before}")
    assert bench.ask("editor.view.scale") == 64
    assert bench.point(200, 100) == (pytest.approx(at[0]), pytest.approx(at[1]))
    bench.press("0")
    bench.press("+", "+")
    assert bench.ask("editor.view.scale") == 1.25**2
    assert bench.point(200, 100) == (pytest.approx(at[0]), pytest.approx(at[1]))
    bench.press("-", "-")
    assert bench.ask("editor.view.scale") == 1


@pytest.mark.parametrize("push", ["Space", "middle"])
def test_pushing_the_image(bench: Bench, push: str) -> None:
    """With Space held, or the middle button; no box moves, and the tap of Space does not count."""
    bench.start(*two(confidence=0.2))
    bench.click(150, 150)
    if push == "Space":
        bench.drag((150, 150), (190, 130), "Space")
    else:
        bench.page.mouse.move(*bench.point(150, 150))
        bench.page.mouse.down(button="middle")
        start = bench.point(150, 150)
        bench.page.mouse.move(start[0] + 40, start[1] - 20)
        bench.page.mouse.up(button="middle")
    assert bench.ask("[editor.view.x, editor.view.y, editor.view.scale]") == [54, -6, 1]
    assert bench.boxes == [list(numbers) for numbers in TWO]
    assert bench.ask("[told.change, editor.table()[0].dashed]") == [0, True]


def test_the_image_stays_in_sight(bench: Bench) -> None:
    """However far it is pushed."""
    bench.start()
    for _ in range(3):
        bench.drag((100, 100), (900, 100), "Space")
    assert bench.ask("editor.view.x") == 828 - 48


def test_hidden_boxes(bench: Bench) -> None:
    """F8 hides and shows them; a drag then pushes the image instead of drawing over what is not seen."""
    bench.start(*two())
    bench.press("F8")
    assert bench.page.locator(".hm-editor-boxes").is_hidden()
    bench.drag((150, 150), (190, 130))
    bench.click(350, 150)
    assert (bench.boxes, bench.chosen) == ([list(numbers) for numbers in TWO], [])
    bench.press("F8")
    assert bench.page.locator(".hm-editor-boxes").is_visible()
    bench.press("F8", "Tab")
    assert bench.page.locator(".hm-editor-boxes").is_visible(), "choosing a box shows them again"


def test_the_stage_may_change_its_size(bench: Bench) -> None:
    """The whole image stays whole; a zoomed one keeps its middle; gestures stay exact."""
    bench.start()
    try:
        bench.ask("() => {editor.element.style.width = '428px'; editor.element.style.height = '328px'}")
        bench.until("editor.view.scale === 0.5")
        bench.drag((100, 100), (200, 300))
        assert bench.boxes == [[100, 100, 200, 300]]
        bench.press("+")
        middle = bench.ask("(({scale, x}) => (214 - x) / scale)(editor.view)")
        bench.ask("() => {editor.element.style.width = ''; editor.element.style.height = ''}")
        bench.until("editor.camera.stage.width === 828")
        assert bench.ask("(({scale, x}) => (414 - x) / scale)(editor.view)") == pytest.approx(middle)
    finally:
        bench.ask("() => {editor.element.style.width = ''; editor.element.style.height = ''}")


def test_the_table_beside_the_image(bench: Bench) -> None:
    """Everything that a row shows, and choosing from it by an id that has become text."""
    bench.start(box(7, [1, 2, 3, 4], reasons=["low confidence"], hard=True, coefficient=0.8, confidence=0.4))
    [row] = bench.ask("editor.table()")
    assert row == {
        "id": 7,
        "index": 1,
        "label": "cat",
        "color": "#e6194b",
        "box": [1, 2, 3, 4],
        "confidence": 0.4,
        "origin": "model",
        "hard": True,
        "coefficient": 0.8,
        "reasons": ["low confidence"],
        "chosen": False,
        "dashed": True,
    }
    bench.ask("editor.select(['7', 'gone'])")
    assert bench.chosen == [7]
    assert bench.spoken == "Box 1 of 1: cat .40 · hard, to be accepted, 2 by 2 at 1, 2"
    assert bench.ask("told.select") == 1


def test_hostile_labels_stay_text(bench: Bench) -> None:
    """A label with HTML in it is shown and spoken as it is written."""
    name = "<img src=x onerror=alert(1)>\"'&</text><script>alert(2)</script>"
    bench.start(box("a", [10, 10, 200, 200], label=name), labels=[{"name": name, "color": "#e6194b", "shortcut": "c"}])
    bench.click(100, 100)
    assert bench.page.locator(".hm-editor-words:visible").inner_text().startswith(name)
    assert name in bench.spoken
    assert bench.ask("editor.element.querySelectorAll('script').length") == 0
    assert bench.ask("editor.element.querySelectorAll('img').length") == 1
    assert bench.labels == [name]


def test_a_missing_image_is_told(bench: Bench) -> None:
    """In its place and to those who hear the page."""
    bench.start(image="/broken.jpg")
    bench.page.wait_for_selector(".hm-editor-problem")
    assert bench.spoken == "The image could not be loaded."


def test_destroying_leaves_the_element_as_it_was(bench: Bench) -> None:
    """No node, no attribute, no listener stays."""
    bench.start(*two())
    bench.press("d")
    bench.ask("editor.destroy()")
    assert bench.ask("document.getElementById('stage').innerHTML") == ""
    assert bench.ask("document.getElementById('stage').getAttributeNames()") in (["id"], ["id", "class", "style"])
    bench.drag((150, 150), (180, 190))
    assert bench.ask("told.change") == 0


def test_a_screen_reader_knows_what_it_is(bench: Bench) -> None:
    """A named application with its keys described; the drawing itself is silent."""
    bench.start(*two())
    editor = bench.page.get_by_role("application", name="Boxes of street.jpg")
    assert editor.get_attribute("aria-roledescription") == "box editor"
    described = bench.page.locator(f"#{editor.get_attribute('aria-describedby')}")
    assert "Escape, then Tab" in str(described.text_content())
    assert bench.ask("document.querySelector('.hm-editor-boxes').getAttribute('aria-hidden')") == "true"
    bench.press("Tab")
    assert bench.ask("getComputedStyle(editor.element).outlineStyle") == "solid"
    assert bench.spoken == "Box 1 of 2: cat .90, 100 by 100 at 100, 100"
