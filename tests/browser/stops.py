"""Pages that no link leads to: answers to forms, confirmations, refusals, notices. Each stop ends on such a page."""

import re
from collections.abc import Callable
from functools import partial

from playwright.sync_api import Page, expect

from tests.serving import Served

Stop = Callable[[Page, Served], None]


def act(page: Page, served: Served, *, rows: str, action: str) -> None:
    """An action on the first two rows of a change list: the page that asks before it is done."""
    page.goto(f"{served.address}/admin/{rows}/")
    for place in range(2):
        page.locator(".action-select").nth(place).check()
    page.locator("#changelist-actions select[name=action]").select_option(action)
    page.locator("#changelist-actions button[name=index]").click()
    expect(page.locator("#changelist-form")).to_have_count(0)
    expect(page.locator("#content")).to_be_visible()


def send(page: Page, served: Served, *, path: str, button: str) -> None:
    """A form sent as it is, with nothing filled in: the page that says what is wrong."""
    page.goto(f"{served.address}/admin/{path}")
    page.evaluate("() => document.querySelectorAll('form').forEach((form) => (form.noValidate = true))")
    page.get_by_role("button", name=button, exact=True).last.click()
    page.get_by_text("This field is required.").first.wait_for()


def follow(page: Page, served: Served, link: str) -> None:
    """From the list of minings to the first one, and on by a link."""
    page.goto(f"{served.address}/admin/hardexamples/mining/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name=link, exact=True).click()
    page.wait_for_selector("#recut-preview")


def recut(page: Page, served: Served, *, button: str) -> None:
    """Another threshold for a mining: what it would change, or the page that asks before it is done."""
    follow(page, served, "Re-cut")
    before = page.locator("#recut-preview").inner_text()
    page.locator("[name=algo_hard_threshold]").first.fill("0.9")
    page.locator("[name=algo_hard_threshold]").first.press("Tab")
    page.wait_for_function("before => document.querySelector('#recut-preview').innerText !== before", arg=before)
    if button:
        page.get_by_role("button", name=button).click()
        page.wait_for_selector("[name=confirmed]", state="attached")


def token(page: Page, served: Served) -> None:
    """A new token, which is shown once."""
    page.goto(f"{served.address}/admin/auth/user/")
    page.get_by_role("link", name="admin", exact=True).first.click()
    page.get_by_role("link", name="Create API token").click()
    page.get_by_role("button", name="Create API token").click()
    page.wait_for_selector(".hm-token")


def waiting(page: Page, served: Served, job: str) -> None:
    """The samples of a job that wait."""
    page.goto(f"{served.address}/admin/datasets/labelingjob/?q={job}")
    page.get_by_role("link", name=re.compile(job)).first.click()
    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed")).click()
    expect(page.locator(".hm-card").first).to_be_visible()


def chosen(page: Page, served: Served) -> None:
    """Filters unfolded, two cards chosen."""
    waiting(page, served, "digits hard")
    page.locator(".hm-filters summary").click()
    page.locator(".hm-card .hm-facts").nth(0).click()
    page.locator(".hm-card .hm-facts").nth(1).click(modifiers=["Control"])
    expect(page.locator("[data-selection]")).to_be_visible()
    expect(page.locator(".hm-reasons")).to_be_visible()


def decided(page: Page, served: Served) -> None:
    """A batch that was just decided, with its Undo, and one that was refused."""
    waiting(page, served, "back yards")
    page.locator(".hm-card .hm-facts").nth(0).click()
    page.get_by_role("button", name="Unmark", exact=True).click()
    expect(page.get_by_text("1 unmarked.")).to_be_visible()


def unlike(page: Page, served: Served) -> None:
    """Similar images, none of them chosen: Add is refused."""
    waiting(page, served, "digits hard")
    page.locator(".hm-card .hm-facts").nth(0).click()
    page.get_by_role("button", name="Find similar data").click()
    page.get_by_role("button", name="Add to dataset").click()
    page.wait_for_selector("[role=alert]")


def sample(page: Page, served: Served, job: str) -> None:
    """The hardest sample of a job that waits."""
    waiting(page, served, job)
    page.locator(".hm-picture").first.click()
    page.wait_for_selector("[data-sample][data-id]")


def keys(page: Page, served: Served, *, job: str) -> None:
    """The table of keys."""
    sample(page, served, job)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def drawing(page: Page, served: Served) -> None:
    """A box under way, with its corner held; the drawing is asked for before it is left."""
    sample(page, served, "trees hard")
    page.wait_for_selector(".hm-editor-box")
    if page.get_by_role("button", name="Discard", exact=True).is_visible():
        page.get_by_role("button", name="Discard", exact=True).click()
    for key in ("Tab", "ArrowRight", ".", "Control+ArrowLeft"):
        page.keyboard.press(key)


def leaving(page: Page, served: Served) -> None:
    """What stands between a drawing and its loss."""
    drawing(page, served)
    page.get_by_role("link", name="Grid", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Your drawing is not saved.")


def returned(page: Page, served: Served) -> None:
    """A drawing that was left behind is offered; the one who looks discards it in the end."""
    drawing(page, served)
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_text("Your unsaved drawing from")).to_be_visible()


def nowhere(page: Page, served: Served, *, path: str) -> None:
    """An address that leads nowhere."""
    page.goto(f"{served.address}{path}")


def expired(page: Page, served: Served) -> None:
    """A form whose login is over."""
    page.goto(f"{served.address}/admin/datasets/dataset/add/")
    page.evaluate("() => (document.querySelector('#content [name=csrfmiddlewaretoken]').value = 'x'.repeat(64))")
    page.get_by_label("Name").first.fill("never made")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")


def mapping(page: Page, served: Served) -> None:
    """A model chosen whose classes have no label in the dataset."""
    page.goto(f"{served.address}/admin/batchservices/batchservice/add/")
    page.locator("[name=model]").select_option(label="digits 1")
    dataset = page.locator("[name=dataset]")
    dataset.select_option(label=dataset.locator("option", has_text="meter readings").first.inner_text())
    expect(page.locator("#mapping .unmapped").first).to_be_visible()


def schedule(page: Page, served: Served) -> None:
    """A cron line that is none."""
    page.goto(f"{served.address}/admin/batchservices/batchservice/")
    page.locator("#result_list tbody th a").first.click()
    address = page.url.split("/change/")[0]
    page.goto(f"{address}/schedule/")
    page.locator("[name=schedule]").fill("61 2 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errors").first).to_be_visible()


