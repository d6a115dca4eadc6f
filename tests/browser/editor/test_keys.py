"""What real key presses do in the box editor, and what they leave to the page."""

import pytest

from tests.browser.editor.bench import EXACT, LABELS, TWO, Bench, box, two


@pytest.mark.parametrize(
    ("key", "by"),
    [
        ("ArrowRight", (1, 0, 1, 0)),
        ("ArrowLeft", (-1, 0, -1, 0)),
        ("ArrowDown", (0, 1, 0, 1)),
        ("ArrowUp", (0, -1, 0, -1)),
        ("Shift+ArrowRight", (10, 0, 10, 0)),
        ("Shift+ArrowUp", (0, -10, 0, -10)),
        ("Control+ArrowRight", (0, 0, 1, 0)),
        ("Control+ArrowLeft", (0, 0, -1, 0)),
        ("Control+ArrowDown", (0, 0, 0, 1)),
        ("Control+Shift+ArrowUp", (0, 0, 0, -10)),
    ],
)
def test_arrows(bench: Bench, key: str, by: tuple[int, int, int, int]) -> None:
    """One pixel of the image, ten with Shift; with Ctrl the lower right corner, whatever the zoom."""
    bench.start(box("a", EXACT))
    bench.press("Tab", key)
    assert bench.boxes == [[number + step for number, step in zip(EXACT, by, strict=True)]]
    bench.press("Control+z")
    assert bench.boxes == [EXACT]


@pytest.mark.parametrize(
    ("turns", "corner", "by"),
    [
        ("", "se", (0, 0, 1, -10)),
        (".", "sw", (1, 0, 0, -10)),
        ("..", "nw", (1, -10, 0, 0)),
        (",", "ne", (0, -10, 1, 0)),
        ("....", "se", (0, 0, 1, -10)),
    ],
)
def test_every_corner_can_be_held(bench: Bench, turns: str, corner: str, by: tuple[int, int, int, int]) -> None:
    """Period and comma go round the corners; Ctrl and an arrow move one edge of the held one, which is filled."""
    bench.start(box("a", EXACT), box("b", [300, 300, 400, 400]))
    bench.press("Tab", *turns, "Control+ArrowRight", "Control+Shift+ArrowUp")
    assert bench.boxes[0] == [number + step for number, step in zip(EXACT, by, strict=True)]
    assert bench.ask("document.querySelector('.hm-held').classList.contains(`hm-editor-${editor.hand.corner}`)")
    assert bench.ask("editor.hand.corner") == corner
    bench.press("Tab")
    assert bench.ask("editor.hand.corner") == "se", "another box begins at the lower right"


def test_the_held_corner_is_said_and_no_other_key(bench: Bench) -> None:
    """Without a chosen box the keys are the page's; a corner stops at the least size, at the image's edge."""
    bench.start(box("a", [5, 5, 25, 25]))
    bench.press(".")
    assert bench.ask("told.unhandled") == ["."]
    bench.press("Tab", ".", ".")
    assert bench.spoken == "Control and arrows move the upper left corner."
    bench.press(*["Control+Shift+ArrowLeft"] * 2, *["Control+Shift+ArrowDown"] * 3)
    assert bench.boxes == [[0, 24, 25, 25]]


def test_arrows_without_a_chosen_box_are_the_page_s(bench: Bench) -> None:
    """As are Enter, the function keys of the page, and Undo with nothing to undo."""
    bench.start(*two())
    keys = ["ArrowRight", "ArrowLeft", "Enter", "F2", "F4", "?", "Delete", "Control+z", "Control+d"]
    bench.press(*keys)
    assert bench.ask("told.unhandled.filter(key => key !== 'Control')") == [key.split("+")[-1] for key in keys]
    assert bench.ask("editor.changed") is False


