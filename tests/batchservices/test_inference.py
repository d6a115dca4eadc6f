"""A model runs in its sandbox: honest ones predict, hostile ones cost themselves or one item, nothing leaks."""

import hashlib
import io
import time
from collections.abc import Iterator

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto
from onnxruntime.capi.onnxruntime_pybind11_state import Fail
from PIL import Image, ImageFile

from batchservices import inference, onnxfile
from config.refusals import Refused
from config.sandbox import Sandbox
from tests.batchservices.refusals import assert_refusal
from tests.corpus import onnx_exports, onnx_models

CLASSES = list(onnx_models.CLASSES)
NAN, INF = float("nan"), float("inf")


def image(*, width: int = 40, height: int = 20, kind: str = "PNG", seed: int = 0) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def classifier(*, kind: str = "probabilities", scores: str = "scores", **input_: object) -> dict:
    fields = {"name": "image", "width": 8, "height": 8, "scale": [1 / 255]} | input_
    return {
        "task": "image_classification",
        "class_names": CLASSES,
        "input": fields,
        "output": {"kind": kind, "scores": scores},
    }


def scikit_learn() -> dict:
    return classifier(
        kind="label_and_probabilities", scores="output_probability", name="X", layout="flat", color="GRAY"
    )


def detector(*, resize: str = "stretch", **output: object) -> dict:
    names = {"kind": "boxes_scores_classes", "boxes": "boxes", "scores": "scores", "classes": "classes"}
    return {
        "task": "object_detection",
        "class_names": CLASSES,
        "input": {"name": "image", "width": 8, "height": 8, "resize": resize},
        "output": names | output,
    }


def surely_detects(number: int, *, score: float) -> bytes:
    return onnx_models.detects([[0, 0, 1, 1]] * number, [score] * number, [0] * number)


def load(model: bytes, profile: dict, tensor: str | None = None) -> None:
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, tensor)


def predict(model: bytes, profile: dict, data: bytes | None = None) -> dict:
    load(model, profile)
    return inference.predict_image(data or image())


@pytest.fixture(autouse=True)
def nothing_stays_loaded() -> Iterator[None]:
    yield
    inference.unload()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(imports=["batchservices.inference"], memory=2**30, noun="model") as sandbox:
        yield sandbox


# ---- honest models ----


def test_one_decode_gives_all_that_is_kept_of_an_image(sandbox: Sandbox) -> None:
    model, data = onnx_models.conv_net(), image()
    tensor = onnxfile.inspect(model)["activations_tensor"]
    sandbox.prepare(inference.load, model, hashlib.sha256(model).hexdigest(), classifier(), tensor, deadline=60)
    result = sandbox.call(inference.predict_image, data, deadline=10)
    assert result["sha256"] == hashlib.sha256(data).hexdigest()
    assert (result["width"], result["height"], result["format"]) == (40, 20, "PNG")
    assert result["probabilities"].dtype == np.float32
    assert result["activations"].dtype == np.float16
    assert result["activations"].shape == (5,)
    assert np.isclose(np.linalg.norm(result["descriptor"]), 1)
    assert np.isfinite(result["statistics"]).all()
    best, confidence = result["prediction"]["scores"][0]
    assert best == result["prediction"]["predicted_label"] == CLASSES[int(result["probabilities"].argmax())]
    assert np.float32(confidence) == result["probabilities"].max()


def test_an_image_is_decoded_once_for_the_model_and_all_that_is_kept_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decode, decoded = ImageFile.ImageFile.load, []

    def decode_and_note(opened: ImageFile.ImageFile) -> object:
        decoded.append(opened)
        return decode(opened)

    data = image(kind="JPEG", width=300)
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode_and_note)
    result = predict(onnx_models.conv_net(), classifier(), data)
    assert np.isfinite(result["statistics"]).all()
    assert np.isclose(np.linalg.norm(result["descriptor"]), 1)
    assert len({id(each) for each in decoded}) == 1


def test_logits_become_the_probabilities_that_the_softmax_gives() -> None:
    with_softmax = predict(onnx_models.conv_net(), classifier())["probabilities"]
    with_logits = predict(onnx_models.conv_net(ends="Identity"), classifier(kind="logits"))["probabilities"]
    assert np.allclose(with_softmax, with_logits, atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "logistic", "forest"])
def test_scikit_learns_models_predict_as_they_are_exported(kind: str) -> None:
    result = predict(onnx_models.scikit_learn(kind), scikit_learn())
    without = predict(
        onnx_models.scikit_learn(kind, zipmap=False),
        scikit_learn() | {"output": {"kind": "label_and_probabilities", "scores": "probabilities"}},
    )
    assert np.allclose(result["probabilities"], without["probabilities"])
    assert result["prediction"]["predicted_label"] in CLASSES


