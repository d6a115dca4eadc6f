"""The training manifest becomes the reference: labels from its lines, numbers measured once."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from config.refusals import Refused
from hardexamples.models import Features
from hardexamples.reference import Seer, build
from tests import loop
from tests.factories import image_bytes

pytestmark = pytest.mark.django_db


class Looks:
    """A model that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, data: bytes, boxes: np.ndarray) -> Mapping[str, Any]:
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


def seer(looks: Looks) -> Seer:
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
