"""Both tasks from end to end, by clicks and keys alone: a model, a service, what it finds, what people make of it."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, expect

from datasets.formats import voc
from tests.browser.conftest import shoot
from tests.corpus.onnx_exports import with_properties
from tests.corpus.onnx_models import raw_grid
from tests.loop import digits, model_bytes, png
from tests.serving import Served

PATIENCE = 180_000
"""Milliseconds that a worker may take on a busy machine; on a quiet one it takes some seconds."""


def place(served: Served, location: str) -> Path:
    """The file of a location."""
    alias, _, path = location.partition(":")
    return Path(served.environment["HARDMINE_DATA_DIR"]) / alias / path


def put(served: Served, folder: str, pictures: list[np.ndarray]) -> list[Path]:
    """Pictures as PNG files in a folder of the inputs."""
    directory = place(served, f"inputs:{folder}")
    directory.mkdir(parents=True)
    files = [directory / f"{number:02}.png" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        file.write_bytes(png(picture))
    return files


def street(number: int) -> np.ndarray:
    """A dark picture of 64 by 64 pixels with a bright square; the model's "cat" is at 8 * number to 8 * number + 32."""
    picture = np.full((64, 64, 3), 0, np.uint8)
    left = 8 * (number + 1)
    picture[24:40, left : left + 16] = 255 - number
    return picture


def state(page: Page) -> Locator:
    """The head of a page, with the name of the thing and its state."""
    return page.locator(".sheet-head").first


def fill(page: Page, **answers: str) -> None:
    """Writes into the fields of a form, by their names."""
    for name, words in answers.items():
        page.locator(f"[name={name}]").fill(words)


def register(page: Page, name: str, model: Path, images: list[Path]) -> None:
    """Models > Register model, until what it says about the images is drawn."""
    page.get_by_role("link", name="Models").first.click()
    page.get_by_role("link", name="Register model").first.click()
    fill(page, name=name)
    page.locator("[name=file]").set_input_files(model)
    page.locator("[name=sample_files]").set_input_files(images)
    page.get_by_role("button", name="Register and try").click()
    expect(state(page)).to_contain_text("Dry run passed", timeout=PATIENCE)


def accept_and_deploy(page: Page) -> None:
    """What the model says is right: from its page to the form of a service with it."""
    page.get_by_role("button", name="Accept").click()
    expect(state(page)).to_contain_text("Ready")
    page.get_by_role("link", name="Deploy", exact=True).click()


def start(page: Page) -> None:
    """The Start button, until the run has ended."""
    page.get_by_role("button", name="Start", exact=True).click()
    expect(state(page)).to_contain_text("Finished", timeout=PATIENCE)


def tab(page: Page, name: str) -> None:
    """One of the tabs of a page."""
    page.get_by_role("navigation", name="Tabs").get_by_role("link", name=name).click()


def imported(page: Page) -> Locator:
    """The link of a collection task that has brought its images into the dataset."""
    link = page.get_by_role("link", name="Dataset imported")
    expect(link).to_be_visible(timeout=PATIENCE)
    return link


def published(page: Page) -> list[dict[str, Any]]:
    """Publishes the dataset of a grid; returns the lines of its manifest."""
    page.get_by_role("link", name="Publish").click()
    page.get_by_role("button", name="Publish").click()
    link = page.get_by_role("link", name="Download the manifest")
    expect(link).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as downloading:
        link.click()
    text = Path(downloading.value.path()).read_text()
    return [json.loads(line) for line in text.splitlines()]


def drawn(page: Page) -> list[list[float]]:
    """The boxes as they stand in the editor: xmin, ymin, xmax, ymax in pixels of the image."""
    paths = page.locator(".hm-editor-box").evaluate_all("boxes => boxes.map((box) => box.getAttribute('d'))")
    return [[float(number) for number in re.findall(r"[\d.e-]+", path)][:4] for path in paths]


def check(boxes: list[list[float]], *, cat: list[float]) -> None:
    """Whether there is the "cat" at this place, and the "dog" of every image."""
    np.testing.assert_allclose(sorted(boxes), sorted([cat, [48, 48, 64, 64]]), atol=0.001)