STOPS: dict[str, Stop] = {
    "sample-action-hard": partial(act, rows="datasets/sample", action="confirm_hard_example"),
    "sample-action-unmark": partial(act, rows="datasets/sample", action="unmark"),
    "sample-action-add": partial(act, rows="datasets/sample", action="add_to_dataset"),
    "service-action-start": partial(act, rows="batchservices/batchservice", action="start"),
    "service-action-stop": partial(act, rows="batchservices/batchservice", action="stop"),
    "service-action-synchronize": partial(act, rows="batchservices/batchservice", action="synchronize"),
    "users-delete": partial(act, rows="auth/user", action="delete_selected"),
    "dataset-add-refused": partial(send, path="datasets/dataset/add/", button="Save"),
    "job-add-refused": partial(send, path="datasets/labelingjob/add/", button="Save"),
    "deploy-refused": partial(send, path="batchservices/batchservice/add/", button="Deploy"),
    "register-refused": partial(send, path="batchservices/inferencemodel/add/", button="Register and try"),
    "filter-add-refused": partial(send, path="hardexamples/hardexamplefilter/add/", button="Save"),
    "recut-preview": partial(recut, button=""),
    "recut-confirm": partial(recut, button="Apply"),
    "token-made": token,
    "grid-chosen": chosen,
    "grid-decided": decided,
    "similar-refused": unlike,
    "sample-classification": partial(sample, job="digits hard"),
    "sample-detection": partial(sample, job="trees hard"),
    "sample-keys": partial(keys, job="digits hard"),
    "sample-keys-boxes": partial(keys, job="trees hard"),
    "sample-drawing": drawing,
    "sample-leaving": leaving,
    "sample-returned": returned,
    "nowhere": partial(nowhere, path="/admin/datasets/dataset/999999/change/"),
    "not-found": partial(nowhere, path="/admin/labeling/job/999999/"),
    "expired": expired,
    "deploy-unmapped": mapping,
    "schedule-refused": schedule,
}
"""By the name of the picture. What they leave behind (a token, one sample unmarked, a drawing) harms no other stop."""