def test_a_held_arrow_is_one_step_back(bench: Bench) -> None:
    """Twenty repeats of a key are undone at once."""
    bench.start(*two())
    bench.click(150, 150)
    for _ in range(20):
        bench.page.keyboard.down("ArrowRight")
    bench.page.keyboard.up("ArrowRight")
    bench.press("ArrowRight")
    assert bench.boxes[0] == [121, 100, 221, 200]
    bench.press("Control+z")
    assert bench.boxes[0] == [120, 100, 220, 200]
    bench.press("Control+z")
    assert bench.boxes[0] == [100, 100, 200, 200]
    assert bench.ask("editor.canUndo") is False


def test_undo_and_redo(bench: Bench) -> None:
    """Every step back and forth again, to the last decimal; a new change forgets what was undone."""
    bench.start(box("a", EXACT))
    states = [bench.boxes]
    for act in (
        lambda: bench.drag((150, 150), (180, 190)),
        lambda: bench.press("ArrowLeft"),
        lambda: bench.press("Control+ArrowDown"),
        lambda: bench.drag((500, 300), (600, 400)),
        lambda: bench.press("Control+d"),
        lambda: bench.press("Delete"),
    ):
        act()
        states.append(bench.boxes)
    for state in reversed(states[:-1]):
        bench.press("Control+z")
        assert bench.boxes == bench.drawn == state
    assert bench.ask("[editor.changed, editor.canUndo]") == [False, False]
    for state in states[1:]:
        bench.press("Control+Shift+Z")
        assert bench.boxes == bench.drawn == state
    bench.press("Control+z", "Control+z")
    bench.drag((650, 450), (700, 500))
    assert bench.ask("editor.canRedo") is False


def test_label_keys(bench: Bench) -> None:
    """The labels' own shortcuts, letters in either case and digits; also where the keyboard gives other letters."""
    bench.start(*two())
    bench.click(150, 150)
    bench.press("7")
    assert bench.labels == ["seven", "cat"]
    bench.press("Shift+D")
    assert bench.labels == ["dog", "cat"]
    bench.ask("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'с', code: 'KeyC', bubbles: true}))")
    assert bench.labels == ["cat", "cat"]
    bench.press("x")
    assert bench.labels == ["cat", "cat"]
    assert bench.boxes == [list(numbers) for numbers in TWO]


def test_a_label_may_have_the_zero(bench: Bench) -> None:
    """Then it is the label's; otherwise it shows the whole image."""
    bench.start(*two(), labels=[*LABELS, {"name": "zero", "color": "#000000", "shortcut": "0"}])
    bench.click(150, 150)
    bench.press("0")
    assert bench.labels == ["zero", "cat"]


def test_an_armed_label_can_be_put_away(bench: Bench) -> None:
    """By its key or by Escape, which then is not the page's."""
    bench.start()
    bench.press("d", "d")
    assert bench.ask("editor.armed") is None
    bench.press("d", "Escape")
    assert bench.ask("[editor.armed, told.unhandled]") == [None, []]
    bench.press("Escape")
    assert bench.ask("told.unhandled") == ["Escape"]


def test_tab_goes_round_the_boxes(bench: Bench) -> None:
    """Zoomed to each; after a deletion to the one that follows; Escape shows the whole image again."""
    small = [box(str(number), [90 * number, 50, 90 * number + 20, 70]) for number in range(4)]
    bench.start(*small)
    seen = []
    for key in ["Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Tab"]:
        bench.press(key)
        seen += bench.chosen
        assert bench.ask("editor.view.scale") == 8
    assert seen == ["0", "1", "0", "3", "2", "3"]
    bench.press("Shift+Tab", "Delete", "Tab")
    assert bench.chosen == ["3"]
    left, top = bench.point(280, 60)
    middle = bench.ask(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])(editor.element.getBoundingClientRect())"
    )
    assert (left, top) == (pytest.approx(middle[0]), pytest.approx(middle[1]))
    assert "Box 3 of 3: cat .90" in bench.spoken
    bench.press("Escape")
    assert bench.ask("[editor.view.scale, editor.selection.length]") == [1, 0]