def test_a_detector_from_its_file_to_a_corrected_box_in_a_manifest(page: Page, served: Served, tmp_path: Path) -> None:
    name = f"street {secrets.token_hex(3)}"
    images = put(served, name.replace(" ", "-"), [street(number) for number in range(4)])
    model = tmp_path / "street.onnx"
    model.write_bytes(with_properties(raw_grid(), names="{0: 'cat', 1: 'dog'}", task="detect"))
    register(page, name, model, images[:2])
    expect(page.locator("[name=output_kind]")).to_have_value("grid")
    expect(page.locator(".tried figure svg")).to_have_count(2)
    expect(page.locator(".tried li").first).to_contain_text("cat")
    shoot(page, "service-model-tried")

    accept_and_deploy(page)
    fill(
        page,
        name=name,
        input_location=f"inputs:{images[0].parent.name}/",
        output_location=f"outputs:{images[0].parent.name}/",
        new_dataset=f"{name} hard",
    )
    page.locator("[name=filtering]").check()
    page.get_by_role("button", name="Deploy").click()
    start(page)

    tab(page, "Prediction")
    page.get_by_role("link", name=re.compile("4 predictions")).click()
    expect(page.locator(".hm-card .hm-picture svg")).to_have_count(4)
    shoot(page, "service-predictions")
    page.get_by_role("link", name=name, exact=True).click()
    tab(page, "Sample")
    imported(page).click()

    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed 4")).click()
    page.locator(".hm-card a").first.click()
    expect(page.get_by_role("heading", name="Why it is here")).to_be_visible()
    page.wait_for_selector("[data-sample][data-id]")
    corrected = page.locator("[data-name]").inner_text()
    left = 8 * int(corrected.removesuffix(".png"))
    check(drawn(page), cat=[left, 16, left + 32, 48])
    for key in ("Tab", "Tab", "ArrowRight"):
        page.keyboard.press(key)
    moved = [left + 1, 16, left + 33, 48]
    check(drawn(page), cat=moved)
    shoot(page, "service-corrected")
    page.keyboard.press("Enter")
    expect(page.locator("[data-name]")).not_to_have_text(corrected)
    page.get_by_role("link", name="Grid", exact=True).click()
    status = page.get_by_role("navigation", name="Status")
    expect(status.get_by_role("link", name="Labeled 1")).to_be_visible()

    (line,) = published(page)
    assert line["property"]["hardmine:name"] == corrected
    assert (line["hard"], line["hard-reasons"]) == ("true", "1")
    boxes = place(served, line["annotation"][0]["annotation-loc"])
    objects = voc.parse(boxes.read_bytes(), file=boxes.name).objects
    check([[found.xmin, found.ymin, found.xmax, found.ymax] for found in objects], cat=moved)


def test_a_classifier_whose_finished_run_is_filtered_afterwards(page: Page, served: Served, tmp_path: Path) -> None:
    name = f"numbers {secrets.token_hex(3)}"
    images = put(served, name.replace(" ", "-"), list(digits()[0][1000:1080]))
    model = tmp_path / "numbers.onnx"
    model.write_bytes(model_bytes())
    register(page, name, model, images[:2])
    accept_and_deploy(page)
    where = images[0].parent.name
    fill(page, name=name, input_location=f"inputs:{where}/", output_location=f"outputs:{where}/")
    page.get_by_role("button", name="Deploy").click()
    start(page)

    tab(page, "Sample")
    expect(page.get_by_text("Nothing is filtered when a run ends while it is off.")).to_be_visible()
    page.get_by_role("link", name="Synchronize Data to Dataset").click()
    fill(page, new_dataset=f"{name} all")
    page.get_by_role("button", name="Synchronize").click()
    imported(page).click()
    expect(page.get_by_role("navigation", name="Status").get_by_role("link", name="Unlabeled 80")).to_be_visible()

    page.go_back()
    page.get_by_role("link", name="Switch on").click()
    page.locator("[name=filtering]").check()
    fill(page, new_dataset=f"{name} hard")
    page.get_by_role("button", name="Save").click()
    tab(page, "Sample")
    expect(page.get_by_text(re.compile("so nothing was filtered when it ended"))).to_be_visible()
    page.get_by_role("button", name="Filter the finished run").click()
    hard = page.get_by_role("row", name=re.compile("^Hard Example Filtering"))
    expect(hard.get_by_role("link", name="Dataset imported")).to_be_visible(timeout=PATIENCE)
    hard.get_by_role("link", name="Dataset imported").click()
    waiting = page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^To Be Confirmed"))
    expect(waiting).to_have_text(re.compile(r"To Be Confirmed\s+[1-9]\d*"))
