"""The training manifest becomes the reference: labels from its lines, numbers measured once."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from config.refusals import Refused
from datasets.formats import voc
from hardexamples import labeled_parts, reference, store
from hardexamples.models import Features
from hardexamples.reference import Seer, build
from tests import loop
from tests.factories import image_bytes

pytestmark = pytest.mark.django_db


class Looks:
    """A model that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.parts = 0

    def __call__(self, data: bytes, boxes: np.ndarray, parts: bool) -> Mapping[str, Any]:
        self.asked += 1
        if data == b"no image":
            raise Refused("unsupported_format", "Only images are taken.")
        return {
            "statistics": np.arange(7, dtype=np.float32),
            "descriptor": np.full(4, len(data) % 7, np.float32),
            "activations": None,
            "probabilities": np.array([0.5, 0.5], np.float32),
            "boxes": None,
        }


class Finds(Looks):
    """A detector that finds nothing, beside 2 parts of every image."""

    def __call__(self, data: bytes, boxes: np.ndarray, parts: bool) -> Mapping[str, Any]:
        self.parts += parts
        nothing = np.zeros(0, np.float32)
        places = np.array([[0, 0, 10, 10], [20, 0, 32, 24]], np.float32)
        return {
            **super().__call__(data, boxes, parts),
            "probabilities": None,
            "boxes": np.zeros((0, 4), np.float32),
            "classes": nothing,
            "confidences": nothing,
            "box_statistics": np.zeros((0, 2), np.float32),
            "labeled_statistics": np.full((len(boxes), 2), 0.5, np.float32),
            "parts": {"places": places, "descriptors": np.eye(2, 4, dtype=np.float32)} if parts else None,
        }


def seer(looks: Looks) -> Seer:
    if isinstance(looks, Finds):
        return Seer("m" * 64, "", f"{'m' * 64}:{'p' * 64}", "object_detection", ["cat", "dog"], looks)
    return Seer("m" * 64, "", f"{'m' * 64}:{'p' * 64}", "image_classification", ["cat", "dog"], looks)


def put(lines: list[dict | str]) -> str:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    loop.put("outputs:sets/train.manifest", "\n".join(texts).encode())
    return "outputs:sets/train.manifest"


def labeled(source: str, label: str) -> dict:
    return {"source": source, "annotation": [{"type": "modelarts/image_classification", "name": label}]}


def found(manifest: str, looks: Looks, *, mapping: dict[str, str] | None = None, commits: list | None = None):
    committed = commits if commits is not None else []
    return build(manifest, seer=seer(looks), label_mapping=mapping or {}, committed=lambda: committed.append(1))


def test_labels_and_numbers_come_together_and_are_measured_once() -> None:
    for number in range(3):
        loop.put(f"outputs:sets/{number}.png", image_bytes(number))
    manifest = put([labeled("0.png", "dog"), labeled("outputs:sets/1.png", "cat"), labeled("2.png", "cow")])
    looks, commits = Looks(), []
    first = found(manifest, looks, commits=commits)
    assert first.reference.labels is not None
    assert first.reference.labels.tolist() == [1, 0, -1]
    assert first.reference.names == ("0.png", "outputs:sets/1.png", "2.png")
    assert (looks.asked, bool(commits), first.missing) == (3, True, ())
    again = found(manifest, looks)
    assert looks.asked == 3
    assert again.reference.fingerprint == first.reference.fingerprint


def test_what_cannot_be_read_is_reported_and_not_fatal() -> None:
    loop.put("outputs:sets/good.png", image_bytes(1))
    loop.put("outputs:sets/bad.png", b"no image")
    lines = [labeled("good.png", "cat"), labeled("bad.png", "cat"), labeled("gone.png", "cat"), "nonsense"]
    result = found(put(lines), Looks())
    assert result.reference.names == ("good.png",)
    assert sorted(result.missing) == ["bad.png", "gone.png", "line 4"]


