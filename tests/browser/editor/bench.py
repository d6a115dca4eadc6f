"""The box editor alone on a page, and a person in front of it. No server: the test answers the browser itself."""

import io
import json
import re
from typing import Any

from PIL import Image
from playwright.sync_api import Page, Route

from tests.serving import ROOT

ADDRESS = "http://editor.test"
PLACES = {"/static/": ROOT / "config" / "static", "/harness/": ROOT / "tests" / "browser" / "editor" / "harness"}
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'"
LABELS = [
    {"name": "cat", "color": "#e6194b", "shortcut": "c"},
    {"name": "dog", "color": "#4363d8", "shortcut": "d"},
    {"name": "seven", "color": "#3cb44b", "shortcut": "7"},
]
EXACT = [100.10000000000001, 120.30000000000001, 220.7, 240.99999999999997]
TWO = ((100, 100, 200, 200), (300, 100, 400, 200))

Numbers = list[float]


def photograph() -> bytes:
    """600 x 800 as stored, 800 x 600 upright, where its upper left quarter is red and the rest is gray."""
    upright = Image.new("RGB", (800, 600), "#808080")
    upright.paste("#ff0000", (0, 0, 400, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    stream = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(stream, "JPEG", exif=exif, quality=90)
    return stream.getvalue()


def answer(route: Route) -> None:
    """The test's only server: the product's static files, the page around the editor, one image."""
    path = route.request.url.removeprefix(ADDRESS)
    if path.endswith(".jpg"):
        route.fulfill(body=photograph() if path == "/image.jpg" else b"no image", content_type="image/jpeg")
        return
    place = next((place / path.removeprefix(start) for start, place in PLACES.items() if path.startswith(start)), None)
    file = place or PLACES["/harness/"] / "editor.html"
    headers = {"Content-Security-Policy": POLICY, "Content-Type": f"{TYPES[file.suffix]}; charset=utf-8"}
    route.fulfill(body=file.read_bytes(), headers=headers)


def box(id: str | int, numbers: Numbers, **fields: Any) -> dict[str, Any]:  # noqa: A002
    """A box as the page hands it to the editor."""
    plain = {"label": "cat", "confidence": 0.9, "origin": "model", "hard": False, "coefficient": 0.1, "reasons": []}
    return {"id": id, "box": numbers} | plain | fields


def two(**fields: Any) -> list[dict[str, Any]]:
    """Two boxes beside each other."""
    return [box(id, list(numbers), **fields) for id, numbers in zip("ab", TWO, strict=True)]  # noqa: A001


class Bench:
    """The editor on its page. Points are pixels of the image; the editor says where those are on the screen."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def start(self, *boxes: dict[str, Any], **options: Any) -> None:
        """A fresh editor of an image of 800 x 600 pixels, one screen pixel each."""
        settings = {"image": "/image.jpg", "name": "street.jpg", "width": 800, "height": 600, "labels": LABELS}
        self.page.evaluate("options => start(options)", settings | {"boxes": list(boxes)} | options)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the image is in the window."""
        left, top, scale, dx, dy = self.page.evaluate(
            "() => {const {left, top} = editor.element.getBoundingClientRect(); const {scale, x, y} = editor.view;"
            " return [left, top, scale, x, y]}"
        )
        return left + dx + scale * x, top + dy + scale * y

    def click(self, x: float, y: float, *keys: str) -> None:
        """Press and release without a move."""
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.point(x, y))
        for key in keys:
            self.page.keyboard.up(key)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *keys: str, drop: bool = True) -> None:
        """Press at one point, move in steps to another, release there."""
        here, there = self.point(*start), self.point(*end)
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.move(*here)
        self.page.mouse.down()
        self.page.mouse.move((here[0] + there[0]) / 2, (here[1] + there[1]) / 2)
        self.page.mouse.move(*there)
        if drop:
            self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    def press(self, *keys: str) -> None:
        """Real key presses, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def ask(self, expression: str) -> Any:
        """What an expression gives in the page."""
        return self.page.evaluate(expression)

    def until(self, expression: str) -> None:
        """Wait up to 20 s for an expression to hold. The page's policy forbids the browser driver's own waiting."""
        self.page.evaluate(
            f"""() => new Promise((resolve, reject) => {{
              const started = performance.now();
              const look = () => {{
                if ({expression}) resolve();
                else if (performance.now() - started < 20_000) requestAnimationFrame(look);
                else reject(new Error({json.dumps(expression)} + " never held"));
              }};
              look();
            }})"""
        )

    @property
    def boxes(self) -> list[Numbers]:
        """The boxes as they would be saved."""
        return [claim["box"] for claim in self.ask("editor.claims()")]

    @property
    def labels(self) -> list[str]:
        """Their labels."""
        return [claim["label"] for claim in self.ask("editor.claims()")]

    @property
    def drawn(self) -> list[Numbers]:
        """The boxes as they are drawn: the numbers in the paths."""
        paths = self.ask("[...document.querySelectorAll('.hm-editor-box')].map(path => path.getAttribute('d'))")
        found = [re.fullmatch(r"M(\S+) (\S+)H(\S+)V(\S+)H\1Z", path) for path in paths]
        return [[float(number) for number in match.groups()] for match in found if match]

    @property
    def chosen(self) -> list[str]:
        """The ids of the chosen boxes."""
        return self.ask("editor.selection")

    @property
    def spoken(self) -> str:
        """What a screen reader was told last."""
        return self.page.get_by_role("status").inner_text()


class Fingers:
    """Touches of a screen, as Chromium's protocol sends them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.session = bench.page.context.new_cdp_session(bench.page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        """Where the fingers are now, in pixels of the window."""
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """One finger, in pixels of the image."""
        here, there = self.bench.point(*start), self.bench.point(*end)
        self.send("Start", here)
        self.send("Move", ((here[0] + there[0]) / 2, (here[1] + there[1]) / 2))
        self.send("Move", there)
        self.send("End")