def test_the_orientation_of_the_camera_is_undone_before_the_model_sees_the_image() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (24, 40, 3), np.uint8)
    upright, turned, exif = io.BytesIO(), io.BytesIO(), Image.Exif()
    Image.fromarray(pixels).save(upright, "PNG")
    exif[0x0112] = 6  # turn it by 90 degrees to the right to see it upright
    Image.fromarray(np.rot90(pixels).copy()).save(turned, "PNG", exif=exif)
    load(onnx_models.conv_net(), classifier())
    one, other = inference.predict_image(upright.getvalue()), inference.predict_image(turned.getvalue())
    assert (one["width"], one["height"]) == (other["width"], other["height"]) == (40, 24)
    assert np.array_equal(one["probabilities"], other["probabilities"])


def test_half_precision_goes_in_and_comes_out() -> None:
    result = predict(onnx_exports.half([0.5, 0.25, 0.25]), classifier(dtype="float16"))
    assert result["probabilities"].tolist() == [0.5, 0.25, 0.25]


# ---- detectors: where boxes lie in the upright image (40 x 20), seen at 8 x 8 ----

PLACES: list[tuple[list, dict, str, list]] = [
    ([2, 2, 4, 6], {"box_format": "xyxy"}, "stretch", [10, 5, 20, 15]),
    ([2, 2, 6, 4], {"box_format": "yxyx"}, "stretch", [10, 5, 20, 15]),
    ([2, 2, 2, 4], {"box_format": "xywh"}, "stretch", [10, 5, 20, 15]),
    ([3, 4, 2, 4], {"box_format": "cxcywh"}, "stretch", [10, 5, 20, 15]),
    ([0.25, 0.25, 0.5, 0.75], {"box_unit": "normalized"}, "stretch", [10, 5, 20, 15]),
    ([2, 1, 4, 3], {}, "letterbox", [10, 5, 20, 15]),
    ([0.25, 0.125, 0.5, 0.375], {"box_unit": "normalized"}, "letterbox", [10, 5, 20, 15]),
]


@pytest.mark.parametrize(("box", "output", "resize", "expected"), PLACES)
def test_boxes_arrive_in_pixels_of_the_upright_image(box: list, output: dict, resize: str, expected: list) -> None:
    result = predict(onnx_models.detects([box], [0.9], [1]), detector(resize=resize, **output))
    assert np.allclose(result["boxes"], expected)
    assert result["prediction"]["detection_classes"] == result["labels"] == ["dog"]
    left, top, right, bottom = expected
    assert result["prediction"]["detection_boxes"] == [[top, left, bottom, right]]
    assert result["prediction"]["detection_scores"] == [0.9]


def test_boxes_below_the_threshold_are_left_out_and_the_surest_comes_first() -> None:
    model = onnx_models.detects([[0, 0, 4, 4]] * 3, [0.5, 0.1, 0.8], [1, 2, 3])
    result = predict(model, detector(score_threshold=0.4, class_offset=1))
    assert result["labels"] == ["fox", "cat"]
    assert np.allclose(result["confidences"], [0.8, 0.5])


def test_p05_boxes_over_the_border_are_clipped_and_counted() -> None:
    model = onnx_models.detects([[-2, 0, 4, 4], [20, 20, 30, 30], [1, 1, 1, 3], [1, 1, 2, 2]], [0.9] * 4, [0] * 4)
    result = predict(model, detector())
    assert np.allclose(result["boxes"], [[0.0, 0.0, 20.0, 10.0], [5.0, 2.5, 10.0, 5.0]])
    assert (result["clipped"], result["dropped"]) == (1, 2)


def test_p04_nothing_found_is_an_answer() -> None:
    result = predict(onnx_models.detects([[0, 0, 1, 1]], [0.0], [0]), detector())
    assert result["prediction"] == {"detection_classes": [], "detection_boxes": [], "detection_scores": []}
    assert result["boxes"].shape == (0, 4)


# ---- P: answers that cannot be believed ----

