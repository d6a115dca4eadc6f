"""A model looks more closely: at labeled boxes, and at images that were changed."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from batchservices import closer_looks, inference
from config.refusals import Refused
from config.sandbox import Sandbox
from hardexamples import crops
from hardexamples.augmentations import AUGMENTATIONS
from hardexamples.features import descriptor
from hardexamples.rules.boxes import overlaps
from tests.corpus import onnx_models

CLASSES = list(onnx_models.CLASSES)
INPUT = {"name": "image", "width": onnx_models.SIDE, "height": onnx_models.SIDE, "scale": [1 / 255] * 3}
CLASSIFIER = {
    "task": "image_classification",
    "class_names": CLASSES,
    "input": INPUT,
    "output": {"kind": "probabilities", "scores": "scores"},
}
DETECTOR = {
    "task": "object_detection",
    "class_names": CLASSES,
    "input": INPUT,
    "output": {"kind": "boxes_scores_classes", "boxes": "boxes", "scores": "scores", "classes": "classes"},
}


def lit(left: int, right: int, *, width: int = 64, height: int = 32) -> bytes:
    """An image whose halves are so bright."""
    pixels = np.full((height, width, 3), left, np.uint8)
    pixels[:, width // 2 :] = right
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def load(model: bytes, profile: dict) -> None:
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)


@pytest.fixture(autouse=True)
def nothing_stays_loaded() -> Iterator[None]:
    yield
    inference.unload()


def test_a_classifier_changes_its_mind_where_the_change_matters_to_it() -> None:
    load(onnx_models.tells_sides(), CLASSIFIER)
    data = lit(200, 60)
    before = inference.predict_image(data)["probabilities"]
    question = {"data": data, "operations": ["fliplr", "flipud", "gaussianblur"], "boxes": None}
    said = closer_looks.predict_changed(question)
    assert before.argmax() == 0
    np.testing.assert_allclose(said["fliplr"]["probabilities"], before[[1, 0, 2]], atol=1e-3)
    np.testing.assert_allclose(said["flipud"]["probabilities"], before, atol=1e-3)
    assert said["gaussianblur"]["probabilities"].argmax() == 0


def test_boxes_come_home_from_every_change() -> None:
    load(onnx_models.follows(), DETECTOR)
    data = lit(200, 20)
    found = inference.predict_image(data)["boxes"]
    said = closer_looks.predict_changed({"data": data, "operations": list(AUGMENTATIONS), "boxes": found})
    for operation, each in said.items():
        if operation != "invert":  # the light is elsewhere then
            assert overlaps(found, each["boxes"])[0, 0] > 0.5, operation
        assert each["in_view"].tolist() == [True]
        assert each["classes"].tolist() == [0]
        assert each["confidences"].tolist() == pytest.approx([0.8])


def test_the_same_image_is_changed_the_same_way_again() -> None:
    load(onnx_models.tells_sides(), CLASSIFIER)
    question = {"data": lit(200, 60), "operations": ["crop", "translate"], "boxes": None}
    one, two = closer_looks.predict_changed(question), closer_looks.predict_changed(question)
    for operation in ("crop", "translate"):
        assert one[operation]["probabilities"].tolist() == two[operation]["probabilities"].tolist()


def test_an_answer_that_cannot_be_believed_costs_its_operation_alone() -> None:
    load(onnx_models.follows(), DETECTOR)
    black = lit(0, 0)  # the middle of no light is no number
    with pytest.raises(Refused, match="finite"):
        inference.predict_image(black)
    white = lit(255, 255)
    boxes = inference.predict_image(white)["boxes"]
    said = closer_looks.predict_changed({"data": white, "operations": ["invert", "fliplr"], "boxes": boxes})
    assert said["invert"] is None
    assert said["fliplr"] is not None


def test_labeled_boxes_are_measured_beside_the_found_ones() -> None:
    load(onnx_models.follows(), DETECTOR)
    boxes = np.array([[0, 0, 16, 16], [48, 0, 64, 16], [70, 0, 90, 9]], np.float32)
    said = closer_looks.predict_labeled({"data": lit(200, 20), "boxes": boxes, "parts": False})
    np.testing.assert_allclose(said["labeled_statistics"][:, 0], [200 / 255, 20 / 255, np.nan], atol=0.01)
    assert said["box_statistics"].shape == (1, 2)
    assert said["box_statistics"].tolist() == inference.predict_image(lit(200, 20))["box_statistics"].tolist()


def test_parts_of_a_labeled_image_are_measured_where_they_are_in_it() -> None:
    load(onnx_models.follows(), DETECTOR)
    data = lit(200, 20, width=640, height=320)
    said = closer_looks.predict_labeled({"data": data, "boxes": np.zeros((0, 4), np.float32), "parts": True})["parts"]
    assert said["places"].tolist() == crops.places((640, 320)).tolist()
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    for (left, top, right, bottom), look in zip(said["places"].astype(int), said["descriptors"], strict=True):
        np.testing.assert_allclose(look, descriptor(pixels[top:bottom, left:right].copy()), atol=0.15)


@pytest.mark.parametrize(
    ("model", "code"), [("endless", "image_timeout"), ("four_terabytes", None)], ids=["it hangs", "it eats memory"]
)
def test_a_hostile_model_costs_an_answer_and_not_the_worker(model: str, code: str | None) -> None:
    made = getattr(onnx_models, model)()
    question = {"data": lit(200, 60), "operations": ["fliplr"], "boxes": None}
    with Sandbox(imports=["batchservices.closer_looks"], memory=2**30, noun="image") as sandbox:
        sandbox.prepare(
            "batchservices.inference:load", made, hashlib.sha256(made).hexdigest(), CLASSIFIER, "", deadline=60
        )
        with sandbox.questions("batchservices.closer_looks:predict_changed", deadline_each=2) as questions:
            questions.put(question)
            outcome = questions.wait()
        if code is None:
            assert outcome.value == {"fliplr": None}
        else:
            assert outcome.error.code == code