def test_the_keyboard_is_no_trap(bench: Bench) -> None:
    """Escape, then Tab goes on to the page; a button's Tab and Space are its own, and a field's keys too."""
    bench.start(*two())
    bench.ask("document.getElementById('stage').focus()")
    bench.press("Tab", "Escape", "Tab")
    assert bench.ask("document.activeElement.id") == "after"
    bench.press("Tab")
    assert bench.ask("document.activeElement.id") == "field"
    bench.press("c", "ArrowLeft", "Delete", "Backspace")
    assert bench.ask("[editor.armed, editor.changed]") == [None, False]
    bench.press("Shift+Tab", "Shift+Tab")
    assert bench.ask("document.activeElement.id") == "stage"
    bench.press("Tab")
    assert bench.chosen == ["b"]
    bench.press("Control+a", "Escape", "Tab")
    assert bench.chosen == ["a"], "who did not come by Tab does not leave by it"
    bench.start()
    bench.ask("document.getElementById('stage').focus()")
    bench.press("Tab")
    assert bench.ask("document.activeElement.id") == "after", "an image without boxes is passed by"


def test_without_a_pointer(bench: Bench) -> None:
    """Insert puts a box into the middle of what is seen; the arrows do the rest."""
    bench.start()
    bench.press("Insert")
    assert bench.boxes == [[296.5, 221.5, 503.5, 378.5]]
    bench.press("7", "ArrowUp", "Control+ArrowRight")
    assert bench.boxes == [[296.5, 220.5, 504.5, 377.5]]
    assert bench.labels == ["seven"]
    assert bench.spoken == "Box 1 of 1: seven, 208 by 157 at 297, 221"


def test_dashed_boxes_wait_to_be_accepted(bench: Bench) -> None:
    """A model's box below the confidence is dashed; Space, its own label, or any edit makes it sure, Undo doubtful."""
    bench.start(*[box(str(number), [100 * number, 10, 100 * number + 60, 60], confidence=0.3) for number in range(4)])
    dashed = "editor.table().map(row => row.dashed)"
    marked = "[...document.querySelectorAll('.hm-editor-box')].map(path => path.classList.contains('hm-doubtful'))"
    assert bench.ask(dashed) == [True] * 4
    bench.press("Tab", "Space", "Tab", "c", "Tab", "ArrowRight")
    assert bench.ask(dashed) == bench.ask(marked) == [False, False, False, True]
    bench.press("Control+z")
    assert bench.ask(dashed) == bench.ask(marked) == [False, False, True, True]
    bench.ask("editor.acceptAll()")
    assert bench.ask(dashed) == bench.ask(marked) == [False] * 4
    assert bench.ask("editor.changed") is False, "accepting claims nothing new"
    assert bench.ask("told.change") == 5


def test_a_person_s_box_is_never_dashed(bench: Bench) -> None:
    """Nor one whose confidence is not known, nor one of just the confidence."""
    bench.start(
        box("a", [0, 0, 9, 9], origin="human", confidence=0.1),
        box("b", [0, 0, 9, 9], confidence=None),
        box("c", [0, 0, 9, 9], confidence=0.6),
        box("d", [0, 0, 9, 9], confidence=0.59),
        sure=0.6,
    )
    assert bench.ask("editor.table().map(row => row.dashed)") == [False, False, False, True]


def test_for_reading_only(bench: Bench) -> None:
    """Boxes can be chosen and seen, the image zoomed and pushed; nothing changes."""
    bench.start(*two(confidence=0.2), readonly=True)
    bench.drag((150, 150), (190, 130))
    bench.drag((500, 500), (600, 550), "Control")
    bench.press("d", "Insert", "Tab", "ArrowRight", "Delete", "Control+d", "d", "Space")
    bench.ask("() => {editor.acceptAll(); editor.setLabel('dog'); editor.remove(); editor.undo()}")
    assert (bench.boxes, bench.labels) == ([list(numbers) for numbers in TWO], ["cat", "cat"])
    assert bench.ask("[told.change, editor.armed, editor.changed]") == [0, None, False]
    assert len(bench.chosen) == 1


def test_without_labels_nothing_can_be_drawn(bench: Bench) -> None:
    """A dataset may have none yet."""
    bench.start(labels=[])
    bench.drag((50, 60), (150, 130))
    bench.press("Insert")
    assert bench.boxes == []