BAD_ANSWERS = {
    "P01 NaN": (lambda: onnx_models.says([NAN, 0.5, 0.5]), classifier(), "bad_scores"),
    "P01 Inf": (lambda: onnx_models.says([INF, 0, 0]), classifier(), "bad_scores"),
    "P01 below 0": (lambda: onnx_models.says([-0.5, 1, 0.5]), classifier(), "bad_scores"),
    "P01 above 1": (lambda: onnx_models.says([1.5, -0.25, -0.25]), classifier(), "bad_scores"),
    "P01 logits": (lambda: onnx_models.says([3, 2, 1]), classifier(), "bad_scores"),
    "P01 all zero": (lambda: onnx_models.says([0, 0, 0]), classifier(), "bad_scores"),
    "P01 NaN logits": (lambda: onnx_models.says([NAN, 1, 1]), classifier(kind="logits"), "bad_scores"),
    "P01 Inf logits": (lambda: onnx_models.says([INF, 1, 1]), classifier(kind="logits"), "bad_scores"),
    "P01 NaN box score": (lambda: onnx_models.detects([[0, 0, 1, 1]], [NAN], [0]), detector(), "bad_scores"),
    "P01 box score 2": (lambda: onnx_models.detects([[0, 0, 1, 1]], [2], [0]), detector(), "bad_scores"),
    "P02 too few": (lambda: onnx_models.says([0.5, 0.5]), classifier(), "length_mismatch"),
    "P02 too many": (lambda: onnx_models.says([0.25] * 4), classifier(), "length_mismatch"),
    "P02 unknown class": (lambda: onnx_models.detects([[0, 0, 1, 1]], [1], [3]), detector(), "length_mismatch"),
    "P02 half a class": (lambda: onnx_models.detects([[0, 0, 1, 1]], [1], [0.5]), detector(), "length_mismatch"),
    "P02 not parallel": (lambda: onnx_models.detects([[0, 0, 1, 1]], [1, 1], [0]), detector(), "length_mismatch"),
    "P04 2,000 boxes": (lambda: surely_detects(2000, score=1), detector(), "too_many_boxes"),
    "P04 a million boxes": (lambda: surely_detects(10**6, score=0), detector(), "too_many_boxes"),
    "P05 inverted": (lambda: onnx_models.detects([[5, 5, 1, 1]], [1], [0]), detector(), "bad_box"),
    "P05 NaN": (lambda: onnx_models.detects([[0, NAN, 1, 1]], [1], [0]), detector(), "bad_box"),
    "P05 Inf": (lambda: onnx_models.detects([[0, 0, INF, 1]], [1], [0]), detector(), "bad_box"),
    "text for scores": (onnx_models.string_output, classifier(), "bad_output"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "profile", "code"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_cannot_be_believed_fails_its_item(model, profile: dict, code: str) -> None:
    with pytest.raises(Refused) as caught:
        predict(model(), profile)
    assert_refusal(caught.value, code)


def test_p01_all_classes_alike_is_an_answer() -> None:
    assert predict(onnx_models.says([1 / 3] * 3), classifier())["prediction"]["predicted_label"] == "cat"


def test_a_bad_image_costs_its_item_alone(sandbox: Sandbox) -> None:
    model = onnx_models.conv_net()
    sandbox.prepare(inference.load, model, hashlib.sha256(model).hexdigest(), classifier(), None, deadline=60)
    items = [image(), b"", b"<svg/>", image(kind="JPEG", width=300)[:-200], image(seed=2)]
    with sandbox.questions(inference.predict_image, deadline_each=10) as questions:
        for item in items:
            questions.put(item)
        outcomes = [questions.wait() for _ in items]
    codes = [outcome.error and outcome.error.code for outcome in outcomes]
    assert codes == [None, "empty_file", "unsupported_format", "truncated_image", None]


# ---- N: models that do harm ----

HOSTILE = {
    "N05 endless": (onnx_models.endless, {"model_timeout"}),
    "N05 four terabytes": (onnx_models.four_terabytes, {"model_memory"}),
    "impossible shapes": (onnx_models.wrong_shapes, {"invalid_model", "model_failed"}),
}


def try_out(sandbox: Sandbox, model: bytes) -> None:
    sandbox.prepare(inference.load, model, hashlib.sha256(model).hexdigest(), classifier(), None, deadline=3)
    sandbox.call(inference.dry_run, [image()], deadline=3)


@pytest.mark.parametrize(("model", "codes"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_model_is_refused_and_the_next_one_works(sandbox: Sandbox, model, codes: set[str]) -> None:
    data, started = model(), time.monotonic()
    sandbox.forget()
    with pytest.raises(Refused) as caught:
        try_out(sandbox, data)
    assert caught.value.code in codes
    assert_refusal(caught.value, caught.value.code)
    assert time.monotonic() - started < 10
    good = onnx_models.conv_net()
    sandbox.prepare(inference.load, good, hashlib.sha256(good).hexdigest(), classifier(), None, deadline=60)
    assert sandbox.call(inference.predict_image, image(), deadline=10)["prediction"]["predicted_label"] in CLASSES


def test_a_file_that_the_runtime_takes_for_its_own_format_runs_as_the_model_that_was_checked() -> None:
    disguised = onnx_models.runtime_format()
    with pytest.raises(Fail, match="ORT model verification"):
        onnxruntime.InferenceSession(disguised)
    answers = [predict(model, classifier())["probabilities"] for model in (disguised, onnx_models.conv_net())]
    assert np.array_equal(*answers)


def test_n08_a_changed_file_is_not_loaded() -> None:
    model = onnx_models.conv_net()
    with pytest.raises(Refused) as caught:
        inference.load(model, "0" * 64, classifier(), None)
    assert_refusal(caught.value, "hash_mismatch", field=True)
    with pytest.raises(Refused) as caught:
        inference.predict_image(image())
    assert caught.value.code == "no_model"


@pytest.mark.parametrize("build", onnx_models.EXTERNAL.values(), ids=onnx_models.EXTERNAL)
def test_n02_data_in_other_files_is_refused_at_every_load(build) -> None:
    with pytest.raises(Refused) as caught:
        load(build().SerializeToString(), classifier())
    assert_refusal(caught.value, "external_data_forbidden")


PROFILES = {
    "input name": (classifier(name="picture"), "unknown_port"),
    "output name": (classifier(scores="answer"), "unknown_port"),
    "size": (classifier(width=9), "input_mismatch"),
    "layout": (classifier(layout="NHWC"), "input_mismatch"),
    "color": (classifier(color="GRAY"), "input_mismatch"),
    "dtype": (classifier(dtype="uint8", scale=[1]), "input_mismatch"),
    "profile": ({}, "bad_profile"),
}


@pytest.mark.parametrize(("profile", "code"), PROFILES.values(), ids=PROFILES)
def test_a_profile_that_does_not_fit_the_model_is_refused_with_the_field(profile: dict, code: str) -> None:
    with pytest.raises(Refused) as caught:
        load(onnx_models.conv_net(), profile)
    assert_refusal(caught.value, code, field=True)


# ---- the dry run ----


def test_the_dry_run_tells_speed_activations_and_that_it_repeats_itself() -> None:
    model = onnx_models.scikit_learn("mlp")
    load(model, scikit_learn(), onnxfile.inspect(model)["activations_tensor"])
    report = inference.dry_run([image(), image(seed=1)])
    assert report["deterministic"] is True
    assert (report["images"], report["activations"]) == (3, 16)
    assert 0 < report["seconds"] < 5


def test_p08_the_dry_run_finds_a_model_that_does_not_repeat_itself() -> None:
    load(onnx_models.random_answer(), classifier())
    assert inference.dry_run([])["deterministic"] is False


def test_p02_the_dry_run_finds_a_wrong_number_of_classes() -> None:
    load(onnx_models.says([0.5, 0.5]), classifier())
    with pytest.raises(Refused) as caught:
        inference.dry_run([])
    assert_refusal(caught.value, "length_mismatch", field=True)


# ---- a raw detector from its graph to the prediction ----


def test_a_raw_grid_with_padding_on_both_sides_arrives_as_boxes_of_the_image() -> None:
    candidates = [[4, 4, 2, 2, 0.1, 0.9, 0], [4.1, 4, 2, 2, 0, 0.8, 0], [2, 3, 1, 1, 0.6, 0, 0], [1, 1, 1, 1, 0, 0, 0]]
    model = onnx_models.fixed({"output0": np.array([candidates], np.float32).transpose(0, 2, 1)})
    output = {"kind": "grid", "boxes": "output0", "transposed": True, "box_format": "cxcywh"}
    profile = detector(resize="letterbox_centered") | {"output": output}
    result = predict(model, profile)  # 40 x 20 seen at 8 x 4, below two rows of gray
    assert result["labels"] == ["dog", "cat"]
    assert np.allclose(result["boxes"], [[15, 5, 25, 15], [7.5, 2.5, 12.5, 7.5]])
    assert np.allclose(result["confidences"], [0.9, 0.6])


def test_what_the_runtime_finds_wrong_is_told() -> None:
    broken = ModelProto.FromString(onnx_models.conv_net())
    broken.graph.node[0].input[1] = "nowhere"
    model = broken.SerializeToString()
    with pytest.raises(Refused) as caught:
        inference.load(model, hashlib.sha256(model).hexdigest(), classifier(), None)
    assert_refusal(caught.value, "invalid_model", field=True)
    assert "Node input 'nowhere' is not a graph input" in caught.value.message