def test_labels_are_read_through_the_mapping_backwards() -> None:
    loop.put("outputs:sets/0.png", image_bytes(0))
    result = found(put([labeled("0.png", "hound")]), Looks(), mapping={"dog": "hound", "cat": "cat"})
    assert result.reference.labels is not None
    assert result.reference.labels.tolist() == [1]


def test_unlabeled_lines_and_second_names_of_the_same_bytes_are_left_out() -> None:
    for name in ("a", "b"):
        loop.put(f"outputs:sets/{name}.png", image_bytes(0))
    result = found(put([labeled("a.png", "cat"), labeled("b.png", "cat"), {"source": "a.png"}]), Looks())
    assert len(result.reference) == 1
    assert Features.objects.filter(extractor="hardmine").count() == 1


def test_a_manifest_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        found("outputs:none.manifest", Looks())
    assert refusal.value.code == "source_not_found"


def boxed(number: int, *corners: float) -> dict:
    """A labeled line about an image of 32 x 24 with one dog."""
    loop.put(f"outputs:sets/{number}.png", image_bytes(number, width=32, height=24))
    annotation = voc.VocAnnotation(f"{number}.png", 32, 24, (voc.VocObject("dog", *corners),))
    loop.put(f"outputs:sets/{number}.xml", voc.write(annotation))
    kind = {"type": "modelarts/object_detection", "annotation-format": "PASCAL VOC"}
    return {"source": f"{number}.png", "annotation": [kind | {"annotation-loc": f"outputs:sets/{number}.xml"}]}


def test_parts_of_labeled_images_are_measured_once_and_follow_corrected_boxes() -> None:
    looks = Finds()
    first = found(put([boxed(0, 1, 1, 9, 9), boxed(1, 1, 1, 9, 9)]), looks).reference
    assert [each.tolist() for each in first.part_held] == [[1, 0], [1, 0]]
    assert first.part_descriptors[1].tolist() == np.eye(2, 4).tolist()
    again = found(put([boxed(0, 22, 2, 30, 20), boxed(1, 1, 1, 9, 9)]), looks).reference
    assert [each.tolist() for each in again.part_held] == [[0, 1], [1, 0]]
    assert looks.parts == 2


def test_of_a_large_training_set_some_hundred_images_show_their_parts(monkeypatch) -> None:
    monkeypatch.setattr(labeled_parts, "MOST_IMAGES", 2)
    looks = Finds()
    result = found(put([boxed(number, 1, 1, 9, 9) for number in range(4)]), looks)
    lowest = sorted(result.sha256s)[:2]
    assert [len(each) for each in result.reference.part_descriptors] == [2 * (s in lowest) for s in result.sha256s]
    assert looks.parts == 2


def test_parts_are_measured_of_images_that_were_inputs_before() -> None:
    looks = Finds()
    manifest = put([boxed(0, 1, 1, 9, 9)])
    found(manifest, looks)
    Features.objects.filter(extractor=store.PARTS_EXTRACTOR).delete()
    assert len(found(manifest, looks).reference.part_held[0]) == 2
    assert looks.asked == 2


class Dies(Finds):
    """Its worker is killed at the third image."""

    def __call__(self, data: bytes, boxes: np.ndarray, parts: bool) -> Mapping[str, Any]:
        if self.asked == 3:
            raise KeyboardInterrupt
        return super().__call__(data, boxes, parts)


def test_a_killed_worker_measures_the_parts_of_a_chunk_again_at_most(monkeypatch) -> None:
    monkeypatch.setattr(reference, "CHUNK_IMAGES", 1)
    manifest = put([boxed(number, 1, 1, 9, 9) for number in range(5)])
    with pytest.raises(KeyboardInterrupt):
        found(manifest, Dies())
    looks = Finds()
    result = found(manifest, looks)
    assert looks.parts == looks.asked == 2
    assert [len(each) for each in result.reference.part_held] == [2] * 5
