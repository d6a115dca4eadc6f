"""The images that a model is tried on are chosen where people have them, and go when nobody names them."""

from pathlib import Path

import pytest

from batchservices import modelfiles, samples
from config.refusals import Refused
from tests import loop
from tests.factories import DatasetFactory, InferenceModelFactory, SampleFactory, image_bytes

pytestmark = pytest.mark.django_db


def test_a_few_images_are_spread_over_a_folder() -> None:
    for number in range(11):
        loop.put(f"inputs:street/{number:02}.png", image_bytes(number))
    assert [each.name for each in samples.of_location("inputs:street/")] == [
        "00.png", "02.png", "04.png", "06.png", "08.png", "10.png",
    ]  # fmt: skip
    assert [each.location for each in samples.of_location("inputs:street/03.png")] == ["inputs:street/03.png"]


def test_a_few_images_are_spread_over_a_dataset() -> None:
    dataset = DatasetFactory()
    rows = [SampleFactory(dataset=dataset) for _ in range(20)]
    chosen = samples.of_dataset(dataset)
    assert len(chosen) == samples.A_FEW
    assert chosen[0].name == rows[0].name
    assert len({each.location for each in chosen}) == samples.A_FEW


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("inputs:nothing", "no_images", "There are no images in inputs:nothing"),
        ("inputs:nothing.png", "source_not_found", "There is no file nothing.png"),
        ("inputs:../x", "path_not_allowed", "not a place inside"),
        ("models:samples", "scheme_not_allowed", "Only these locations"),
        ("/etc/passwd", "path_not_allowed", "not a place inside"),
    ],
)
def test_a_place_without_images_is_refused_in_words(place: str, code: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        samples.of_location(place)
    assert refusal.value.code == code


def test_an_empty_dataset_has_no_images_to_offer() -> None:
    with pytest.raises(Refused, match="There are no images in"):
        samples.of_dataset(DatasetFactory())


def test_too_many_and_too_large_uploads_are_refused_and_nothing_is_kept(own_storages: Path) -> None:
    with pytest.raises(Refused, match="at most 12 images"):
        samples.uploaded(("a.png", image_bytes(number)) for number in range(13))
    with pytest.raises(Refused, match="an image has at most"):
        samples.uploaded([("a.png", b"x" * 25_000_001)])
    assert not [path for path in (own_storages / "models").rglob("*") if path.is_file()]


def test_an_uploaded_image_goes_when_no_model_names_it() -> None:
    (chosen,) = samples.uploaded([("../a.png", image_bytes())])
    assert chosen.name == "a.png"
    samples.keep([chosen])
    one, other = InferenceModelFactory(), InferenceModelFactory()
    with modelfiles.alone():
        samples.place(one, [chosen])
        samples.place(other, [chosen])
    place = samples.read(one.samples.get())
    assert place == image_bytes()
    one.samples.all().delete()
    samples.tidy([chosen.location])
    assert samples.read(other.samples.get()) == image_bytes()
    other.samples.all().delete()
    samples.tidy([chosen.location])
    assert not modelfiles.there(chosen.location.rpartition("/")[2])
    with pytest.raises(Refused):
        loop.content(chosen.location)
