"""Auto labeling of images that are not plain RGB: transparent, with a palette, of 16 bits, in inks, gray."""

import numpy as np
import pytest
from PIL import Image

from batchservices import child
from datasets import blobs, counters, preparation
from datasets.models import Dataset, Sample, Status
from labeling import auto_labeling, auto_work
from labeling.models import AutoLabelingStatus
from tests import loop
from tests.corpus import images as corpus
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory, UserFactory

pytestmark = pytest.mark.django_db
UNLABELED = 2  # of each mode


@pytest.fixture(autouse=True)
def one_child():
    yield
    child.close()


def pictures(seed: int, *, dark: bool) -> dict[str, bytes]:
    """One image of each mode; the dark ones are one kind, the bright ones the other."""
    rng = np.random.default_rng(seed)
    low, high = (0, 90) if dark else (160, 250)
    pixels = rng.integers(low, high, (24, 32, 3), np.uint8)
    plain = Image.fromarray(pixels)
    clear = plain.copy()
    clear.putalpha(Image.fromarray(rng.integers(180, 255, (24, 32), np.uint8)))
    gray = plain.convert("L")
    gray_alpha = gray.copy()
    gray_alpha.putalpha(200)
    palette = plain.quantize(16)
    return {
        "RGBA": corpus.encoded(clear),
        "RGBA WebP": corpus.encoded(clear, "WEBP"),
        "LA": corpus.encoded(gray_alpha),
        "L": corpus.encoded(gray),
        "palette": corpus.encoded(palette),
        "palette with one transparent color": corpus.encoded(palette, transparency=0),
        "16 bits": corpus.sixteen_bit_rgb(pixels.astype(np.uint16) * 257),
        "16 bits gray": corpus.sixteen_bit_gray(pixels[..., 0].astype(np.uint16) * 257),
        "CMYK": corpus.encoded(plain.convert("CMYK"), "JPEG"),
        "one bit": corpus.encoded(gray.point(lambda value: 255 * (value > (45 if dark else 200)), "1")),
    }


@pytest.fixture
def dataset() -> Dataset:
    """Of every mode one labeled image of each kind, and two unlabeled ones."""
    made = DatasetFactory.create()
    labels = [LabelFactory.create(dataset=made, name=name) for name in ("0", "1")]
    for kind, label in enumerate(labels):
        for mode, data in pictures(kind, dark=bool(kind)).items():
            AnnotationFactory(sample=kept(made, data, f"{mode} {kind}", "labeled"), label=label)
    for number in range(UNLABELED):
        for mode, data in pictures(10 + number, dark=bool(number % 2)).items():
            kept(made, data, f"{mode} {number}", "unlabeled")
    return made


def kept(dataset: Dataset, data: bytes, name: str, status: str) -> Sample:
    prepared = preparation.Prepared(**preparation.prepare(data))
    blobs.keep(prepared=prepared, data=data)
    return SampleFactory.create(dataset=dataset, blob=blobs.rows([prepared])[prepared.sha256], name=name, status=status)


@pytest.mark.parametrize("kind", ["fast", "accurate", "pre-labeling"])
def test_a_task_over_images_of_every_mode_ends_well(dataset, kind) -> None:
    chosen = {"kind": "active_learning", "algorithm": kind}
    if kind == "pre-labeling":
        for name in loop.CLASSES[2:]:
            LabelFactory(dataset=dataset, name=name)
        chosen = {"kind": "pre_labeling", "model": loop.ready_model()}
    images = dataset.samples.filter(status=Status.UNLABELED).count()
    assert images == UNLABELED * len(pictures(0, dark=True))
    task = auto_labeling.start_auto_labeling(dataset=dataset, by=UserFactory.create(), **chosen)
    auto_work.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.error) == (AutoLabelingStatus.SUCCEEDED, "")
    assert (task.proposed, task.unreadable) == (images, 0)
    found = dataset.samples.filter(status=Status.TO_BE_CONFIRMED)
    assert found.count() == images
    assert not found.filter(annotations=None).exists()
    assert counters.check(dataset) == []
    if kind != "pre-labeling":
        right = [sample.predicted_label == sample.name[-1] for sample in found]
        assert sum(right) >= 0.8 * len(right)
