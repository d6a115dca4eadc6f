"""Every page of a served Hardmine, found by following its links, and what is wrong with a page that is open."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from tests.browser.conftest import shoot
from tests.serving import Served

LISTEN = """
window.refusals = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refusals.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
"""Notes what the Content-Security-Policy refuses; runs before anything else of a page."""

TURNED = """() => {
  const apart = (node) => node.tagName === "BDI" || !["inline", "contents"].includes(getComputedStyle(node).display);
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (!text.data.includes("\\u202e") || text.parentElement.closest("script, style, textarea, option")) continue;
    let node = text.parentElement;
    while (!apart(node)) node = node.parentElement;
    for (const rest of node.textContent.split("\\u202e").slice(1)) {
      if (!/^\\S*\\s*(\\u2069|$)/u.test(rest)) found.add(rest.trim().slice(0, 80));
    }
  }
  return [...found];
}"""
"""Words that a right-to-left mark in a hostile name (tests/browser/hostile.py) would turn: those between the name and
the end of what sets it apart from the rest of its line."""

SERIOUS = {"serious", "critical"}
EXPECTED = re.compile("Failed to load resource: the server responded with a status of 40[034]")
"""What Chromium itself says of a refused form, of an expired one, and of an address that leads nowhere; any other
resource is asked for by the pages, whose answers `Faults.listen` sees."""

FOREIGN = {
    # Django's own SelectFilter2.js, between the two lists of a permission chooser: a <span> with an aria-label
    ("aria-prohibited-attr", "help-tooltip"),
}
"""The only faults that stay: of scripts that are not ours, as axe's rule and a word of the element."""


def shape(address: str) -> str:
    """What addresses of the same kind of page have in common: ids are #, of the query only the tab counts."""
    parts = urlsplit(address)
    tab = parse_qs(parts.query).get("tab", [""])[0]
    return re.sub(r"/\d+(?=/|$)", "/#", parts.path) + (f"?tab={tab}" if tab else "")


def places(context: BrowserContext, served: Served) -> dict[str, str]:
    """One address for each kind of page that links lead to, from Today on."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [f"{served.address}/admin/"]
    while waiting:
        address = waiting.pop(0)
        if shape(address) in seen:
            continue
        answer = context.request.get(address)
        assert answer.status == 200, f"{address} answers {answer.status}"
        seen |= {shape(address), shape(answer.url)}
        if "text/html" not in answer.headers["content-type"] or shape(answer.url) in found:
            continue
        policy = dict(part.split(maxsplit=1) for part in answer.headers["content-security-policy"].split(";"))
        assert "'unsafe-inline'" not in policy.get("script-src", policy["default-src"]), address
        found[shape(answer.url)] = answer.url
        for link in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', answer.text()):
            target = urljoin(address, unescape(link)).split("#")[0]
            if target.startswith(f"{served.address}/admin/") and "logout" not in target:
                waiting.append(target)
    return found


def file_name(shaped: str) -> str:
    """The name of a picture of a page."""
    words = re.sub(r"[^a-z_]+", "-", shaped.removeprefix("/admin/").replace("?tab=", "/")).strip("-")
    return words or "today"


@dataclass
class Faults:
    """What pages were found to do wrong, by page."""

    unusable: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Takes up what the console says of errors from now on."""

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error" and not EXPECTED.search(message.text):
                self.complaints.append(f"{page.url}: {message.text}")

        def missing(answer: Response) -> None:
            if answer.status >= 400 and answer.request.resource_type != "document":
                self.complaints.append(f"{page.url}: {answer.url} answers {answer.status}")

        page.on("console", hear)
        page.on("response", missing)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.add_init_script(LISTEN)

    def examine(self, page: Page, name: str, *, theme: str) -> None:
        """Asks axe; of the second theme only the colors."""
        if not page.evaluate("Boolean(window.axe)"):
            page.evaluate(AXE_SCRIPT)
        only = {"runOnly": ["color-contrast"]} if theme == "dark" else {}
        place = {} if name == "today" else {"exclude": [["#nav-sidebar"]]}  # the side bar is the same on all pages
        found: list[dict[str, Any]] = page.evaluate(
            "([place, options]) => axe.run(place, options).then(({ violations }) => violations)",
            [{"include": [["html"]], **place}, {"resultTypes": ["violations"], **only}],
        )
        for rule in found:
            for node in rule["nodes"]:
                foreign = any(rule["id"] == known and word in node["html"] for known, word in FOREIGN)
                if rule["impact"] in SERIOUS and not foreign:
                    why = "; ".join(check["message"] for check in node["any"])
                    self.unusable.append(f"{name} {theme}: {rule['id']}: {node['html'][:200]} {why[:200]}")

    def look(self, page: Page, name: str) -> None:
        """Both themes, wide and narrow: a picture of each, what axe says of each theme, whether each width suffices."""
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
                wear(page, theme)
                shoot(page, f"{name}-{theme}-{width}", whole=True)
                if width == 1440:
                    self.examine(page, name, theme=theme)
            self.measure(page, name)

    def measure(self, page: Page, name: str) -> None:
        """Whether all of it fits its window, and what the policy refused."""
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            width = page.viewport_size["width"] if page.viewport_size else 0
            self.wide.append(f"{name} is wider than {width} px by {over} px")
        refused = page.evaluate("window.refusals.splice(0)")
        self.refused += [f"{name}: {words}" for words in refused]


def wear(page: Page, theme: str) -> None:
    """The other theme, without a reload."""
    page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
